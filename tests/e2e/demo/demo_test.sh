#!/usr/bin/env bash
# What a newcomer types: demo, again demo, status, down; with the stand-in charts and a state folder of its own.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)"
if [ -z "${MESHPLAY_TEST_HELM:-}" ]; then
  echo "SKIPPED: MESHPLAY_TEST_HELM is not set; run ./meshplay test e2e"
  exit 4
fi
MESHPLAY_STATE_DIR="$(mktemp -d)"
export MESHPLAY_STATE_DIR
STEP=start
meshplay() { "$ROOT/meshplay" "$@" </dev/null; }
finish() {
  local result=$?
  if [ "$result" != 0 ]; then
    echo "FAILED at: $STEP"
    meshplay logs -n 60 2>&1 || true
  fi
  meshplay down --wipe >/dev/null 2>&1 || true
  rm -rf "$MESHPLAY_STATE_DIR"
}
trap finish EXIT
step() { STEP="$*"; echo "- $*"; }
fail() { echo "$*"; exit 1; }
# must_fail COMMAND...: bash does not end a script at a failing "! command", so this says it out loud.
must_fail() { if "$@" >/dev/null 2>&1; then fail "succeeded, and should not have: $*"; fi; }
demo() { meshplay demo --no-build --cluster rig --chart-source "dir:$ROOT/tests/charts/istio"; }
DEMO="$MESHPLAY_STATE_DIR/demo.json"

step "status says that nothing runs"
must_fail meshplay status

step "demo ends well and says that the charts are stand-ins"
demo >"$MESHPLAY_STATE_DIR/out" 2>&1 || { cat "$MESHPLAY_STATE_DIR/out"; fail "demo failed"; }
cat "$MESHPLAY_STATE_DIR/out"
grep -q "STAND-IN" "$MESHPLAY_STATE_DIR/out"

step "demo.json has what scripts need, and only its owner can read it"
jq -e '[.rest_url, .grpc_address, .hub_address, .token, .kubeconfig] | all(type == "string" and length > 0)' "$DEMO" >/dev/null
jq -e '.steps | length >= 8 and all(.result == "SUCCEEDED" and (.seconds | type) == "number" and (.name | type) == "string")' "$DEMO" >/dev/null
[ "$(stat -c %a "$DEMO")" = 600 ]

step "the translated objects are on the cluster"
KUBECONFIG="$(jq -r .kubeconfig "$DEMO")"
export KUBECONFIG
"$MESHPLAY_TEST_KUBECTL" get virtualservices,authorizationpolicies -A -o json >"$MESHPLAY_STATE_DIR/objects"
jq -e '[.items[].kind] | contains(["VirtualService", "AuthorizationPolicy"])' "$MESHPLAY_STATE_DIR/objects" >/dev/null
"$MESHPLAY_TEST_KUBECTL" -n istio-system get deployment istiod -o jsonpath='{.status.readyReplicas}' | grep -x 1 >/dev/null

step "the three lines that demo prints work"
grep -E '^  curl .*/v1/(meshes|objects)' "$MESHPLAY_STATE_DIR/out" >"$MESHPLAY_STATE_DIR/lines"
[ "$(wc -l <"$MESHPLAY_STATE_DIR/lines")" = 2 ]
while read -r line; do bash -c "$line" | jq -e . >/dev/null || fail "$line"; done <"$MESHPLAY_STATE_DIR/lines"

step "the log and the command lines do not show the token"
TOKEN="$(jq -r .token "$DEMO")"
must_fail grep -rF "$TOKEN" "$MESHPLAY_STATE_DIR/log"
for name in server adapter-istio; do
  must_fail grep -aF "$TOKEN" "/proc/$(cut -d' ' -f1 "$MESHPLAY_STATE_DIR/run/$name.pid")/cmdline"
done

step "a second demo on top works and starts nothing twice"
BEFORE="$(cat "$MESHPLAY_STATE_DIR"/run/*.pid)"
demo >"$MESHPLAY_STATE_DIR/out2" 2>&1 || { cat "$MESHPLAY_STATE_DIR/out2"; fail "the second demo failed"; }
[ "$(cat "$MESHPLAY_STATE_DIR"/run/*.pid)" = "$BEFORE" ]
jq -e '.steps | all(.result == "SUCCEEDED")' "$DEMO" >/dev/null

step "status says what runs"
meshplay status >"$MESHPLAY_STATE_DIR/status"
grep -q '^server  *up' "$MESHPLAY_STATE_DIR/status"
grep -q '^adapter istio  *up' "$MESHPLAY_STATE_DIR/status"

step "down leaves no process, up goes on with the same data but for the cluster, which is gone"
PIDS="$(cut -d' ' -f1 "$MESHPLAY_STATE_DIR"/run/*.pid "$MESHPLAY_STATE_DIR"/clusters/*/run/*.pid)"
meshplay down
for pid in $PIDS; do
  state="$(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null || true)"
  [ -z "$state" ] || [ "$state" = Z ] || fail "process $pid is still there: $(tr '\0' ' ' </proc/"$pid"/cmdline)"
done
unset KUBECONFIG
meshplay up --no-build >/dev/null
curl -sf -H "Authorization: Bearer $TOKEN" "$(jq -r '"http://" + .rest' "$MESHPLAY_STATE_DIR/run/ports.json")/v1/operations" |
  jq -e '[.operations[].type] | contains(["istio.install"])' >/dev/null
curl -sf -H "Authorization: Bearer $TOKEN" "$(jq -r '"http://" + .rest' "$MESHPLAY_STATE_DIR/run/ports.json")/v1/clusters" |
  jq -e '(.clusters // []) == []' >/dev/null
meshplay down --wipe
must_fail test -e "$MESHPLAY_STATE_DIR"
echo "all steps passed"
