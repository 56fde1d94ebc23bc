# ./meshplay build. Sourced by ./meshplay.
# shellcheck shell=bash

main() {
  local preset=debug
  case "${1:-}" in
    -h | --help)
      cat <<'END'
usage: ./meshplay build [debug|release|asan|ubsan|tsan] [TARGET...]

Installs what is missing (Debian 12), configures build/<preset> and builds it with ninja. Default: debug, everything.
MESHPLAY_JOBS sets the number of parallel jobs.
END
      return
      ;;
  esac
  if [ $# -gt 0 ]; then
    is_preset "$1" || usage_error "unknown preset $1"
    preset="$1"
    shift
  fi
  ensure_packages
  say "Configuring build/$preset"
  configure "$preset"
  build_targets "$preset" "$@" || die "the build failed" "The first error above says why."
}
