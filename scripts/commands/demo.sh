# ./meshplay demo. Sourced by ./meshplay.
# shellcheck shell=bash
. "$MP_ROOT/scripts/lib/services.sh"

demo_usage() {
  cat <<'END'
usage: ./meshplay demo [--kubeconfig FILE] [--cluster rig|kind] [--chart-source SOURCE] [--version VERSION] [--no-build]

Builds Meshplay, starts a cluster, the server and the Istio adapter; plans and installs Istio with a live view of the steps;
installs a sample application; applies an SMI TrafficSplit and TrafficTarget; shows the inventory, the SMI report and what
Istio objects they became. Leaves everything running; a second demo goes on from there. Stop with ./meshplay down.

  --kubeconfig FILE   an existing cluster instead of a new one: Istio is installed into it
  --cluster KIND      rig: a control plane on this machine, nothing runs inside the pods (default);
                      kind: containers (default when Docker and kind work and the real charts can be reached)
  --chart-source S    repo:URL, oci:REF, dir:PATH or bundle:FILE; default: the real chart repository when it can be
                      reached, else the stand-in charts of tests/charts
  --version V         version of Istio (default 1.30.3)
  --no-build          use the programs as they are
END
}

main() {
  local kubeconfig="" kind="" charts="" version=1.30.3 build=1
  while [ $# -gt 0 ]; do
    case "$1" in
      --kubeconfig | --cluster | --chart-source | --version)
        [ $# -ge 2 ] || usage_error "$1 needs a value"
        case "$1" in
          --kubeconfig) kubeconfig="$2" ;;
          --cluster) kind="$2" ;;
          --chart-source) charts="$2" ;;
          --version) version="$2" ;;
        esac
        shift
        ;;
      --no-build) build=0 ;;
      -h | --help) demo_usage; return ;;
      *) usage_error "unknown option $1" ;;
    esac
    shift
  done
  [[ "$kind" =~ ^(rig|kind|)$ ]] || usage_error "--cluster must be rig or kind"
  [ -z "$kubeconfig" ] || [ -r "$kubeconfig" ] || die "the kubeconfig $kubeconfig cannot be read"
  mkdir -p "$RUN"
  chmod 700 "$MP_STATE"
  STEPS="$RUN/demo-steps.jsonl"
  : >"$STEPS"
  rm -f "$MP_STATE/demo.json"

  [ "$build" = 0 ] || timed build ensure_programs
  charts="$(choose_chart_source "$charts")"
  [ -n "$kubeconfig" ] || [ -n "$kind" ] || kind="$(default_cluster "$charts")"
  if [ -n "$kubeconfig" ]; then
    kubeconfig="$(realpath "$kubeconfig")"
    note "using the cluster of $kubeconfig"
  else
    timed cluster start_demo_cluster "$kind"
    kubeconfig="$(cat "$RUN/demo-kubeconfig")"
  fi
  [ "$kind" != rig ] || charts="$(charts_for_rig "$charts")"
  case "$charts" in
    "dir:$MP_ROOT/tests/charts/"*)
      say "Using the STAND-IN charts of tests/charts: the real chart repository is not used, no mesh runs inside the pods"
      ;;
    *) say "Using the real charts: $charts" ;;
  esac
  timed server start_server
  timed adapter start_adapter "$kubeconfig" "$charts"
  local kubectl
  kubectl="$(tool kubectl)" || exit 1
  MESHPLAY_TOKEN="$(cat "$TOKEN_FILE")" exec python3 "$MP_ROOT/scripts/demo.py" --rest-url "$(rest_url)" \
    --grpc-address "$(port_of grpc)" --hub-address "$(port_of hub)" --kubeconfig "$kubeconfig" --kubectl "$kubectl" \
    --steps "$STEPS" --output "$MP_STATE/demo.json" --token-file "$TOKEN_FILE" --version "$version" --charts "$charts"
}

# timed NAME COMMAND...: runs a step and notes how long it took. A step that fails ends the demo.
timed() {
  local name="$1" started ended result=SUCCEEDED
  shift
  started="$(date +%s.%N)"
  ("$@") || result=FAILED
  ended="$(date +%s.%N)"
  jq -nc --arg name "$name" --arg result "$result" --argjson from "$started" --argjson to "$ended" \
    '{name: $name, seconds: (($to - $from) * 100 | round / 100), result: $result}' >>"$STEPS"
  if [ "$result" = FAILED ]; then
    jq -s '{steps: .}' "$STEPS" >"$MP_STATE/demo.json"
    exit 1
  fi
}

default_cluster() {
  if have kind && have docker && docker info >/dev/null 2>&1 && [[ "$1" = repo:* ]]; then echo kind; else echo rig; fi
}

start_demo_cluster() {
  if [ "$1" = rig ]; then
    rig up --name demo >"$RUN/demo-kubeconfig"
    return
  fi
  have kind && have docker && docker info >/dev/null 2>&1 ||
    die "kind or Docker does not work here" "Use --cluster rig, or --kubeconfig for a cluster of your own."
  if ! kind get clusters 2>/dev/null | grep -x meshplay-demo >/dev/null; then
    say "Creating the kind cluster meshplay-demo"
    kind create cluster --name meshplay-demo --wait 180s --kubeconfig "$RUN/kind-kubeconfig" >&2
  fi
  echo meshplay-demo >"$RUN/kind-cluster"
  (umask 077 && kind get kubeconfig --name meshplay-demo >"$RUN/kind-kubeconfig")
  echo "$RUN/kind-kubeconfig" >"$RUN/demo-kubeconfig"
}

# The webhooks of the real charts are on port 443; on the rig they can only be answered where that port may be bound.
charts_for_rig() {
  local first
  first="$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)"
  if [[ "$1" = repo:* || "$1" = oci:* ]] && [ "$(id -u)" != 0 ] && [ "$first" -gt 443 ]; then
    note "not root, so the webhooks of the real charts could not be answered on this cluster"
    echo "dir:$MP_ROOT/tests/charts/istio"
  else
    echo "$1"
  fi
}
