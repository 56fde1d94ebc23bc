# ./meshplay status. Sourced by ./meshplay.
# shellcheck shell=bash
. "$MP_ROOT/scripts/lib/services.sh"

main() {
  case "${1:-}" in
    "") ;;
    -h | --help)
      cat <<'END'
usage: ./meshplay status

What runs here and where. Exit code 0 when the server is up and ready, 1 when not.
END
      return
      ;;
    *) usage_error "unknown option $1" ;;
  esac
  local up=1
  if alive "$RUN/server.pid" && server_ready >/dev/null; then
    up=0
    echo "server         up      $(rest_url)  gRPC $(port_of grpc)  hub $(port_of hub)  pid $(pid_of "$RUN/server.pid")"
    echo "token          $TOKEN_FILE"
  elif alive "$RUN/server.pid"; then
    echo "server         not ready, pid $(pid_of "$RUN/server.pid"); log $LOGS/server.log"
  else
    echo "server         down"
  fi
  if ! alive "$RUN/adapter-istio.pid"; then
    echo "adapter istio  down"
  elif [ "$up" = 0 ] && connected_adapters >/dev/null; then
    echo "adapter istio  up      connected  pid $(pid_of "$RUN/adapter-istio.pid")"
  else
    echo "adapter istio  not connected, pid $(pid_of "$RUN/adapter-istio.pid"); log $LOGS/adapter-istio.log"
  fi
  rig status | sed 's/^/cluster        /'
  return "$up"
}
