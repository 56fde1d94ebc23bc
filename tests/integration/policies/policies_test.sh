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
    --hub-listen "${HUB:-127.0.0.1:0}" --hub-lease-ttl 3s --ports-file "$WORK/ports" --admin-token-file "$WORK/token" \
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

step "a policy comes into force on both"
{ split web 90; split api 80; } >"$WORK/first.yaml"
split web 10 >"$WORK/second.yaml"
ctl policy create shop -f "$WORK/first.yaml" --mesh-type istio --on-drift REPORT --wait --timeout 300 >"$WORK/create.log" 2>&1
is state "$EAST" FULL && is state "$WEST" FULL || fail "not FULL: $(cat "$WORK/create.log")"
[ "$(services east)" = 2 ] && [ "$(services west)" = 2 ]
[ "$(weight east)" = "80 90" ]

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

step "a deletion leaves nothing"
ctl policy delete shop --wait --timeout 300 >"$WORK/delete.log" 2>&1
[ "$(services east)" = 0 ] && [ "$(services west)" = 0 ]
for name in east west; do
  left="$(k "$name" get configmaps,virtualservices,destinationrules,authorizationpolicies,services -A -l meshplay.dev/owner=shop -o name 2>/dev/null)"
  [ -z "$left" ] || fail "left on $name: $left"
done
[ "$(api GET /v1/policies | jq '(.policies // []) | length')" = 0 ]
echo "all steps passed"
