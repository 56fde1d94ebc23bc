# What tests that are scripts share. Sourced, not run; needs WORK, a folder of the test's own. `api` and `ctl` want the
# server's URL and TOKEN, `ctl` the folder BIN of the programs as well.
# shellcheck shell=bash

step() { STEP="$*"; echo "- $*"; }
fail() { echo "$*"; exit 1; }

# eventually SECONDS COMMAND...: the command succeeds before the time is over.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >"$WORK/last" 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { cat "$WORK/last"; fail "gave up waiting for: $*"; }
    sleep 0.2
  done
}

# api METHOD PATH [BODY]
api() { curl -sf --max-time 30 -X "$1" -H "Authorization: Bearer $TOKEN" ${3:+-H 'Content-Type: application/json' -d "$3"} "$URL$2"; }
ctl() { HOME="$WORK/home" MESHPLAY_TOKEN="$TOKEN" "$BIN/meshplayctl" --server "$URL" "$@"; }
