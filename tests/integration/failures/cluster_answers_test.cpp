// What the API server can do to an operation: refuse, hang, forbid, conflict, throttle, break, deny.
#include <atomic>
#include <catch2/catch.hpp>

#include "tests/integration/failures/bench.h"
#include "tests/support/eventually.h"

using namespace std::chrono_literals;
using namespace meshplay::test;
using meshplay::http::Method;
using nlohmann::json;

namespace {

constexpr char kApply[] = "istio.custom.apply";

json Documents(const std::string& text) {
  return {{"documents", text}, {"name", "trouble"}};
}

/// Breaks the real write of one object and nothing else.
FaultProxy::Rule OnWriteOf(const std::string& name, std::function<void(Wire&)> answer) {
  return [name, answer](const SeenRequest& request, Wire& wire) {
    if (!IsWrite(request) || !Concerns(request, "/" + name + "?")) return false;
    answer(wire);
    return true;
  };
}

/// Waits until the operation waits for another attempt because of `reason`.
void AwaitBackoff(Bench& bench, const std::string& id) {
  json operation;
  const bool waits = Eventually(120s, [&] {
    operation = bench.Operation(id);
    return operation.at("state") == "BACKOFF";
  });
  INFO(operation.dump(1));
  REQUIRE(waits);
  CHECK(operation.at("error").at("reason") == "TARGET_UNREACHABLE");
  CHECK(operation.at("error").at("error_class") == "TRANSIENT");
}

void Refusals(Bench& bench) {
  bench.proxy().Close();
  const std::string waiting = bench.Submit(kApply, Documents(MapYaml("refused")));
  AwaitBackoff(bench, waiting);
  CHECK(bench.Operation(waiting).at("error").at("side_effects") == "NONE");
  CHECK(bench.stack().Target().at("locked_by") == "");
  const json late = bench.Run(kApply, Documents(MapYaml("never")), {{"deadline", "2s"}});
  INFO(late.dump(1));
  CHECK(late.at("state") == "FAILED");
  // Given up because no further attempt fits, or in the middle of the wait for one: the cause is told both times.
  const json& why = late.at("error");
  if (why.at("reason") == "DEADLINE_EXCEEDED") {
    CHECK(why.at("probable_cause").get<std::string>().starts_with("TARGET_UNREACHABLE"));
  } else {
    CHECK(why.at("reason") == "TARGET_UNREACHABLE");
    CHECK(why.at("metadata").at("given_up") == "deadline");
  }
  CHECK(late.at("error").at("remediation") != "");
  CHECK(late.at("side_effects") == "NONE");
  bench.proxy().Open();
  CHECK(bench.Await(waiting).at("state") == "SUCCEEDED");
  CHECK(bench.Operation(waiting).at("attempts") >= 1);
  bench.CheckFree();
}

}  // namespace

TEST_CASE("a cluster that refuses, hangs or breaks delays an operation and loses nothing", "[failures]") {
  auto bench = Bench::Up("failures-answers");
  if (!bench) return;
  Refusals(*bench);

  INFO("the write arrives and the answer is lost: the cluster is looked at, nothing is written twice");
  std::atomic<int> writes{0};
  bench->proxy().Break(OnWriteOf("hanging", [&](Wire& wire) {
    ++writes;
    wire.WaitForPeerToClose();
  }));
  const std::string hanging = bench->Submit(kApply, Documents(MapYaml("hanging")));
  REQUIRE(Eventually(120s, [&] { return bench->Operation(hanging).contains("error"); }));
  const json error = bench->Operation(hanging).at("error");
  CHECK(error.at("reason") == "TARGET_UNREACHABLE");
  CHECK(error.at("metadata").at("cause_reason") == "TARGET_TIMEOUT");
  CHECK(error.at("remediation") != "");
  bench->proxy().Repair();
  CHECK(bench->Await(hanging).at("state") == "SUCCEEDED");
  CHECK(writes >= 1);
  bench->CheckFree();

  for (const int status : {500, 503}) {
    INFO("status " << status);
    std::atomic<int> left{7};
    bench->proxy().Break(OnWriteOf("broken", [&](Wire& wire) {
      --left;
      AnswerStatus(wire, status, status == 500 ? "InternalError" : "ServiceUnavailable", "etcdserver: trouble");
    }));
    const std::string id = bench->Submit(kApply, Documents(MapYaml("broken", std::to_string(status))));
    REQUIRE(Eventually(120s, [&] { return bench->Operation(id).contains("error"); }));
    const json told = bench->Operation(id).at("error");
    CHECK(told.at("reason") == "TARGET_UNREACHABLE");
    CHECK(told.at("metadata").at("cause_reason") == "TARGET_SERVER_ERROR");
    CHECK(told.at("metadata").at("http_status") == std::to_string(status));
    CHECK(told.at("remediation") != "");
    bench->proxy().Repair();
    CHECK(bench->Await(id).at("state") == "SUCCEEDED");
    bench->CheckFree();
  }

  INFO("429 with Retry-After: the operation waits as long as it was asked to");
  bench->proxy().Break(OnWriteOf("throttled", [&](Wire& wire) {
    AnswerStatus(wire, 429, "TooManyRequests", "slow down", {{"Retry-After", "2"}});
  }));
  const std::string throttled = bench->Submit(kApply, Documents(MapYaml("throttled")));
  REQUIRE(Eventually(120s, [&] { return bench->Operation(throttled).contains("error"); }));
  CHECK(bench->Operation(throttled).at("error").at("reason") == "TARGET_THROTTLED");
  CHECK(bench->Operation(throttled).at("error").at("error_class") == "THROTTLED");
  bench->proxy().Repair();
  const json after = bench->Await(throttled);
  CHECK(after.at("state") == "SUCCEEDED");
  CHECK_FALSE(after.contains("error"));
  bench->CheckFree();
  bench->CheckNoHole();
}

TEST_CASE("what the cluster does not allow ends an operation with the cause's own reason", "[failures]") {
  auto bench = Bench::Up("failures-refusals");
  if (!bench) return;

  INFO("another manager owns the field");
  bench->Put(MapYaml("owned", "theirs"));
  json parameters = Documents(MapYaml("owned", "ours"));
  parameters["adopt"] = true;
  json operation = bench->Run(kApply, parameters);
  CheckFailed(*bench, operation, {"FIELD_CONFLICT", "CONFLICT", "NONE"});
  CHECK(operation["error"]["metadata"].dump().find("someone-else") != std::string::npos);
  bench->CheckFree();
  const auto kept = bench->kube().Get({{"", "v1", "ConfigMap"}, "default", "owned"});
  REQUIRE(kept.has_value());
  CHECK(kept->at("data").at("key") == "theirs");
  operation = bench->Run(kApply, parameters, {{"options", {{"force_conflicts", true}}}});
  CHECK(operation.at("state") == "SUCCEEDED");

  INFO("the second of two objects meets a conflict while it is written: the first one stays, and that is said");
  bench->proxy().Break(OnWriteOf("second", [](Wire& wire) {
    AnswerStatus(wire, 409, "Conflict",
                 "the object has been modified; please apply your changes to the latest version");
  }));
  const json two = Documents(MapYaml("first") + "---\n" + MapYaml("second"));
  operation = bench->Run(kApply, two);
  CheckFailed(*bench, operation, {"FIELD_CONFLICT", "CONFLICT", "PARTIAL"});
  bench->CheckFree();
  bench->proxy().Repair();
  bench->Succeeds(kApply, two);

  INFO("an admission policy of the cluster denies");
  bench->Put(R"yaml(
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-secrets-in-maps}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: ["v1"], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!object.metadata.name.startsWith('denied')", message: "this name is not allowed"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-secrets-in-maps}
spec: {policyName: no-secrets-in-maps, validationActions: [Deny]}
)yaml");
  REQUIRE(Eventually(120s, [&] {  // the API server takes a moment to compile it
    meshplay::kube::ApplyOptions options;
    options.field_manager = "probe";
    const json probe = {{"apiVersion", "v1"},
                        {"kind", "ConfigMap"},
                        {"metadata", {{"name", "denied-probe"}, {"namespace", "default"}}}};
    return !bench->kube().Apply(probe, options).has_value();
  }));
  operation = bench->Run(kApply, Documents(MapYaml("denied-map")));
  CheckFailed(*bench, operation, {"ADMISSION_DENIED", "INVALID", "NONE"});
  CHECK(operation["error"].dump().find("no-secrets-in-maps") != std::string::npos);
  CHECK(operation["error"].dump().find("this name is not allowed") != std::string::npos);
  bench->CheckFree();
  REQUIRE(
      bench->kube()
          .Delete(
              {{"admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding"}, "", "no-secrets-in-maps"})
          .has_value());
  REQUIRE(Eventually(120s,
                     [&] { return bench->Run(kApply, Documents(MapYaml("denied-map"))).at("state") == "SUCCEEDED"; }));
  bench->CheckFree();

  INFO("a namespace that cannot end");
  bench->Put(
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: stuck}\n"
      "---\napiVersion: v1\nkind: ConfigMap\n"
      "metadata: {name: keeper, namespace: stuck, finalizers: [example.com/held]}\n");
  REQUIRE(bench->kube().Delete({{"", "v1", "Namespace"}, "", "stuck"}).has_value());
  const json late = Documents("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: late, namespace: stuck}\n");
  operation = bench->Run(kApply, late);
  CheckFailed(*bench, operation, {"NAMESPACE_TERMINATING", "PRECONDITION", "NONE"});
  operation = bench->Run("istio.install", {{"namespace", "stuck"}});
  CheckFailed(*bench, operation, {"NAMESPACE_TERMINATING", "PRECONDITION", "NONE"});
  bench->CheckFree();
  REQUIRE(bench->kube()
              .MergePatch({{"", "v1", "ConfigMap"}, "stuck", "keeper"}, {{"metadata", {{"finalizers", nullptr}}}})
              .has_value());
  const meshplay::kube::ObjectRef stuck{{"", "v1", "Namespace"}, "", "stuck"};
  REQUIRE(Eventually(120s, [&] {
    const auto found = bench->kube().Find(stuck);
    return found && !found->has_value();
  }));
  bench->Put("apiVersion: v1\nkind: Namespace\nmetadata: {name: stuck}\n");
  bench->Succeeds(kApply, late);

  INFO("a user whose role does not cover one resource");
  bench->Put(R"(
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: limited}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}
- {apiGroups: ["coordination.k8s.io", ""], resources: [leases, configmaps], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: limited}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: limited}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: limited-user}]
)");
  Bench::AdapterFlags limited;
  limited.as = "limited-user";
  bench->RestartAdapter(limited);
  const json service = Documents(
      "apiVersion: v1\nkind: Service\nmetadata: {name: forbidden, namespace: default}\nspec: {ports: [{port: 80}]}\n");
  operation = bench->Run(kApply, service);
  CheckFailed(*bench, operation, {"TARGET_FORBIDDEN", "AUTH", "NONE"});
  CHECK(operation["error"].dump().find("services") != std::string::npos);
  const std::string waiting = bench->Submit(kApply, Documents(MapYaml("held")));
  CHECK(bench->Operation(waiting).at("state") == "QUEUED");
  bench->Release("TARGET_FORBIDDEN");
  CHECK(bench->Await(waiting).at("state") == "SUCCEEDED");
  bench->CheckFree();
  operation = bench->Run("istio.install", json::object());
  CheckFailed(*bench, operation, {"TARGET_FORBIDDEN", "AUTH", "NONE"});
  bench->Release("TARGET_FORBIDDEN");
  bench->RestartAdapter({});
  bench->Succeeds(kApply, service);
  bench->CheckNoHole();
}
