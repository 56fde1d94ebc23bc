#!/usr/bin/env bash
# The rig does what the other tests rely on: two clusters side by side, pods and Jobs, the stand-in charts, injection,
# webhooks told to fail or absent, and nothing left behind.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)"
RIG="$ROOT/tests/cluster/rig"
HELM="${MESHPLAY_TEST_HELM:-}"
if [ -z "$HELM" ]; then
  echo "SKIPPED: MESHPLAY_TEST_HELM is not set; run ./meshplay test integration"
  exit 4
fi
WORK="$(mktemp -d)"
STEP=start
finish() {
  local result=$?
  [ "$result" = 0 ] || echo "FAILED at: $STEP"
  "$RIG" down --name one --dir "$WORK/one" >/dev/null 2>&1 || true
  "$RIG" down --name two --dir "$WORK/two" >/dev/null 2>&1 || true
  rm -rf "$WORK"
}
trap finish EXIT
# shellcheck source=../../support/steps.sh
. "$ROOT/tests/support/steps.sh"

# must_fail TEXT COMMAND...: it fails and says TEXT. (bash does not end a script at a failing "! command".)
must_fail() {
  local text="$1"
  shift
  if "$@" >"$WORK/out" 2>&1; then fail "succeeded, and should not have: $*"; fi
  grep -F "$text" "$WORK/out" >/dev/null || { cat "$WORK/out"; fail "did not say '$text': $*"; }
}
k() { "$RIG" kubectl --name one --dir "$WORK/one" -- "$@"; }

step "two clusters come up side by side with addresses of their own"
ONE="$("$RIG" up --name one --dir "$WORK/one")"
TWO="$("$RIG" up --name two --dir "$WORK/two" --no-standin)"
[ -s "$ONE" ]
[ -s "$TWO" ]
[ "$(cat "$WORK/one/server")" != "$(cat "$WORK/two/server")" ]

step "up on a running cluster changes nothing"
PID_BEFORE="$(cat "$WORK/one/run/kube-apiserver.pid")"
[ "$("$RIG" up --name one --dir "$WORK/one")" = "$ONE" ]
[ "$(cat "$WORK/one/run/kube-apiserver.pid")" = "$PID_BEFORE" ]

step "the token kubeconfig is the same administrator"
k --kubeconfig "$WORK/one/kubeconfig-token" auth whoami -o jsonpath='{.status.userInfo.groups}' | grep system:masters >/dev/null

step "pods become ready, Jobs complete, a missing image does not"
k create deployment web --image=web:1 >/dev/null
k create deployment broken --image=registry.example/no-such-image:1 >/dev/null
k create job once --image=busybox -- true >/dev/null
k rollout status deployment/web --timeout=180s >/dev/null
k wait --for=condition=complete job/once --timeout=180s >/dev/null
eventually 120 k get pods -l app=broken -o jsonpath='{.items[0].status.containerStatuses[0].state.waiting.reason}'
[ "$(k get deployment broken -o jsonpath='{.status.readyReplicas}')" = "" ]

step "the stand-in charts install with helm and become ready"
export KUBECONFIG="$ONE" HELM_CACHE_HOME="$WORK/helm" HELM_CONFIG_HOME="$WORK/helm" HELM_DATA_HOME="$WORK/helm"
CHARTS="$ROOT/tests/charts/istio"
"$HELM" install istio-base "$CHARTS/base" -n istio-system --create-namespace >/dev/null
"$HELM" install istiod "$CHARTS/istiod" -n istio-system --wait --timeout 300s | grep STAND-IN >/dev/null
[ "$(k get crd -o name | grep -c 'istio\.io$')" = 15 ]
policies() { k get "$1" -o jsonpath='{range .items[*].webhooks[*]}{.failurePolicy}{.clientConfig.caBundle}{"\n"}{end}'; }
validators_ready() { policies validatingwebhookconfigurations | grep -c '^Fail.' | grep -x 2 >/dev/null; }
injectors_ready() { policies mutatingwebhookconfigurations | grep -c '^Fail.' | grep -x 4 >/dev/null; }
eventually 120 validators_ready
eventually 120 injectors_ready

step "a pod of an injected namespace gets the sidecar that the injector's ConfigMap names"
k create namespace shop >/dev/null
k label namespace shop istio-injection=enabled >/dev/null
k -n shop create deployment api --image=api:1 >/dev/null
k -n shop rollout status deployment/api --timeout=180s >/dev/null
k -n shop get pods -o json >"$WORK/pods"
[ "$(jq -r '.items[0].spec.containers[] | select(.name == "istio-proxy").image' "$WORK/pods")" = registry.istio.io/release/proxyv2:1.30.3 ]
jq -e '.items[0].metadata.annotations["sidecar.istio.io/status"] | fromjson.revision == "default"' "$WORK/pods" >/dev/null

step "the schemas refuse what Istio refuses"
route() { printf '{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"%s","namespace":"shop"},"spec":%s}' "$1" "$2"; }
route good '{"hosts":["api"],"http":[{"route":[{"destination":{"host":"api"},"weight":9}]}]}' | k apply -f - >/dev/null
route bad '{"hosts":["api"],"http":[{"route":[{"destination":{"subset":"v1"}}]}]}' >"$WORK/bad"
must_fail "destination.host: Required value" k apply -f "$WORK/bad"

step "webhooks fail, are refused and answer again when told to"
"$RIG" standin --name one --dir "$WORK/one" fail validation
must_fail "told to fail" k -n shop label vs good a=1
"$RIG" standin --name one --dir "$WORK/one" absent
must_fail "connection refused" k -n shop label vs good a=1
"$RIG" standin --name one --dir "$WORK/one" ok
eventually 120 k -n shop label vs good a=1

step "a control plane scaled to zero is dead, and comes back"
k -n istio-system scale deployment istiod --replicas=0 >/dev/null
dead() { ! k -n shop label --overwrite vs good "b=$SECONDS"; }
eventually 120 dead
k -n istio-system scale deployment istiod --replicas=1 >/dev/null
eventually 120 k -n shop label --overwrite vs good b=alive

step "another revision of another version injects its own sidecar"
"$ROOT/tests/charts/derive" 1.29.6 "$WORK/old"
"$HELM" install istiod-old "$WORK/old/istiod" -n istio-system --set revision=old --wait --timeout 300s >/dev/null
k create namespace legacy >/dev/null
k label namespace legacy istio.io/rev=old >/dev/null
k -n legacy create deployment app --image=app:1 >/dev/null
eventually 120 k -n legacy wait --for=condition=Available deployment/app --timeout=1s
k -n legacy get pods -o jsonpath='{.items[0].spec.containers[*].image}' | grep 'proxyv2:1.29.6' >/dev/null

step "the audit log says who wrote what"
jq 'select(.verb == "create" and .objectRef.resource == "virtualservices" and .responseStatus.code == 201)' "$WORK/one/audit.log" | grep good >/dev/null

step "down leaves no process and no data"
PIDS="$(cut -d' ' -f1 "$WORK"/one/run/*.pid "$WORK"/two/run/*.pid)"
"$RIG" down --name one --dir "$WORK/one"
"$RIG" down --name two --dir "$WORK/two"
for pid in $PIDS; do
  state="$(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null || true)"
  [ -z "$state" ] || [ "$state" = Z ] || fail "process $pid is still there"
done
[ ! -e "$WORK/one" ]
[ ! -e "$WORK/two" ]
echo "all steps passed"
