#!/usr/bin/env bash
# Policies from the command line to two clusters: applied everywhere, a new revision with what it drops, drift by a
# stranger's edit told and repaired, kill -9 of the server in the middle of a staged roll-out, rollback, deletion.
# Usage: policies_test.sh FOLDER_OF_BINARIES
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)"
RIG="$ROOT/tests/cluster/rig"
BIN="$1"
HELM="${MESHPLAY_TEST_HELM:-}"
if [ -z "$HELM" ]; then
  echo "SKIPPED: MESHPLAY_TEST_HELM is not set; run ./meshplay test integration"
  exit 4
fi
WORK="$(mktemp -d)"
STEP=start
SERVER=
PIDS=()
finish() {
  local result=$?
  if [ "$result" != 0 ]; then
    echo "FAILED at: $STEP"
    for log in "$WORK"/*.log; do echo "--- $log"; tail -n 25 "$log"; done
  fi
  for pid in $SERVER ${PIDS[@]+"${PIDS[@]}"}; do kill "$pid" 2>/dev/null || true; done
  for pid in $SERVER ${PIDS[@]+"${PIDS[@]}"}; do wait "$pid" 2>/dev/null || true; done
  for name in east west; do "$RIG" down --name "policies-$name" --dir "$WORK/$name" >/dev/null 2>&1 || true; done
  rm -rf "$WORK"
}
trap finish EXIT
# shellcheck source=../../support/steps.sh
. "$ROOT/tests/support/steps.sh"

k() { local name="$1"; shift; "$RIG" kubectl --name "policies-$name" --dir "$WORK/$name" -- "$@"; }
start_server() {
  rm -f "$WORK/ports"
  "$BIN/meshplay-server" serve --data-dir "$WORK/data" --rest-listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0 \
    --hub-listen "${HUB:-127.0.0.1:0}" --hub-lease-ttl 3s --policy-reference-grace 30s --ports-file "$WORK/ports" --admin-token-file "$WORK/token" \
    >>"$WORK/server.log" 2>&1 &
  SERVER=$!
  eventually 120 test -s "$WORK/ports"
  URL="http://$(jq -r .rest "$WORK/ports")"
  HUB="$(jq -r .hub "$WORK/ports")"
  TOKEN="$(cat "$WORK/token")"
  eventually 120 curl -sf "$URL/readyz"
}
# mesh FIELD CLUSTER: a field of the policy's mesh on the cluster.
mesh() { api GET /v1/policies/shop/meshes | jq -r ".meshes[] | select(.cluster == \"$2\") | .$1"; }
is() { [ "$(mesh "$1" "$2")" = "$3" ]; }
connected() { api GET /v1/adapters | jq -e '[.adapters[] | select(.connected)] | length == 2'; }
# split NAME WEIGHT: one TrafficSplit.
split() {
  cat <<YAML
---
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: $1, namespace: shop}
spec: {service: $1, backends: [{service: $1-v1, weight: $2}, {service: $1-v2, weight: $((100 - $2))}]}
YAML
}
services() { k "$1" -n shop get virtualservices -o name 2>/dev/null | wc -l; }
weight() { k "$1" -n shop get virtualservices -o json | jq -r '[.items[].spec.http[0].route[0].weight] | sort | map(tostring) | join(" ")'; }

step "two clusters with a mesh each, one server"
mkdir -p "$WORK/home" "$WORK/data"
start_server
for name in east west; do
  config="$("$RIG" up --name "policies-$name" --dir "$WORK/$name")"
  mkdir -p "$WORK/adapter-$name"
  (umask 077 && api POST /v1/enrollmentTokens "{\"meshType\":\"istio\",\"displayName\":\"$name\"}" >"$WORK/enroll-$name.json")
  "$BIN/meshplay-adapter-istio" run --state-dir "$WORK/adapter-$name" --enroll-file "$WORK/enroll-$name.json" \
    --kubeconfig "$config" --chart-source "dir:$ROOT/tests/charts/istio" --helm "$HELM" >"$WORK/adapter-$name.log" 2>&1 &
  PIDS+=($!)
done
has_clusters() { api GET /v1/clusters | jq -e '.clusters | length == 2'; }
eventually 120 has_clusters
EAST="$(api GET /v1/clusters | jq -r '.clusters[] | select(.id | test("east")) | .id')"
WEST="$(api GET /v1/clusters | jq -r '.clusters[] | select(.id | test("west")) | .id')"
[ -n "$EAST" ] && [ -n "$WEST" ] || fail "clusters have other names"
for cluster in "$EAST" "$WEST"; do
  ctl run istio.install --cluster "$cluster" --wait >>"$WORK/install.log"
done
for name in east west; do
  k "$name" create namespace shop >/dev/null
  for service in web web-v1 web-v2 api api-v1 api-v2; do
    k "$name" -n shop create service clusterip "$service" --tcp=80:80 >/dev/null
  done
done
has_meshes() { api GET /v1/meshes | jq -e '.meshes | length == 2'; }
eventually 120 has_meshes

step "a plan tells what a policy would do, and does nothing"
{ split web 90; split api 80; } >"$WORK/first.yaml"
split web 10 >"$WORK/second.yaml"
ctl -o json policy create shop -f "$WORK/first.yaml" --mesh-type istio --dry-run >"$WORK/plan" 2>"$WORK/plan.log"
jq -e '.revision == 0 and (.meshes | length == 2) and ([.meshes[] | .status == "ANSWERED" and .level == "FULL" and
  ([.changes[].action] == ["CREATE", "CREATE"])] | all)' "$WORK/plan" >/dev/null || fail "the plan is wrong: $(cat "$WORK/plan")"
[ "$(services east)" = 0 ] && [ "$(api GET /v1/policies | jq '(.policies // []) | length')" = 0 ]

step "a policy comes into force on both"
ctl policy create shop -f "$WORK/first.yaml" --mesh-type istio --on-drift REPORT --wait --timeout 300 >"$WORK/create.log" 2>&1
is state "$EAST" FULL && is state "$WEST" FULL || fail "not FULL: $(cat "$WORK/create.log")"
[ "$(services east)" = 2 ] && [ "$(services west)" = 2 ]
[ "$(weight east)" = "80 90" ]

step "a plan of a revision tells changes field by field, and the mesh that would lose the policy"
ctl -o json policy update shop -f "$WORK/second.yaml" --cluster "$EAST" --dry-run >"$WORK/plan" 2>"$WORK/plan.log"
jq -e --arg east "$EAST" '.revision == 1 and (.documents | map(.action) == ["REMOVED", "CHANGED"]) and
  (.meshes[] | select(.cluster == $east) | .action == "APPLY" and ([.changes[].action] | sort == ["DELETE", "UPDATE"]) and
    (.changes | tostring | contains("weight"))) and
  (.meshes[] | select(.cluster != $east) | .action == "DELETE" and ([.changes[].action] == ["DELETE", "DELETE"]))' \
  "$WORK/plan" >/dev/null || fail "the plan is wrong: $(cat "$WORK/plan")"
[ "$(api GET /v1/policies/shop | jq .revision)" = 1 ] && [ "$(services west)" = 2 ]

step "a new revision changes one object and takes the other away"
ctl policy update shop -f "$WORK/second.yaml" --wait --timeout 300 >"$WORK/update.log" 2>&1
is revision "$EAST" 2 && is revision "$WEST" 2
[ "$(services east)" = 1 ] && [ "$(services west)" = 1 ] && [ "$(weight west)" = 10 ]
ctl -o json policy diff shop >"$WORK/diff"
jq -e '.documents | map(.action) == ["REMOVED", "CHANGED"]' "$WORK/diff" >/dev/null

step "a stranger's edit is drift, told field by field"
NAME="$(k east -n shop get virtualservices -o name)"
k east -n shop patch "$NAME" --type=json -p '[{"op":"replace","path":"/spec/http/0/route/0/weight","value":55},{"op":"replace","path":"/spec/http/0/route/1/weight","value":45}]' >/dev/null
eventually 120 is state "$EAST" DRIFTED
api GET /v1/policies/shop/meshes >"$WORK/drift"
jq -e ".meshes[] | select(.cluster == \"$EAST\") | .drift[0] | .action == \"UPDATE\" and (.json_patch | tostring | contains(\"weight\"))" "$WORK/drift" >/dev/null
is state "$WEST" FULL
[ "$(weight east)" = 55 ]

step "a policy that repairs puts it right"
ctl policy update shop --on-drift REPAIR --wait --timeout 300 >"$WORK/repair.log" 2>&1
[ "$(weight east)" = 10 ]
k east -n shop patch "$NAME" --type=json -p '[{"op":"replace","path":"/spec/http/0/route/0/weight","value":56},{"op":"replace","path":"/spec/http/0/route/1/weight","value":44}]' >/dev/null
repaired() { [ "$(weight east)" = 10 ] && is state "$EAST" FULL; }
eventually 120 repaired

step "a Service that the split names goes: told, kept for the grace, then taken out of force, and back with the Service"
k east -n shop delete service web >/dev/null
eventually 300 is reason "$EAST" ReferenceLost
[ "$(services east)" = 1 ] || fail "what was in force did not stay for the grace"
api GET /v1/policies/shop/meshes | jq -e ".meshes[] | select(.cluster == \"$EAST\") | .level == \"FULL\" and (.smi_reports | tostring | contains(\"DEGRADED\"))" >/dev/null
eventually 300 is state "$EAST" NONE
[ "$(services east)" = 0 ]
k east -n shop create service clusterip web --tcp=80:80 >/dev/null
eventually 300 is state "$EAST" FULL
[ "$(services east)" = 1 ] && [ "$(weight east)" = 10 ]

step "kill -9 of the server in the middle of a staged roll-out"
cat >"$WORK/spec.json" <<JSON
{"target": {"mesh_types": ["istio"]}, "on_drift": "REPORT",
 "rollout": {"stages": [{"name": "first", "selector": {"clusters": ["$EAST"]}}], "gate": {"min_level": "FULL", "settle": "4s"}}}
JSON
ctl policy update shop --spec "$WORK/spec.json" -f "$WORK/first.yaml" >"$WORK/staged.log"
eventually 120 is revision "$EAST" 4
is reason "$WEST" StageWaits || fail "the second stage did not wait"
kill -9 "$SERVER"
wait "$SERVER" 2>/dev/null || true
[ "$(services west)" = 1 ] || fail "the second stage had begun"
start_server
eventually 120 connected
eventually 120 is revision "$WEST" 4
[ "$(services west)" = 2 ] && [ "$(services east)" = 2 ]
rolled_out() { api GET /v1/policies/shop | jq -e '.rollout_status.state == "DONE"'; }
eventually 120 rolled_out

step "a rollback is a new revision with the old content"
ctl policy rollback shop 2 --note "as it was" --wait --timeout 300 >"$WORK/rollback.log" 2>&1
is revision "$EAST" 5 && is revision "$WEST" 5
[ "$(services east)" = 1 ] && [ "$(weight west)" = 10 ]
ctl -o json policy revisions shop | jq -e '.[0].restored_from == 2 and .[0].note == "as it was" and length == 5' >/dev/null

step "a wait for a mesh whose adapter is not connected says so, ends with --timeout, and Ctrl-C leaves the policy"
kill "${PIDS[1]}" && wait "${PIDS[1]}" 2>/dev/null || true
one_connected() { api GET /v1/adapters | jq -e '[.adapters[] | select(.connected)] | length == 1'; }
eventually 120 one_connected
CODE=0
split other 50 | ctl policy create other -f - --cluster "$WEST" --wait --timeout 20 >"$WORK/wait.log" 2>&1 || CODE=$?
[ "$CODE" = 9 ] || fail "exit code $CODE: $(cat "$WORK/wait.log")"
grep -q "$WEST/.* PENDING (AdapterNotConnected)" "$WORK/wait.log" || fail "does not tell: $(cat "$WORK/wait.log")"
grep -q "1 of 1 meshes: $WEST/.*AdapterNotConnected.*WAIT_OVER" "$WORK/wait.log" || fail "does not tell: $(cat "$WORK/wait.log")"
CODE=0
python3 - "$BIN/meshplayctl" "$URL" "$WORK" <<'PY' || CODE=$?
import os, signal, subprocess, sys, time
program, url, work = sys.argv[1:]
env = dict(os.environ, HOME=work + "/home", MESHPLAY_TOKEN=open(work + "/token").read().strip())
with open(work + "/interrupted.log", "w") as log:
    waits = subprocess.Popen([program, "--server", url, "policy", "status", "other", "--wait"], stdout=log, stderr=log, env=env)
    deadline = time.monotonic() + 120
    while "AdapterNotConnected" not in open(work + "/interrupted.log").read() and time.monotonic() < deadline:
        time.sleep(0.1)
    waits.send_signal(signal.SIGINT)
    sys.exit(0 if waits.wait(120) == 130 else 1)
PY
[ "$CODE" = 0 ] && grep -q "the policy goes on" "$WORK/interrupted.log" || fail "Ctrl-C: $(cat "$WORK/interrupted.log")"
[ "$(api GET /v1/policies/other | jq -r .state)" = PENDING ]
"$BIN/meshplay-adapter-istio" run --state-dir "$WORK/adapter-west" --kubeconfig "$("$RIG" kubeconfig --name policies-west --dir "$WORK/west")" \
  --chart-source "dir:$ROOT/tests/charts/istio" --helm "$HELM" >>"$WORK/adapter-west.log" 2>&1 &
PIDS[1]=$!
settled() { [ "$(api GET /v1/policies/other | jq -r .state)" != PENDING ]; }
eventually 300 settled
ctl policy delete other --wait --timeout 300 >>"$WORK/delete.log" 2>&1

step "a cluster that leaves an environment and comes back gets the policy anew"
ctl environment create home --cluster "$EAST" >>"$WORK/environment.log"
split api 60 | ctl policy create again -f - --environment home --wait --timeout 300 >>"$WORK/environment.log" 2>&1
BEFORE="$(services east)"
ctl environment update home --cluster nowhere >>"$WORK/environment.log"
left() { [ "$(services east)" = $((BEFORE - 1)) ] && [ "$(api GET /v1/policies/again | jq -r .state)" = EMPTY ]; }
eventually 120 left
CODE=0
ctl policy status again >>"$WORK/environment.log" 2>&1 || CODE=$?
[ "$CODE" = 4 ] || fail "the status of a policy that selects nothing: exit code $CODE"
ctl environment update home --cluster "$EAST" >>"$WORK/environment.log"
back() { [ "$(api GET /v1/policies/again | jq -r .state)" = FULL ] && [ "$(services east)" = "$BEFORE" ]; }
eventually 120 back
ctl policy delete again --wait --timeout 300 >>"$WORK/delete.log" 2>&1

step "a deletion leaves nothing, also where somebody has deleted the list of what the policy made"
k west -n istio-system delete configmap -l meshplay.dev/owner=shop,meshplay.dev/set=smi >/dev/null
ctl policy delete shop --wait --timeout 300 >"$WORK/delete.log" 2>&1
[ "$(services east)" = 0 ] && [ "$(services west)" = 0 ]
for name in east west; do
  left="$(k "$name" get configmaps,virtualservices,destinationrules,authorizationpolicies,services -A -l meshplay.dev/owner=shop -o name 2>/dev/null)"
  [ -z "$left" ] || fail "left on $name: $left"
done
[ "$(api GET /v1/policies | jq '(.policies // []) | length')" = 0 ]
echo "all steps passed"
