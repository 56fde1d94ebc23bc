# Packages and the C++ build. Sourced, not run; needs common.sh.
# shellcheck shell=bash

packages() { grep -v '^#' "$MP_ROOT/scripts/packages.txt"; }

is_debian_12() {
  [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ])
}

missing_packages() {
  local installed
  installed="$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' 2>/dev/null | awk '$1 == "ii" {print $2}')"
  packages | grep -vxF -f <(printf '%s\n' "$installed") || true
}

# ensure_packages: on Debian 12 installs what is missing; elsewhere says what is needed and lets the build try.
ensure_packages() {
  local missing
  if ! is_debian_12; then
    have cmake && have ninja && have g++ && return
    note "This is not Debian 12, so nothing is installed here. Meshplay needs the equivalents of these packages:"
    packages | paste -sd' ' | fold -s -w 100 | sed 's/^/      /' >&2
    die "cmake, ninja or g++ is missing" "Install the packages above and try again."
  fi
  missing="$(missing_packages | paste -sd' ')"
  [ -n "$missing" ] || return 0
  say "Installing Debian packages: $missing"
  # shellcheck disable=SC2086
  install_packages $missing ||
    die "installing packages failed" "Install them by hand: apt-get install $missing"
}

install_packages() {
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    have sudo || die "these packages need root, and sudo is missing" "As root: apt-get install $*"
    note "This runs as root, by sudo: apt-get update; apt-get install --no-install-recommends $*"
    sudo=(sudo)
    [ -t 0 ] || sudo=(sudo -n)
  fi
  ${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null >&2 &&
    ${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@" </dev/null >&2
}

# build_jobs: as many as there are cores, at most one for each 1.2 GB of memory.
build_jobs() {
  local cores memory
  [ -z "${MESHPLAY_JOBS:-}" ] || { echo "$MESHPLAY_JOBS"; return; }
  cores="$(nproc)"
  memory="$(awk '/MemAvailable/ {print int($2 / 1200000)}' /proc/meminfo)"
  [ "$memory" -ge 1 ] || memory=1
  echo $((cores < memory ? cores : memory))
}

is_preset() { case "$1" in debug | release | asan | ubsan | tsan) ;; *) return 1 ;; esac }

configure() {
  local log="$MP_ROOT/build/$1-configure.log"
  mkdir -p "$MP_ROOT/build"
  (cd "$MP_ROOT" && cmake --preset "$1") >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    die "configuring the build failed" "The whole output is in $log. Are all packages there? ./meshplay doctor-setup"
  }
}

# build_targets PRESET [NINJA OPTION...] [TARGET...]: all targets when none is named.
build_targets() {
  local preset="$1" started=$SECONDS
  shift
  say "Building build/$preset (-j$(build_jobs))"
  (cd "$MP_ROOT" && ninja -C "build/$preset" -j "$(build_jobs)" "$@") >&2 || return 1
  note "built in $((SECONDS - started)) s"
}

# existing_programs PRESET: the targets that people and tests run, as far as this tree has them.
existing_programs() {
  ninja -C "$MP_ROOT/build/$1" -t targets all 2>/dev/null | sed -nE 's/^(meshplay-[a-z0-9-]+|meshplayctl): phony$/\1/p'
}

# program NAME: path of a built executable.
program() { find_program "$1" "${MESHPLAY_PRESET:-debug}"; }

find_program() {
  local path
  path="$(find "$MP_ROOT/build/$2" -name "$1" -type f -perm -u+x -not -path '*/CMakeFiles/*' 2>/dev/null | head -n 1)"
  [ -n "$path" ] || return 1
  echo "$path"
}
