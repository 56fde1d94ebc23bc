# Real custom resource definitions for tests (scripts/definitions.txt), kept by version. Sourced; needs common.sh, tools.sh.
# shellcheck shell=bash

# definitions: prints one line for each set, "name folder", fetching those that are not there.
definitions() {
  local name version module files
  while read -r name version module files; do
    [ -d "$MP_CACHE/definitions/$name/$version" ] ||
      with_lock "definitions-$name" fetch_definitions "$name" "$version" "$module" "$files" || exit 1
    echo "$name $MP_CACHE/definitions/$name/$version"
  done < <(grep -v '^#' "$MP_ROOT/scripts/definitions.txt")
}

# fetch_definitions NAME VERSION MODULE FILES: the whole module is read once, in a module cache that is gone afterwards.
fetch_definitions() {
  local name="$1" version="$2" module="$3" pins="$MP_ROOT/tests/cluster/go/definitions" work done=0
  local target="$MP_CACHE/definitions/$name/$version"
  [ ! -d "$target" ] || return 0
  # Go would take a module that go.sum does not name.
  grep -qF "$module v$version h1:" "$pins/go.sum" ||
    die "$module v$version has no checksum in tests/cluster/go/definitions/go.sum" "Add its two lines."
  say "Taking the definitions of $name $version from their Go module (kept in $MP_CACHE)"
  mkdir -p "$(dirname "$target")"
  work="$(mktemp -d "$target.new.XXXXXX")"
  copy_definitions "$work" "$pins" "$module@v$version" "$4" && mv "$work/files" "$target" && done=1
  chmod -R u+w "$work" && rm -rf "$work"
  [ "$done" = 1 ] || die "the definitions of $name $version did not come" \
    "The output above says why; a Go module proxy must be reachable (GOPROXY)."
}

copy_definitions() {
  local work="$1" folder files file
  read -ra files <<<"$4"
  folder="$(GOMODCACHE="$work/mod" go_run "$2" mod download -json "$3" | sed -n 's/^\s*"Dir": "\(.*\)",\?$/\1/p')"
  [ -n "$folder" ] && mkdir "$work/files" || return 1
  for file in "${files[@]}"; do cp "$folder/$file" "$work/files/" || return 1; done
}
