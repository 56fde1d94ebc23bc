# Starting, watching and stopping the processes of one rig cluster. Sourced by tests/cluster/rig.
# shellcheck shell=bash

# A slot N (100 to 199) gives a cluster its own loopback network 127.N.0.0/16: its Services live there and its own
# processes listen on 127.N.255.250. So ports never collide, and nothing the API server calls leaves the machine.
SLOTS="$MP_CACHE/rig/slots"

slot_is_free() {
  local file="$SLOTS/$1" dir pid started
  if [ -r "$file" ]; then
    read -r pid started dir <"$file" || true
    [ "$(process_start_time "${pid:-0}")" != "${started:-}" ] || return 1
    ! alive "$dir/run/etcd.pid" && ! alive "$dir/run/kube-apiserver.pid" || return 1
  fi
  # Somebody else's cluster (another user, another cache folder) may be there.
  ! (exec 3<>"/dev/tcp/127.$1.255.250/6443") 2>/dev/null && ! (exec 3<>"/dev/tcp/127.$1.255.250/2379") 2>/dev/null
}

claim_slot() {
  local n
  mkdir -p "$SLOTS"
  for n in $(seq 100 199); do
    if slot_is_free "$n"; then
      printf '%s %s %s\n' "$$" "$(process_start_time $$)" "$DIR" >"$SLOTS/$n"
      echo "$n" >"$DIR/slot"
      return
    fi
  done
  die "all 100 slots for test clusters are taken" "Stop clusters with: $MP_PROGRAM down --all"
}

cluster_is_up() {
  local file
  for file in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    alive "$DIR/run/$file.pid" || return 1
  done
  [ -e "$DIR/ready" ] && { [ -e "$DIR/no-kubelet" ] || alive "$DIR/run/kwok.pid"; }
}

# run_part NAME COMMAND...
run_part() {
  local name="$1"
  shift
  start_detached "$DIR/run/$name.pid" "$DIR/log/$name.log" "$@"
}

api_get() {
  curl -sf --max-time 5 --cacert "$PKI/ca.crt" --cert "$PKI/admin.crt" --key "$PKI/admin.key" "$SERVER$1"
}

# answers NAME PATH: the API answers; gives up at once when the process NAME has ended.
wait_for_api() {
  local deadline=$((SECONDS + 90))
  until api_get /readyz >/dev/null 2>&1; do
    alive "$DIR/run/kube-apiserver.pid" && alive "$DIR/run/etcd.pid" && [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}

nodes_ready() {
  [ "$(api_get /api/v1/nodes | grep -c '"reason": *"KubeletReady"')" -ge "$NODES" ] &&
    api_get /api/v1/namespaces/default/serviceaccounts/default
}

start_cluster() {
  local slot address token
  with_lock rig-slots claim_slot
  slot="$(cat "$DIR/slot")"
  address="127.$slot.255.250"
  SERVER="https://$address:6443"
  say "Starting cluster $NAME"
  SERVICES="${SERVICES:-127.$slot}"
  make_certificates "$address" "$SERVICES.0.1"
  token="$(openssl rand -hex 24)"
  (umask 077 && echo "$token,meshplay-rig-admin,meshplay-rig-admin,system:masters" >"$PKI/tokens.csv")
  (
    umask 077
    write_kubeconfig "$DIR/kubeconfig" admin
    write_token_kubeconfig "$DIR/kubeconfig-token" "$token"
    for user in controller-manager scheduler kwok; do write_kubeconfig "$PKI/$user.kubeconfig" "$user"; done
  )
  echo "$SERVER" >"$DIR/server"

  run_part etcd "$(tool etcd)" --name rig --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "http://$address:2379" --advertise-client-urls "http://$address:2379" \
    --listen-peer-urls "http://$address:2380" --initial-advertise-peer-urls "http://$address:2380" \
    --initial-cluster "rig=http://$address:2380" --quota-backend-bytes 1073741824
  run_part kube-apiserver "$(tool kube-apiserver)" --etcd-servers "http://$address:2379" \
    --bind-address "$address" --secure-port 6443 --endpoint-reconciler-type none \
    --service-cluster-ip-range "$SERVICES.0.0/16" --allow-privileged=true --authorization-mode RBAC \
    --client-ca-file "$PKI/ca.crt" --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
    --token-auth-file "$PKI/tokens.csv" --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$PKI/service-account.pub" \
    --service-account-signing-key-file "$PKI/service-account.key" \
    --requestheader-client-ca-file "$PKI/ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$PKI/proxy.crt" --proxy-client-key-file "$PKI/proxy.key" \
    --audit-policy-file "$HERE/lib/audit.yaml" --audit-log-path "$DIR/audit.log" --audit-log-mode blocking
  wait_for_api || return 1
  run_part kube-controller-manager "$(tool kube-controller-manager)" --kubeconfig "$PKI/controller-manager.kubeconfig" \
    --controllers '*,-node-ipam-controller' --use-service-account-credentials=true --leader-elect=false --secure-port 0 \
    --root-ca-file "$PKI/ca.crt" --service-account-private-key-file "$PKI/service-account.key" \
    --cluster-signing-cert-file "$PKI/ca.crt" --cluster-signing-key-file "$PKI/ca.key" \
    --kube-api-qps 500 --kube-api-burst 1000
  run_part kube-scheduler "$(tool kube-scheduler)" --kubeconfig "$PKI/scheduler.kubeconfig" \
    --leader-elect=false --secure-port 0 --kube-api-qps 500 --kube-api-burst 1000
  if [ "$NODES" = 0 ]; then touch "$DIR/no-kubelet"; else start_nodes "$slot" "$address" || return 1; fi
  [ "$STANDIN" = 0 ] || run_part standin "$(standin_path)" --server "$SERVER" --ca "$PKI/ca.crt" \
    --cert "$PKI/standin.crt" --key "$PKI/standin.key" --control "$address:9900"
  wait_until 60 nodes_ready || return 1
  touch "$DIR/ready"
}

# start_nodes SLOT ADDRESS
start_nodes() {
  # Pod addresses are multicast ones: loopback is refused in EndpointSlices, and dialling a multicast address fails at
  # once on this machine instead of reaching whoever has a private address out there.
  run_part kwok "$(tool kwok)" --kubeconfig "$PKI/kwok.kubeconfig" --manage-all-nodes=true \
    --config "$HERE/stages/stages.yaml" --cidr "239.$1.0.1/16" --node-ip "$2" --node-lease-duration-seconds 40 -v WARN
  create_nodes
}

create_nodes() {
  local n
  for n in $(seq 1 "$NODES"); do
    cat <<END
---
apiVersion: v1
kind: Node
metadata:
  name: $NAME-node-$n
  annotations: {kwok.x-k8s.io/node: fake}
  labels:
    kubernetes.io/hostname: $NAME-node-$n
    kubernetes.io/os: linux
    kubernetes.io/arch: amd64
    topology.kubernetes.io/region: rig
    topology.kubernetes.io/zone: rig-$n
END
  done | "$(tool kubectl)" --kubeconfig "$DIR/kubeconfig" apply -f - >/dev/null
}

# The data of a stopped cluster is thrown away, so nobody is given long to finish.
stop_cluster() {
  local file files=() deadline=$((SECONDS + 3)) left
  for file in kwok kube-scheduler kube-controller-manager standin kube-apiserver etcd; do
    [ ! -e "$DIR/run/$file.pid" ] || files+=("$DIR/run/$file.pid")
  done
  for file in ${files[@]+"${files[@]}"}; do alive "$file" && kill -TERM "$(pid_of "$file")" 2>/dev/null; done
  while :; do
    left=0
    for file in ${files[@]+"${files[@]}"}; do
      alive "$file" || continue
      left=1
      [ "$SECONDS" -lt "$deadline" ] || kill -KILL "$(pid_of "$file")" 2>/dev/null || true
    done
    [ "$left" = 1 ] || break
    sleep 0.1
  done
  rm -f ${files[@]+"${files[@]}"} "$DIR/ready"
  # The slot may have been taken over since; only our own claim is removed.
  if [ -r "$DIR/slot" ] && grep -qs " $DIR\$" "$SLOTS/$(cat "$DIR/slot")"; then rm -f "$SLOTS/$(cat "$DIR/slot")"; fi
}

show_logs() {
  local file
  for file in "$DIR"/log/*.log; do
    [ -s "$file" ] || continue
    printf -- '--- last lines of %s\n' "$file" >&2
    tail -n 5 "$file" >&2
  done
}

# standin_path: the stand-in for control planes.
standin_path() { own_program standin "$HERE/standin"; }

# judge_path NAME: a program around code of a mesh that judges or reads objects.
judge_path() {
  [ -f "$HERE/judges/${1:-}/main.go" ] || usage_error "judge needs a name: istio, cilium, istio-authz"
  own_program "judge-$1" "$HERE/judges/$1"
}

# own_program NAME DIR: the path of a Go program of this tree, built once for the hash of its sources.
own_program() {
  local hash path
  hash="$(cat "$2"/*.go "$2/go.mod" | sha256sum | cut -c1-16)"
  path="$MP_CACHE/$1/$hash/$1"
  [ -x "$path" ] || with_lock "tool-$1" build_own_program "$1" "$2" "$path" || exit 1
  echo "$path"
}

build_own_program() {
  [ ! -x "$3" ] || return 0
  say "Building $1"
  mkdir -p "$(dirname "$3")"
  go_run "$2" build -trimpath -ldflags "-s -w" -o "$3.new.$$" . || die "building ${2#"$MP_ROOT/"} failed"
  mv "$3.new.$$" "$3"
}

# standin_mode MODE [WEBHOOK]
standin_mode() {
  local slot
  [ $# -ge 1 ] || usage_error "standin needs a mode: ok, fail, hang or absent"
  slot="$(cat "$DIR/slot")"
  curl -sf --max-time 5 -X POST "http://127.$slot.255.250:9900/mode?mode=$1&webhook=${2:-all}" ||
    die "the stand-in did not accept mode $1 ${2:-}" "Modes: ok, fail, hang, absent; webhooks: injection, validation."
}
