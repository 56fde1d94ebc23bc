# ./meshplay doctor-setup. Sourced by ./meshplay.
# shellcheck shell=bash

main() {
  local check=0
  case "${1:-}" in
    "") ;;
    --check) check=1 ;;
    -h | --help)
      cat <<'END'
usage: ./meshplay doctor-setup [--check]

Installs the Debian 12 packages that building and testing need (scripts/packages.txt), by sudo when not root, after saying
what. On other systems it prints what is needed. --check installs nothing and ends with 1 when something is missing.
END
      return
      ;;
    *) usage_error "unknown option $1" ;;
  esac
  if [ "$check" = 1 ]; then
    check_setup
    return
  fi
  ensure_packages
  say "Packages are complete"
  describe_machine
}

check_setup() {
  local missing
  if ! is_debian_12; then
    note "not Debian 12; needed are the equivalents of: $(packages | paste -sd' ')"
    return
  fi
  missing="$(missing_packages | paste -sd' ')"
  [ -z "$missing" ] || die "packages are missing: $missing" "Run ./meshplay doctor-setup."
  say "Packages are complete"
  describe_machine
}

# What the rig and the demo will use; nothing here is required.
describe_machine() {
  local go
  if go="$(command -v go || echo /usr/local/go/bin/go)" && [ -x "$go" ] && go_is_new_enough "$go"; then
    note "Go: $go ($(GOTOOLCHAIN=local "$go" env GOVERSION))"
  else
    note "Go: none that is new enough; the pinned toolchain is taken from the Go module proxy when needed"
  fi
  if have docker && docker info >/dev/null 2>&1; then note "Docker: works"; else note "Docker: not usable (not needed)"; fi
  note "memory: $(awk '/MemTotal/ {printf "%.0f GB", $2 / 1048576}' /proc/meminfo), cores: $(nproc)"
}
