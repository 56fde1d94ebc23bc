#!/usr/bin/env bash
# The whole way: meshplayctl -> server -> hub -> adapter -> cluster. Install, inject, SMI, uninstall, and what the API
# says of it meanwhile. Usage: stack_test.sh FOLDER_OF_BINARIES
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
PIDS=()
finish() {
  local result=$?
  if [ "$result" != 0 ]; then
    echo "FAILED at: $STEP"
    for log in "$WORK"/*.log; do echo "--- $log"; tail -n 25 "$log"; done
  fi
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill "$pid" 2>/dev/null || true; done
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do wait "$pid" 2>/dev/null || true; done
  "$RIG" down --name istio-stack --dir "$WORK/rig" >/dev/null 2>&1 || true
  rm -rf "$WORK"
}
trap finish EXIT
# shellcheck source=../../support/steps.sh
. "$ROOT/tests/support/steps.sh"

k() { "$RIG" kubectl --name istio-stack --dir "$WORK/rig" -- "$@"; }

everything() {
  k api-resources --verbs=list -o name | grep -vxE 'events(\.events\.k8s\.io)?|endpoints|endpointslices.*|componentstatuses|apiservices.*|leases.*' |
    paste -sd, | xargs -I{} "$RIG" kubectl --name istio-stack --dir "$WORK/rig" -- get {} -A -o name --ignore-not-found | sort
}

step "a cluster, a server and an adapter that enrols"
KUBECONFIG_FILE="$("$RIG" up --name istio-stack --dir "$WORK/rig")"
mkdir -p "$WORK/home" "$WORK/data" "$WORK/adapter"
"$BIN/meshplay-server" serve --data-dir "$WORK/data" --rest-listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0 \
  --hub-listen 127.0.0.1:0 --ports-file "$WORK/ports" --admin-token-file "$WORK/token" >"$WORK/server.log" 2>&1 &
PIDS+=($!)
eventually 120 test -s "$WORK/ports"
eventually 120 test -s "$WORK/token"
URL="http://$(jq -r .rest "$WORK/ports")" TOKEN="$(cat "$WORK/token")"
eventually 120 curl -sf "$URL/readyz"
(umask 077 && api POST /v1/enrollmentTokens '{"meshType":"istio","displayName":"test"}' >"$WORK/enroll.json")
"$BIN/meshplay-adapter-istio" run --state-dir "$WORK/adapter" --enroll-file "$WORK/enroll.json" \
  --kubeconfig "$KUBECONFIG_FILE" --chart-source "dir:$ROOT/tests/charts/istio" --helm "$HELM" >"$WORK/adapter.log" 2>&1 &
ADAPTER=$!
PIDS+=("$ADAPTER")
has_cluster() { api GET /v1/clusters | jq -e '.clusters | length == 1'; }
eventually 120 has_cluster
CLUSTER="$(api GET /v1/clusters | jq -r '.clusters[0].id')"
everything >"$WORK/before"

step "install: planned, done, and planned again without a change"
ctl run istio.install --cluster "$CLUSTER" --plan >"$WORK/plan.log"
ctl run istio.install --cluster "$CLUSTER" --wait >"$WORK/install.log"
ctl -o json run istio.install --cluster "$CLUSTER" --plan >"$WORK/plan-again"
[ "$(jq '[.. | .changes? // empty | .[] | select((.action // "NOOP") != "NOOP")] | length' "$WORK/plan-again")" = 0 ] || fail "the plan is not empty"

step "the mesh appears in the API, healthy"
has_mesh() { api GET /v1/meshes | jq -e ".meshes | length == 1 and .[0].mesh_key == \"istio-system/default\" and .[0].health == \"HEALTHY\" and .[0].managed"; }
eventually 120 has_mesh

step "the sample application gets its sidecars, and the API sees them"
ctl run istio.sampleapp.install --cluster "$CLUSTER" -p namespace=shop --wait >"$WORK/sample.log"
k -n shop get pods -l app=front -o jsonpath='{.items[0].spec.containers[*].name}' | grep istio-proxy >/dev/null
sees_sidecars() { api GET /v1/meshes >"$WORK/meshes.log"; jq -e '.meshes[0] | .member_namespaces == ["shop"] and .pods == 6 and .pods_with_proxy == 6 and .pods_skewed == 0' "$WORK/meshes.log"; }
eventually 120 sees_sidecars

step "SMI becomes routes and policies"
cat >"$WORK/smi.yaml" <<'YAML'
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: mid-canary, namespace: shop}
spec: {service: mid, backends: [{service: mid-v1, weight: 90}, {service: mid-v2, weight: 10}]}
---
apiVersion: specs.smi-spec.io/v1alpha4
kind: TCPRoute
metadata: {name: any, namespace: shop}
spec: {matches: {ports: []}}
---
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: {name: store-access, namespace: shop}
spec:
  destination: {kind: ServiceAccount, name: store, namespace: shop}
  rules: [{kind: TCPRoute, name: any}]
  sources: [{kind: ServiceAccount, name: mid, namespace: shop}]
YAML
ctl run smi.apply --cluster "$CLUSTER" -p documents=@"$WORK/smi.yaml" --wait >"$WORK/smi.log"
[ "$(k get virtualservices -A -o name | wc -l)" = 1 ]
[ "$(k get authorizationpolicies -A -o name | wc -l)" -ge 1 ]

step "uninstall refuses what is in use, and leaves nothing by force"
! ctl run istio.uninstall --cluster "$CLUSTER" --wait >"$WORK/refused.log" 2>&1 && grep -q MESH_IN_USE "$WORK/refused.log"
ctl run istio.sampleapp.remove --cluster "$CLUSTER" -p namespace=shop --wait >"$WORK/remove.log"
ctl run istio.uninstall --cluster "$CLUSTER" -p force=true --wait >"$WORK/uninstall.log"
everything >"$WORK/after"
diff <(grep -v '^pod/' "$WORK/before") <(grep -v '^pod/' "$WORK/after") || fail "something is left"
k get lease -n kube-system meshplay-istio >/dev/null
no_mesh() { api GET /v1/meshes | jq -e '(.meshes // []) | length == 0'; }
eventually 120 no_mesh

step "the adapter stops in time"
kill "$ADAPTER"
eventually 120 bash -c "! kill -0 $ADAPTER 2>/dev/null"
wait "$ADAPTER"
echo "all steps passed"
