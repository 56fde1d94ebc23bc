# ./meshplay logs. Sourced by ./meshplay.
# shellcheck shell=bash
. "$MP_ROOT/scripts/lib/services.sh"

main() {
  local follow=0 lines=50 which=() file files=()
  while [ $# -gt 0 ]; do
    case "$1" in
      server | adapter | cluster) which+=("$1") ;;
      -f | --follow) follow=1 ;;
      -n) [[ "${2:-}" =~ ^[0-9]+$ ]] || usage_error "-n needs a number"; lines="$2"; shift ;;
      -h | --help)
        cat <<'END'
usage: ./meshplay logs [server|adapter|cluster]... [-f] [-n LINES]

The last lines of the logs in ./.meshplay; the server's and the adapter's when none is named. -f follows them.
END
        return
        ;;
      *) usage_error "unknown argument $1" ;;
    esac
    shift
  done
  [ ${#which[@]} -gt 0 ] || which=(server adapter)
  for name in "${which[@]}"; do
    case "$name" in
      server) files+=("$LOGS/server.log") ;;
      adapter) files+=("$LOGS/adapter-istio.log") ;;
      cluster) for file in "$MP_STATE"/clusters/*/log/*.log; do files+=("$file"); done ;;
    esac
  done
  local there=()
  for file in "${files[@]}"; do [ ! -e "$file" ] || there+=("$file"); done
  [ ${#there[@]} -gt 0 ] || die "there are no logs yet" "Start with ./meshplay up or ./meshplay demo."
  if [ "$follow" = 1 ]; then exec tail -n "$lines" -F "${there[@]}"; fi
  tail -n "$lines" "${there[@]}"
}
