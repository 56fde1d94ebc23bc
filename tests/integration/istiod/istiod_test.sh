#!/usr/bin/env bash
# Traffic through a mesh: a real istiod, pilot-agent and Envoy as processes, in network namespaces that Istio's own
# iptables rules redirect, and Meshplay's conformance run and random policies on it. What is not real: nodes and images
# (kubelet.py), and Istio's own extensions of Envoy, which istiod is told to leave out (mesh_values.yaml).
# Usage: istiod_test.sh FOLDER_OF_BINARIES POLICIES_TEST [FILE: where the run's record goes]
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../../.." && pwd)"
RIG="$ROOT/tests/cluster/rig"
BIN="$1" POLICIES="$2" RECORD="${3:-}"
# shellcheck source=../../../scripts/lib/common.sh
. "$ROOT/scripts/lib/common.sh"
# shellcheck source=../../../scripts/lib/tools.sh
. "$ROOT/scripts/lib/tools.sh"

skip() { echo "SKIPPED: $*"; exit 4; }
if [ -z "${ISTIOD_TEST_INSIDE:-}" ]; then
  PATH="$PATH:/usr/sbin:/sbin"
  [ "$(uname -s)-$(id -u)" = Linux-0 ] || skip "network namespaces and their rules need root"
  for name in ip iptables unshare nsenter setpriv; do have "$name" || skip "$name is missing; apt-get install iproute2 iptables util-linux"; done
  [ -n "${MESHPLAY_TEST_HELM:-}" ] && [ -n "${MESHPLAY_TEST_ENVOY:-}" ] || skip "MESHPLAY_TEST_HELM or MESHPLAY_TEST_ENVOY is not set; run ./meshplay test integration"
  if [ ! -x "$(tool_path pilot-discovery)" ] || [ ! -x "$(tool_path pilot-agent)" ]; then
    [ "${MESHPLAY_TEST_ISTIOD:-}" = 1 ] || skip "istiod takes minutes to build; CONTRIBUTING.md has the command"
  fi
  tool pilot-discovery >/dev/null && tool pilot-agent >/dev/null && "$RIG" build >&2
  unshare --net true 2>/dev/null || skip "this machine gives no network namespaces"
  unshare --net iptables -t nat -L >/dev/null 2>&1 || skip "iptables cannot redirect on this machine"
  ISTIO_CHARTS="$(go_run "$ROOT/tests/cluster/go/istio" list -m -f '{{.Dir}}' istio.io/istio)"
  export PATH ISTIO_CHARTS ISTIOD_TEST_INSIDE=1
  # Whatever happens, no process and no link outlives this command.
  exec unshare --net --pid --fork --kill-child --mount-proc bash "$HERE/istiod_test.sh" "$@"
fi

WORK="$(mktemp -d)"
STEP=start
PIDS=()
finish() {
  local result=$?
  if [ "$result" != 0 ]; then
    echo "FAILED at: $STEP"
    for log in "$WORK"/*.log "$WORK"/node/pods/*/*.log; do echo "--- $log"; tail -n 25 "$log"; done
  fi
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill "$pid" 2>/dev/null || true; done
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do wait "$pid" 2>/dev/null || true; done
  "$RIG" down --name istiod --dir "$WORK/rig" >/dev/null 2>&1 || true
  rm -rf "$WORK"
}
trap finish EXIT
# shellcheck source=../../support/steps.sh
. "$ROOT/tests/support/steps.sh"
k() { "$RIG" kubectl --name istiod --dir "$WORK/rig" -- "$@"; }

step "a cluster with one node whose pods are processes"
chmod 711 "$WORK" # Containers are other users.
mkdir -p "$WORK/bin" "$WORK/node" "$WORK/home" "$WORK/data" "$WORK/adapter"
cp "$(tool pilot-discovery)" "$(tool pilot-agent)" "$MESHPLAY_TEST_ENVOY" "$BIN/meshplay-conformance-app" \
  "$ISTIO_CHARTS/tools/packaging/common/envoy_bootstrap.json" "$WORK/bin"
chmod -R a+rX "$WORK/bin"
ip link set lo up
ip link add pods type bridge
ip addr add 10.77.0.1/16 dev pods
ip link set pods up
ip route add default dev pods
KUBECONFIG_FILE="$("$RIG" up --name istiod --dir "$WORK/rig" --nodes 0 --services 10.96 --no-standin)"
PATH="$WORK/bin:$PATH" python3 "$HERE/kubelet.py" "$WORK/rig" "$WORK/node" processes "pilot=$WORK/bin/pilot-discovery" \
  "proxyv2=$WORK/bin/pilot-agent" "meshplay-conformance-app=$WORK/bin/meshplay-conformance-app" >"$WORK/kubelet.log" 2>&1 &
PIDS+=($!)
has_node() { k wait --for=condition=Ready node/processes --timeout=1s; }
eventually 60 has_node

step "Istio, by its own charts"
VERSION="$(awk '$1 == "pilot-discovery" {print $2}' "$ROOT/scripts/tools.txt")"
for chart in base istio-control/istio-discovery; do
  name="$(basename "$chart")"
  cp -r "$ISTIO_CHARTS/manifests/charts/$chart" "$WORK/$name"
  chmod -R u+w "$WORK/$name"
  sed -i "s/^version: .*/version: $VERSION/; s/^appVersion: .*/appVersion: $VERSION/" "$WORK/$name/Chart.yaml"
done
helm() { "$MESHPLAY_TEST_HELM" --kubeconfig "$KUBECONFIG_FILE" -n istio-system "$@" >>"$WORK/helm.log" 2>&1; }
helm install base "$WORK/base" --create-namespace
helm install istiod "$WORK/istio-discovery" -f "$HERE/mesh_values.yaml" --set "global.tag=$VERSION" \
  --set "meshConfig.defaultConfig.binaryPath=$WORK/bin/envoy" \
  --set "meshConfig.defaultConfig.proxyBootstrapTemplatePath=$WORK/bin/envoy_bootstrap.json" --wait --timeout 180s
# What kube-proxy would do for the API server, which calls istiod's webhooks.
iptables -t nat -A OUTPUT -p tcp -d "$(k -n istio-system get service istiod -o jsonpath='{.spec.clusterIP}')" --dport 443 \
  -j REDIRECT --to-ports 15017

step "Meshplay finds the mesh"
"$BIN/meshplay-server" serve --data-dir "$WORK/data" --rest-listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0 \
  --hub-listen 127.0.0.1:0 --ports-file "$WORK/ports" --admin-token-file "$WORK/token" >"$WORK/server.log" 2>&1 &
PIDS+=($!)
eventually 60 test -s "$WORK/ports"
eventually 60 test -s "$WORK/token"
URL="http://$(jq -r .rest "$WORK/ports")" TOKEN="$(cat "$WORK/token")"
eventually 60 curl -sf "$URL/readyz"
(umask 077 && api POST /v1/enrollmentTokens '{"meshType":"istio","displayName":"test"}' >"$WORK/enroll.json")
"$BIN/meshplay-adapter-istio" run --state-dir "$WORK/adapter" --enroll-file "$WORK/enroll.json" \
  --kubeconfig "$KUBECONFIG_FILE" --chart-source "dir:$ROOT/tests/charts/istio" --helm "$MESHPLAY_TEST_HELM" >"$WORK/adapter.log" 2>&1 &
PIDS+=($!)
has_mesh() { api GET /v1/meshes | jq -e ".meshes | length == 1 and .[0].health == \"HEALTHY\" and .[0].version == \"$VERSION\""; }
eventually 60 has_mesh
CLUSTER="$(api GET /v1/clusters | jq -r '.clusters[0].id')"

step "the conformance run passes, with real requests"
result=0
ctl conformance run --cluster "$CLUSTER" --mesh-type istio --image meshplay/meshplay-conformance-app:test --wait --timeout 1200 \
  >"$WORK/conformance.log" 2>&1 || result=$?
cat "$WORK/conformance.log"
RUN="$(awk '$1 == "operation" {print $2; exit}' "$WORK/conformance.log")"
api GET "/v1/conformanceRuns/$RUN" >"$WORK/run.json"
[ -z "$RECORD" ] || cp "$WORK/run.json" "$RECORD"
[ "$result" = 0 ] || fail "the run ended with $result"
jq -e '[.cases[] | select(.status == "PASSED")] | length >= 40' "$WORK/run.json" >/dev/null
# Nothing that the adapter claims was left untried.
jq -e '[.cases[] | select(.status != "PASSED") | .id] == ["access-udp", "split-zero-sum", "metrics-list", "metrics-get", "metrics-edges"]' "$WORK/run.json" >/dev/null ||
  fail "other cases than these did not pass"

step "pods of callers and a callee"
k apply -f "$HERE/shop.yaml" >/dev/null
pods_ready() { k -n shop wait --for=condition=Ready pod --all --timeout=1s; }
eventually 120 pods_ready

step "what denies is written once every proxy has what allows"
cat >"$WORK/smi.yaml" <<'YAML'
apiVersion: specs.smi-spec.io/v1alpha4
kind: TCPRoute
metadata: {name: any, namespace: shop}
spec: {matches: {ports: []}}
---
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: {name: api-access, namespace: shop}
spec:
  destination: {kind: ServiceAccount, name: api, namespace: shop}
  rules: [{kind: TCPRoute, name: any}]
  sources: [{kind: ServiceAccount, name: web, namespace: shop}]
YAML
ctl -o json run smi.apply --cluster "$CLUSTER" -p documents=@"$WORK/smi.yaml" -p 'options={"mode":"strict"}' --wait >"$WORK/apply.log"
! grep -q DISTRIBUTION_NOT_CONFIRMED "$WORK/apply.log" || fail "the proxies did not confirm"
# waited FROM_LINE: seconds between the last write before the baseline of shop and the baseline, by the audit log. Two
# looks at the proxies lie 300 ms apart.
waited() {
  tail -n +"$1" "$WORK/rig/audit.log" | jq -rs '[.[] | select(.objectRef.resource == "authorizationpolicies" and .objectRef.namespace == "shop" and .stage == "ResponseComplete"
      and (.verb | IN("create", "patch", "update")) and (.requestURI | contains("dryRun") | not))]
    | (map(.objectRef.name) | index("smi-deny-all")) as $at | [.[$at - 1].stageTimestamp, .[$at].requestReceivedTimestamp]
    | map(sub("\\.(?<f>[0-9]+)Z$"; "Z") | fromdate) as $whole | map(capture("\\.(?<f>[0-9]+)Z$").f | "0." + . | tonumber) as $part
    | ($whole[1] + $part[1]) - ($whole[0] + $part[0])' >"$WORK/waited"
  jq -e '. > 0.3 and . < 10' "$WORK/waited" >/dev/null || fail "waited $(cat "$WORK/waited") s"
}
waited 1
ctl run smi.delete --cluster "$CLUSTER" --wait >"$WORK/delete.log"

step "objects that are in the cluster are denied and allowed in the same order"
LINES="$(wc -l <"$WORK/rig/audit.log")"
ctl run smi.controller.enable --cluster "$CLUSTER" -p 'options={"mode":"strict"}' --wait >"$WORK/enable.log"
k apply -f "$WORK/smi.yaml" >/dev/null
has_baseline() { k -n shop get authorizationpolicy smi-deny-all; }
eventually 60 has_baseline
waited "$LINES"
! grep -q DISTRIBUTION_NOT_CONFIRMED "$WORK/adapter.log" || fail "the proxies did not confirm"
k delete -f "$WORK/smi.yaml" >/dev/null
ctl run smi.controller.disable --cluster "$CLUSTER" --wait >"$WORK/disable.log"
! has_baseline >/dev/null 2>&1 || fail "the controller left its baseline behind"

step "random policies mean in the mesh what they mean in SMI"
MESHPLAY_TEST_ISTIOD_PLACE="$(jq -n --arg nets "$WORK/node/nets/shop" --arg kubeconfig "$KUBECONFIG_FILE" --arg kubectl "$(tool kubectl)" \
  --arg address "$(k -n shop get service api -o jsonpath='{.spec.clusterIP}')" '$ARGS.named')" "$POLICIES"
echo "all steps passed"
