# ./meshplay test. Sourced by ./meshplay.
# shellcheck shell=bash

TEST_LEVELS=(unit store protocol integration e2e)
TEST_CLUSTER="" # Name of the cluster this run started.

test_usage() {
  cat <<'END'
usage: ./meshplay test [LEVEL...] [--all] [-R REGEX]

Levels: unit store protocol integration e2e (all five when none is named), and faults, fuzz.
  --all      the five, faults, a fuzz smoke, and the unit, store and protocol tests of base, smi, store, engine and hub
             under the address sanitizer
  -R REGEX   only tests whose name matches

Installs and builds what is missing, starts a cluster when a level needs one (kept from MESHPLAY_TEST_KUBECONFIG when
that is set), and ends with the line "N passed, N failed, N skipped". Exit code 1 when a test failed.
END
}

main() {
  local levels=() all=0 regex="" results level
  while [ $# -gt 0 ]; do
    case "$1" in
      unit | store | protocol | integration | e2e | faults | fuzz) levels+=("$1") ;;
      --all) all=1 ;;
      -R) [ $# -ge 2 ] || usage_error "-R needs a value"; regex="$2"; shift ;;
      -h | --help) test_usage; return ;;
      *) usage_error "unknown test level $1" ;;
    esac
    shift
  done
  [ ${#levels[@]} -gt 0 ] || levels=("${TEST_LEVELS[@]}")
  [ "$all" = 0 ] || levels=("${TEST_LEVELS[@]}" faults fuzz)

  results="$MP_ROOT/build/test-results"
  rm -rf "$results"
  mkdir -p "$results"
  trap 'stop_test_cluster' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  run_levels debug "$results" "$regex" "${levels[@]}" || true
  stop_test_cluster
  [ "$all" = 0 ] || run_asan "$results" "$regex" || true
  trap - EXIT
  python3 "$MP_ROOT/scripts/test_results.py" summary "$results"
}

# fail_step RESULTS NAME MESSAGE: something before the tests went wrong; it counts as one failed test.
fail_step() {
  printf 'error: %s\n' "$3" >&2
  printf '%s\n' "$3" >"$1/$2.failed"
}

run_levels() {
  local preset="$1" results="$2" regex="$3" level targets=() needs_cluster=0 everything=0
  shift 3
  if ! (ensure_packages); then fail_step "$results" packages "packages are missing"; return 1; fi
  say "Configuring build/$preset"
  if ! (configure "$preset"); then fail_step "$results" configure "configuring build/$preset failed"; return 1; fi
  for level in "$@"; do
    case "$level" in
      integration | e2e | faults) everything=1 ;;
    esac
  done
  # With -R only what the named tests need; the upper levels also run the programs.
  if [ "$everything" = 0 ] || [ -n "$regex" ]; then
    mapfile -t targets < <(python3 "$MP_ROOT/scripts/test_results.py" targets "$MP_ROOT/build/$preset" "$regex" "$@")
    if [ "$everything" = 1 ]; then mapfile -t -O ${#targets[@]} targets < <(existing_programs "$preset"); fi
  fi
  if [ "$everything$regex" = 1 ] || [ ${#targets[@]} -gt 0 ]; then
    # -k 0: what can be built is built and tested; a test without its executable counts as failed.
    build_targets "$preset" -k 0 ${targets[@]+"${targets[@]}"} || fail_step "$results" build "the build of build/$preset failed"
  fi
  for level in "$@"; do
    case "$level" in
      integration | e2e | faults)
        python3 "$MP_ROOT/scripts/test_results.py" any "$MP_ROOT/build/$preset" "$level" && needs_cluster=1
        ;;
    esac
  done
  if [ "$needs_cluster" = 1 ]; then
    start_test_cluster || fail_step "$results" cluster "the test cluster did not start; tests that need it are skipped"
  fi
  if [[ " $* " == *" integration "* && smi_objects_test =~ ${regex:-.} ]]; then prepare_objects_test; fi
  for level in "$@"; do run_ctest "$preset" "$results" "$level" "^$level\$" "$regex"; done
}

# run_ctest PRESET RESULTS NAME LABEL REGEX
run_ctest() {
  local preset="$1" results="$2" name="$3" label="$4" regex="$5"
  python3 "$MP_ROOT/scripts/test_results.py" any "$MP_ROOT/build/$preset" "$label" || return 0
  say "Testing: $name"
  ctest --test-dir "$MP_ROOT/build/$preset" -L "$label" ${regex:+-R "$regex"} -j2 --output-on-failure \
    --output-junit "$results/$name.xml" </dev/null || true
  [ -s "$results/$name.xml" ] || fail_step "$results" "ctest-$name" "ctest wrote no results for $name"
}

# The tests whose rooms are pure enough for a second build; rooms that do not exist yet are simply not there.
run_asan() {
  local results="$1" regex="$2" targets=() folders='unit/base|unit/smi|unit/store|unit/engine|unit/hub|store(/.*)?|protocol(/.*)?'
  [ ! -e "$results/configure.failed" ] || return 1
  say "Address sanitizer: configuring build/asan"
  if ! (configure asan); then fail_step "$results" configure-asan "configuring build/asan failed"; return 1; fi
  mapfile -t targets < <(python3 "$MP_ROOT/scripts/test_results.py" targets "$MP_ROOT/build/asan" "$regex" "folder:($folders)")
  [ ${#targets[@]} -gt 0 ] || return 0
  build_targets asan -k 0 "${targets[@]}" || fail_step "$results" build-asan "the build of build/asan failed"
  run_ctest asan "$results" asan "^folder:($folders)\$" "$regex"
}

start_test_cluster() {
  export MESHPLAY_TEST_KUBECONFIG MESHPLAY_TEST_KUBECTL MESHPLAY_TEST_HELM MESHPLAY_TEST_PROMETHEUS MESHPLAY_TEST_ENVOY
  # Not every system has it: without it the tests that need it are skipped.
  MESHPLAY_TEST_PROMETHEUS="$(tool prometheus)" || {
    unset MESHPLAY_TEST_PROMETHEUS
    warn "tests with a real Prometheus are skipped"
  }
  MESHPLAY_TEST_ENVOY="$(tool envoy)" || {
    unset MESHPLAY_TEST_ENVOY
    warn "tests with a real Envoy are skipped"
  }
  MESHPLAY_TEST_KUBECTL="$(tool kubectl)" || return 1
  MESHPLAY_TEST_HELM="$(helm_path)" || return 1
  if [ -n "${MESHPLAY_TEST_KUBECONFIG:-}" ]; then
    note "using the cluster of MESHPLAY_TEST_KUBECONFIG"
    return
  fi
  TEST_CLUSTER="test-$$"
  MESHPLAY_TEST_KUBECONFIG="$("$MP_ROOT/tests/cluster/rig" up --name "$TEST_CLUSTER")" || {
    unset MESHPLAY_TEST_KUBECONFIG
    return 1
  }
}

# What tests/integration/smi_objects asks the rig for, ahead of the tests' deadlines; it says itself what is missing.
prepare_objects_test() {
  local name
  "$MP_ROOT/tests/cluster/rig" definitions >/dev/null || true
  for name in istio cilium; do "$MP_ROOT/tests/cluster/rig" judge "$name" >/dev/null || true; done
}

stop_test_cluster() {
  [ -n "$TEST_CLUSTER" ] || return 0
  "$MP_ROOT/tests/cluster/rig" down --name "$TEST_CLUSTER" || true
  TEST_CLUSTER=""
}
