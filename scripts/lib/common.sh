# Shared by ./meshplay and tests/cluster/rig: where things are, how we talk, locks, processes. Sourced, not run.
# shellcheck shell=bash

MP_ROOT="${MP_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
MP_CACHE="${MESHPLAY_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/meshplay}"
MP_STATE="${MESHPLAY_STATE_DIR:-$MP_ROOT/.meshplay}"

say() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }

# die MESSAGE [REMEDY]: what went wrong, and what to do about it.
die() {
  printf 'error: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '       %s\n' "$2" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# usage_error MESSAGE: bad command line; exit 2.
usage_error() {
  printf 'error: %s\n       See: %s --help\n' "$1" "${MP_PROGRAM:-./meshplay}" >&2
  exit 2
}

# with_lock NAME COMMAND...: one at a time on this machine; says so when it has to wait.
with_lock() {
  local file="$MP_CACHE/locks/$1.lock"
  shift
  mkdir -p "$MP_CACHE/locks"
  (
    if ! flock -n 9; then
      note "waiting for another run that holds $file"
      flock 9
    fi
    "$@" 9>&-
  ) 9>"$file"
}

# start_detached PIDFILE LOGFILE COMMAND...: a process of its own session, stdin closed, output appended to the log.
# The pid file also holds the start time, so that a reused pid is never taken for ours.
start_detached() {
  local pidfile="$1" logfile="$2" pid
  shift 2
  mkdir -p "$(dirname "$pidfile")" "$(dirname "$logfile")"
  setsid "$@" </dev/null >>"$logfile" 2>&1 &
  pid=$!
  printf '%s %s\n' "$pid" "$(process_start_time "$pid")" >"$pidfile"
  disown "$pid" 2>/dev/null || true
}

# Field 22 of /proc/PID/stat; the name in field 2 may hold blanks, so cut after the last ')'.
process_start_time() {
  local line
  line="$(cat "/proc/$1/stat" 2>/dev/null)" || { echo gone; return; }
  # shellcheck disable=SC2086
  set -- ${line##*)}
  echo "${20:-gone}"
}

# alive PIDFILE: is the very process we started still there?
alive() {
  local pid started state
  [ -r "$1" ] || return 1
  read -r pid started <"$1" || return 1
  [ -n "$pid" ] && [ "$(process_start_time "$pid")" = "$started" ] || return 1
  state="$(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null)"
  [ "$state" != Z ]
}

pid_of() { local pid rest; read -r pid rest <"$1" && echo "$pid"; }

# stop_process PIDFILE [SECONDS]: SIGTERM, then SIGKILL after the grace time; the pid file is removed.
stop_process() {
  local file="$1" grace="${2:-10}" pid deadline
  if alive "$file"; then
    pid="$(pid_of "$file")"
    kill -TERM "$pid" 2>/dev/null || true
    deadline=$((SECONDS + grace))
    while alive "$file"; do
      if [ "$SECONDS" -ge "$deadline" ]; then
        kill -KILL "$pid" 2>/dev/null || true
        deadline=$((SECONDS + 5))
      fi
      sleep 0.1
    done
  fi
  rm -f "$file"
}

# wait_until SECONDS COMMAND...: polls until the command succeeds or the time is over.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}
