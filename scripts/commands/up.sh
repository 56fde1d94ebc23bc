# ./meshplay up. Sourced by ./meshplay.
# shellcheck shell=bash
. "$MP_ROOT/scripts/lib/services.sh"

main() {
  local kubeconfig="" charts="" build=1
  while [ $# -gt 0 ]; do
    case "$1" in
      --kubeconfig | --chart-source)
        [ $# -ge 2 ] || usage_error "$1 needs a value"
        case "$1" in --kubeconfig) kubeconfig="$2" ;; --chart-source) charts="$2" ;; esac
        shift
        ;;
      --no-build) build=0 ;;
      -h | --help)
        cat <<'END'
usage: ./meshplay up [--kubeconfig FILE] [--chart-source SOURCE] [--no-build]

Builds what is missing and starts the server, and the Istio adapter for a cluster: that of --kubeconfig, else of
$KUBECONFIG, else the one of ./meshplay cluster up. What runs already with the same settings is left alone.
SOURCE: repo:URL, oci:REF, dir:PATH or bundle:FILE; the real chart repository when it can be reached, else the stand-ins.
Data, logs and the admin token are in ./.meshplay. Stop with ./meshplay down.
END
        return
        ;;
      *) usage_error "unknown option $1" ;;
    esac
    shift
  done
  kubeconfig="$(choose_kubeconfig "$kubeconfig")"
  [ "$build" = 0 ] || ensure_programs
  start_server
  if [ -n "$kubeconfig" ]; then
    start_adapter "$kubeconfig" "$(choose_chart_source "$charts")"
  else
    note "no kubeconfig at hand, so no adapter was started (--kubeconfig, \$KUBECONFIG or ./meshplay cluster up)"
  fi
  say "Meshplay is up"
  cat <<END
REST:  $(rest_url)
gRPC:  $(port_of grpc)
hub:   $(port_of hub)
token: $TOKEN_FILE

  export MESHPLAY_SERVER=$(rest_url) MESHPLAY_TOKEN=\$(cat "$TOKEN_FILE")
  $(program meshplayctl || echo meshplayctl) clusters
END
}
