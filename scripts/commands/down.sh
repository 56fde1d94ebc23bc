# ./meshplay down. Sourced by ./meshplay.
# shellcheck shell=bash
. "$MP_ROOT/scripts/lib/services.sh"

main() {
  local wipe=0
  case "${1:-}" in
    "") ;;
    --wipe) wipe=1 ;;
    -h | --help)
      cat <<'END'
usage: ./meshplay down [--wipe]

Stops the adapter, the server and the clusters that demo or cluster up started here; no process is left. The server's data
stays for the next up; --wipe deletes ./.meshplay.
END
      return
      ;;
    *) usage_error "unknown option $1" ;;
  esac
  stop_services --made-clusters-go
  stop_clusters
  if [ "$wipe" = 1 ]; then
    [ -z "$(ls -d "$MP_STATE"/clusters/test-* 2>/dev/null)" ] || die "a test run uses $MP_STATE" "Wait for it to end."
    rm -rf "$MP_STATE"
    say "Everything is stopped and $MP_STATE is deleted"
  else
    say "Everything is stopped"
  fi
}
