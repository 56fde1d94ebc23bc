# Starting and stopping the server and the Istio adapter of ./.meshplay. Sourced, not run; needs common.sh, build.sh.
# shellcheck shell=bash

RUN="$MP_STATE/run"
LOGS="$MP_STATE/log"
TOKEN_FILE="$MP_STATE/admin-token"
PORTS_FILE="$RUN/ports.json"

rig() { MP_PROGRAM="./meshplay cluster" "$MP_ROOT/tests/cluster/rig" "$@"; }

rest_url() { jq -er '"http://" + .rest' "$PORTS_FILE" 2>/dev/null; }
port_of() { jq -er ".$1" "$PORTS_FILE" 2>/dev/null; }

# api METHOD PATH [BODY]: the token goes to curl by a file descriptor, so it is on no command line.
api() {
  local method="$1" path="$2" body="${3:-}"
  curl -sf --max-time 30 -X "$method" -H @<(printf 'Authorization: Bearer %s\n' "$(cat "$TOKEN_FILE")") \
    ${body:+-H 'Content-Type: application/json' -d "$body"} "$(rest_url)$path"
}

server_ready() { curl -sf --max-time 5 "$(rest_url)/readyz"; }

# listen_addresses: sets REST, GRPC and HUB: those of the last start, else the defaults, else free ports.
listen_addresses() {
  if [ -r "$RUN/last-ports.json" ]; then
    # Adapters have stored the hub's address, so a restart keeps it.
    REST="$(jq -r .rest "$RUN/last-ports.json")" GRPC="$(jq -r .grpc "$RUN/last-ports.json")" HUB="$(jq -r .hub "$RUN/last-ports.json")"
    return
  fi
  REST=127.0.0.1:9081 GRPC=127.0.0.1:9082 HUB=127.0.0.1:9083
  if port_is_taken 9081 || port_is_taken 9082 || port_is_taken 9083; then
    note "a port of 9081 to 9083 is taken, so free ports are used"
    REST=127.0.0.1:0 GRPC=127.0.0.1:0 HUB=127.0.0.1:0
  fi
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_server() {
  local binary
  binary="$(program meshplay-server)" || die "meshplay-server is not built" "Run ./meshplay build."
  if alive "$RUN/server.pid" && [ "$(stamp "$binary")" = "$(cat "$RUN/server.stamp" 2>/dev/null)" ] && server_ready >/dev/null; then
    note "the server is up at $(rest_url)"
    return
  fi
  stop_process "$RUN/server.pid" 15
  mkdir -p "$RUN" "$LOGS" "$MP_STATE/data"
  chmod 700 "$MP_STATE" "$MP_STATE/data"
  local REST GRPC HUB
  listen_addresses
  rm -f "$PORTS_FILE"
  say "Starting the server"
  rotate_log "$LOGS/server.log"
  start_detached "$RUN/server.pid" "$LOGS/server.log" "$binary" serve --data-dir "$MP_STATE/data" \
    --rest-listen "$REST" --grpc-listen "$GRPC" --hub-listen "$HUB" --ports-file "$PORTS_FILE" \
    --admin-token-file "$TOKEN_FILE"
  stamp "$binary" >"$RUN/server.stamp"
  wait_for_process "$RUN/server.pid" 60 server_ready || {
    tail -n 15 "$LOGS/server.log" >&2
    stop_process "$RUN/server.pid"
    die "the server did not become ready" "Its log is $LOGS/server.log; a port in use shows there (remove $RUN/last-ports.json to choose new ones)."
  }
  cp "$PORTS_FILE" "$RUN/last-ports.json"
  [ -s "$TOKEN_FILE" ] || die "the server wrote no admin token to $TOKEN_FILE" "Start afresh: ./meshplay down --wipe, then up."
  note "the server is up at $(rest_url)"
}

# stamp FILE: changes when the file is built anew, so that a rebuilt program is started again.
stamp() { stat -c '%n %Y %s' "$1"; }

# wait_for_process PIDFILE SECONDS COMMAND...: true when the command succeeds, false when the process ends or time is over.
wait_for_process() {
  local pidfile="$1" deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    alive "$pidfile" && [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}

# A log is kept from start to start; the one before stays as .1.
rotate_log() { [ ! -s "$1" ] || mv "$1" "$1.1"; }

# choose_kubeconfig [FILE]: prints the kubeconfig to use, nothing when there is none.
choose_kubeconfig() {
  local file name
  for file in "${1:-}" "${KUBECONFIG:-}"; do
    [ -n "$file" ] || continue
    [ -r "$file" ] || die "the kubeconfig $file cannot be read" "Give another one with --kubeconfig."
    realpath "$file"
    return
  done
  for name in demo rig; do
    if rig status 2>/dev/null | grep -P "^$name\tup\t" >/dev/null; then
      echo "$MP_STATE/clusters/$name/kubeconfig"
      return
    fi
  done
}

# The real chart repository when it can be reached, else the stand-ins of tests/charts.
CHART_REPOSITORY=https://istio-release.storage.googleapis.com/charts

choose_chart_source() {
  if [ -n "${1:-}" ]; then
    echo "$1"
  elif curl -sfL --connect-timeout 4 --max-time 10 -o /dev/null -r 0-0 "$CHART_REPOSITORY/index.yaml"; then
    echo "repo:$CHART_REPOSITORY"
  else
    echo "dir:$MP_ROOT/tests/charts/istio"
  fi
}

connected_adapters() { api GET "/v1/adapters" | jq -e '[.adapters[]? | select(.mesh_type == "istio" and .connected)] | length > 0'; }

# start_adapter KUBECONFIG CHART_SOURCE
start_adapter() {
  local kubeconfig="$1" charts="$2" binary helm wanted enroll=()
  binary="$(program meshplay-adapter-istio)" || die "meshplay-adapter-istio is not built" "Run ./meshplay build."
  helm="$(helm_path)" || exit 1
  wanted="$(printf '%s\n' "$(stamp "$binary")" "$kubeconfig" "$(sha256sum <"$kubeconfig")" "$charts" "$helm")"
  if alive "$RUN/adapter-istio.pid" && [ "$wanted" = "$(cat "$RUN/adapter-istio.args" 2>/dev/null)" ] && connected_adapters >/dev/null; then
    note "the Istio adapter is up and connected"
    return
  fi
  stop_process "$RUN/adapter-istio.pid" 15
  mkdir -p "$MP_STATE/adapter-istio"
  chmod 700 "$MP_STATE/adapter-istio"
  if [ ! -e "$MP_STATE/adapter-istio/.enrolled" ]; then
    say "Enrolling the Istio adapter"
    (umask 077 && api POST /v1/enrollmentTokens '{"mesh_type":"istio","display_name":"local"}' >"$MP_STATE/enroll.json") ||
      die "the server gave no enrolment token" "See $LOGS/server.log."
  fi
  [ ! -e "$MP_STATE/enroll.json" ] || enroll=(--enroll-file "$MP_STATE/enroll.json")
  say "Starting the Istio adapter (charts: $charts)"
  rotate_log "$LOGS/adapter-istio.log"
  start_detached "$RUN/adapter-istio.pid" "$LOGS/adapter-istio.log" "$binary" run --state-dir "$MP_STATE/adapter-istio" \
    ${enroll[@]+"${enroll[@]}"} --kubeconfig "$kubeconfig" --chart-source "$charts" --helm "$helm"
  printf '%s\n' "$wanted" >"$RUN/adapter-istio.args"
  wait_for_process "$RUN/adapter-istio.pid" 60 connected_adapters || {
    tail -n 15 "$LOGS/adapter-istio.log" >&2
    stop_process "$RUN/adapter-istio.pid" 15
    die "the Istio adapter did not connect" "Its log is $LOGS/adapter-istio.log."
  }
  forget_made_clusters "$kubeconfig"
  remember_cluster "$kubeconfig"
  touch "$MP_STATE/adapter-istio/.enrolled"
  rm -f "$MP_STATE/enroll.json"
  note "the Istio adapter is connected"
}

# meshplayctl as the administrator; the token goes by the environment, so it is on no command line.
ctl() { MESHPLAY_SERVER="$(rest_url)" MESHPLAY_TOKEN="$(cat "$TOKEN_FILE")" "$(program meshplayctl)" "$@"; }

MADE_CLUSTERS="$RUN/made-clusters"

cluster_uid() { "$(tool kubectl)" --kubeconfig "$1" get namespace kube-system -o 'jsonpath={.metadata.uid}' 2>/dev/null; }

# remember_cluster KUBECONFIG: a cluster that was made here is noted; the server forgets it when it goes.
remember_cluster() {
  local uid
  [[ "$1" = "$MP_STATE"/* ]] || return 0
  uid="$(cluster_uid "$1")" && [ -n "$uid" ] || return 0
  mkdir -p "$RUN"
  grep -qxs "$uid" "$MADE_CLUSTERS" || echo "$uid" >>"$MADE_CLUSTERS"
}

# forget_made_clusters [KUBECONFIG]: the server forgets what was made here and is gone, that is all but the cluster of
# KUBECONFIG. A cluster that an adapter still claims, or a server that does not answer, is no error: the next time does it.
forget_made_clusters() {
  local keep="" uid id left=()
  [ -s "$MADE_CLUSTERS" ] || return 0
  server_ready >/dev/null 2>&1 || return 0
  [ -z "${1:-}" ] || keep="$(cluster_uid "$1")"
  while read -r uid; do
    id="$(ctl clusters list -o json 2>/dev/null | jq -r --arg uid "$uid" '.[] | select(.uid == $uid).id')" || id=""
    if [ "$uid" = "$keep" ]; then
      left+=("$uid")
    elif [ -n "$id" ]; then
      if ctl clusters forget "$id" >/dev/null 2>&1; then note "the server forgot cluster $id, which is gone"; else left+=("$uid"); fi
    fi
  done <"$MADE_CLUSTERS"
  printf '%s\n' ${left[@]+"${left[@]}"} | sed '/^$/d' >"$MADE_CLUSTERS"
}

# stop_services [--made-clusters-go]: with the flag the server forgets them between the adapter's end and its own.
stop_services() {
  local name
  for name in adapter-istio server; do
    [ "$name" = adapter-istio ] || [ "${1:-}" != --made-clusters-go ] || forget_made_clusters
    if alive "$RUN/$name.pid"; then
      say "Stopping $name"
      stop_process "$RUN/$name.pid" 15
    else
      rm -f "$RUN/$name.pid"
    fi
  done
}

# stop_clusters: every rig cluster of this folder except those of running tests, and the kind cluster of the demo.
stop_clusters() {
  local dir name
  for dir in "$MP_STATE"/clusters/*/; do
    name="$(basename "$dir")"
    [ -e "$dir/slot" ] || continue
    [[ "$name" != test-* ]] || continue
    say "Stopping cluster $name"
    rig down --name "$name"
  done
  if [ -e "$RUN/kind-cluster" ] && have kind; then
    say "Deleting the kind cluster $(cat "$RUN/kind-cluster")"
    kind delete cluster --name "$(cat "$RUN/kind-cluster")" >&2 && rm -f "$RUN/kind-cluster"
  fi
}

# ensure_programs: the executables that up and demo run, built when they are missing or older than their sources.
ensure_programs() {
  ensure_packages
  configure debug
  build_targets debug meshplay-server meshplayctl meshplay-adapter-istio ||
    die "the build failed" "The first error above says why."
}
