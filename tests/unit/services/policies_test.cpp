#include <nlohmann/json.hpp>

#include "meshplay/v1/policies.pb.h"
#include "tests/unit/services/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;

namespace {

constexpr const char* kSplit = R"({"apiVersion":"split.smi-spec.io/v1alpha4","kind":"TrafficSplit",
"metadata":{"name":"web","namespace":"shop"},"spec":{"service":"web","backends":[{"service":"v1","weight":1}]}})";

/// As kManifest, with the operations that policies ask for.
constexpr const char* kSmiManifest = R"({
  "digest":"d2","mesh_type":"istio","display_name":"Istio",
  "operations":[
    {"type":"smi.apply","category":"OPERATION_CATEGORY_SMI_APPLY","title":"Apply","idempotency":"IDEMPOTENCY_NATURAL",
     "plan":"PLAN_SUPPORT_BEST_EFFORT","lock":"LOCK_MODE_EXCLUSIVE",
     "parameters_schema":"{\"type\":\"object\",\"properties\":{\"documents\":{\"type\":\"string\"},\"namespace\":{\"type\":\"string\",\"default\":\"default\"},\"options\":{\"type\":\"object\"}}}"},
    {"type":"smi.delete","category":"OPERATION_CATEGORY_SMI_DELETE","title":"Delete","idempotency":"IDEMPOTENCY_NATURAL",
     "plan":"PLAN_SUPPORT_BEST_EFFORT","lock":"LOCK_MODE_EXCLUSIVE",
     "parameters_schema":"{\"type\":\"object\",\"properties\":{\"documents\":{\"type\":\"string\"}}}"}],
  "inventory_kinds":[{"api_version":"v1","kind":"Namespace"}]})";

v1::CreatePolicyRequest NewPolicy(const std::string& id = "shop") {
  v1::CreatePolicyRequest request;
  request.set_id(id);
  request.mutable_spec()->set_documents(kSplit);
  request.mutable_spec()->mutable_target()->set_all(true);
  return request;
}

struct Fixture : ServicesFixture {
  /// The adapter comes back with a manifest that holds what policies ask for.
  void OfferSmi() {
    inventory::AdapterSession session;
    session.adapter_id = "a1";
    session.session_id = "session-2";
    session.instance_id = "instance-2";
    session.capabilities_digest = "d2";
    session.claims = {{kClusterUid, "kind-dev", "10.0.0.1", "v1.31.0", kReachable}};
    Must(inventory.SessionOpened(session));
    Must(inventory.AcceptManifest("a1", "d2", kSmiManifest));
  }
  Result<v1::Policy> Make(const v1::CreatePolicyRequest& request) {
    return Call<v1::Policy>("Policies.CreatePolicy", request, As("operator"));
  }
  Result<v1::Policy> Get(const std::string& id = "shop") {
    v1::GetPolicyRequest request;
    request.set_id(id);
    return Call<v1::Policy>("Policies.GetPolicy", request, As("viewer"));
  }
  Result<v1::Policy> Put(const v1::PolicySpec& spec, const std::string& etag) {
    v1::UpdatePolicyRequest request;
    request.set_id("shop");
    *request.mutable_spec() = spec;
    request.set_etag(etag);
    return Call<v1::Policy>("Policies.UpdatePolicy", request, As("operator"));
  }
  policy::OperationWish Wish(policy::OperationWish::Kind kind) {
    policy::OperationWish wish;
    wish.kind = kind;
    wish.tenant = "default";
    wish.principal = "token/alice";
    wish.policy_id = "shop";
    wish.cluster_id = "kind-dev";
    wish.mesh_id = PutMesh();
    wish.documents = kSplit;
    wish.options = {{"mode", "strict"}};
    wish.reason = "policy shop, revision 1";
    return wish;
  }
};

}  // namespace

TEST_CASE("a policy is created, shown, changed by its etag and audited", "[services][policies]") {
  Fixture fx;
  const v1::Policy made = Must(fx.Make(NewPolicy()));
  CHECK(made.revision() == 1);
  CHECK(made.state() == "EMPTY");
  CHECK(made.spec().on_drift() == "REPORT");
  CHECK(made.spec().rollout().gate().min_level() == "PARTIAL");
  CHECK(Must(fx.Get()).spec().documents() == kSplit);

  v1::PolicySpec spec = made.spec();
  spec.set_on_drift("REPAIR");
  CHECK(ReasonOf(fx.Put(spec, "")) == "ETAG_REQUIRED");
  CHECK(ReasonOf(fx.Put(spec, "99")) == "ETAG_STALE");
  const v1::Policy changed = Must(fx.Put(spec, made.etag()));
  CHECK(changed.revision() == 2);
  CHECK(changed.etag() != made.etag());
  CHECK(Must(fx.Put(changed.spec(), changed.etag())).revision() == 2);
  spec.set_on_drift("MAYBE");
  CHECK(PointersOf(fx.Put(spec, "*")) == std::vector<std::string>{"/spec/on_drift"});

  std::vector<std::string> actions;
  for (const auto& row : fx.Audit()) actions.push_back(row.action);
  CHECK(actions == std::vector<std::string>{"Policies.CreatePolicy", "Policies.UpdatePolicy", "Policies.UpdatePolicy"});
}

TEST_CASE("a repeated create gives the first answer, and only operators may create", "[services][policies]") {
  Fixture fx;
  v1::CreatePolicyRequest request = NewPolicy();
  request.set_request_id("k1");
  CHECK_FALSE(Must(fx.Make(request)).replayed());
  CHECK(Must(fx.Make(request)).replayed());
  request.set_note("another");
  CHECK(ReasonOf(fx.Make(request)) == "IDEMPOTENCY_KEY_REUSED");
  CHECK(ReasonOf(fx.Call<v1::Policy>("Policies.CreatePolicy", NewPolicy("web"), Fixture::As("viewer"))) ==
        "PERMISSION_DENIED");
}

TEST_CASE("revisions are listed, read, compared and brought back", "[services][policies]") {
  Fixture fx;
  const v1::Policy made = Must(fx.Make(NewPolicy()));
  v1::PolicySpec spec = made.spec();
  std::string other = kSplit;
  spec.set_documents(other.replace(other.find("\"web\""), 5, "\"api\""));
  Must(fx.Put(spec, made.etag()));

  v1::ListPolicyPartsRequest list;
  list.set_id("shop");
  list.set_page_size(1);
  const auto page = Must(fx.Call<v1::ListPolicyRevisionsResponse>("Policies.ListPolicyRevisions", list));
  REQUIRE(page.revisions_size() == 1);
  CHECK(page.revisions(0).number() == 2);
  list.set_page_token(page.next_page_token());
  const auto rest = Must(fx.Call<v1::ListPolicyRevisionsResponse>("Policies.ListPolicyRevisions", list));
  REQUIRE(rest.revisions_size() == 1);
  CHECK(rest.revisions(0).number() == 1);
  CHECK(rest.revisions(0).principal() == "token/tester");

  v1::GetPolicyRevisionRequest one;
  one.set_id("shop");
  one.set_number(1);
  CHECK(Must(fx.Call<v1::PolicyRevision>("Policies.GetPolicyRevision", one)).spec().documents() == kSplit);
  one.set_number(9);
  CHECK(ReasonOf(fx.Call<v1::PolicyRevision>("Policies.GetPolicyRevision", one)) == "POLICY_REVISION_UNKNOWN");

  v1::DiffPolicyRequest diff;
  diff.set_id("shop");
  const auto differs = Must(fx.Call<v1::PolicyDiff>("Policies.DiffPolicy", diff));
  CHECK(differs.from() == 1);
  CHECK(differs.to() == 2);
  REQUIRE(differs.documents_size() == 2);
  CHECK(differs.documents(0).action() == "ADDED");
  CHECK(differs.documents(1).object().name() == "web");

  v1::RollbackPolicyRequest back;
  back.set_id("shop");
  back.set_revision(1);
  const v1::Policy restored = Must(fx.Call<v1::Policy>("Policies.RollbackPolicy", back));
  CHECK(restored.revision() == 3);
  CHECK(restored.spec().documents() == kSplit);
}

TEST_CASE("lists leave the documents out and filter", "[services][policies]") {
  Fixture fx;
  Must(fx.Make(NewPolicy("a")));
  v1::CreatePolicyRequest paused = NewPolicy("b");
  paused.set_paused(true);
  Must(fx.Make(paused));
  v1::ListPoliciesRequest list;
  list.set_filter("paused = true");
  const auto found = Must(fx.Call<v1::ListPoliciesResponse>("Policies.ListPolicies", list));
  REQUIRE(found.policies_size() == 1);
  CHECK(found.policies(0).id() == "b");
  CHECK(found.policies(0).spec().documents().empty());
  list.set_filter("color = red");
  CHECK(ReasonOf(fx.Call<v1::ListPoliciesResponse>("Policies.ListPolicies", list)) == "FILTER_INVALID");
}

TEST_CASE("a policy's wish becomes an operation of the adapter, owned by the policy", "[services][policies]") {
  Fixture fx;
  fx.Connect();
  CHECK(ReasonOf(fx.api.PreparePolicyOperation(fx.Wish(policy::OperationWish::Kind::kApply))) ==
        "OPERATION_TYPE_UNKNOWN");
  fx.OfferSmi();

  const auto apply = Must(fx.api.PreparePolicyOperation(fx.Wish(policy::OperationWish::Kind::kApply)));
  CHECK(apply.kind == store::TaskKind::kApply);
  CHECK(apply.type == "smi.apply");
  CHECK(apply.mesh_key == "istio-system/default");
  CHECK(apply.principal == "token/alice");
  CHECK(apply.options_json.find(R"("owner_id":"shop")") != std::string::npos);
  CHECK(apply.options_json.find("prune") != std::string::npos);
  CHECK(nlohmann::json::parse(apply.parameters_json).at("documents") == kSplit);
  CHECK(nlohmann::json::parse(apply.parameters_json).at("options").at("mode") == "strict");

  CHECK(Must(fx.api.PreparePolicyOperation(fx.Wish(policy::OperationWish::Kind::kPlan))).kind ==
        store::TaskKind::kPlan);
  const auto remove = Must(fx.api.PreparePolicyOperation(fx.Wish(policy::OperationWish::Kind::kDelete)));
  CHECK(remove.type == "smi.delete");
  CHECK(remove.parameters_json == "{}");
}

TEST_CASE("a plan tells what a spec would concern and stores neither policy nor revision", "[services][policies]") {
  Fixture fx;
  v1::PlanPolicyRequest request;
  request.set_id("shop");
  *request.mutable_spec() = NewPolicy().spec();
  request.mutable_wait()->set_nanos(1'000'000);
  const auto plan = [&] { return fx.Call<v1::PolicyPlan>("Policies.PlanPolicy", request, Fixture::As("operator")); };
  CHECK(Must(plan()).meshes_size() == 0);

  fx.PutMesh();
  const v1::PolicyPlan alone = Must(plan());
  REQUIRE(alone.meshes_size() == 1);
  CHECK(alone.meshes(0).status() == "UNREACHABLE");
  CHECK(alone.meshes(0).error().reason() == "AdapterNotConnected");

  fx.Connect();
  const v1::PolicyPlan refused = Must(plan());
  CHECK(refused.meshes(0).status() == "FAILED");  // the adapter knows no smi.apply
  CHECK(refused.meshes(0).error().reason() == "OPERATION_TYPE_UNKNOWN");

  fx.OfferSmi();
  const v1::PolicyPlan fresh = Must(plan());
  CHECK(fresh.revision() == 0);
  REQUIRE(fresh.documents_size() == 1);
  CHECK(fresh.documents(0).action() == "ADDED");
  REQUIRE(fresh.meshes_size() == 1);
  CHECK(fresh.meshes(0).action() == "APPLY");
  CHECK(fresh.meshes(0).status() == "PENDING");  // no session of an adapter answers here
  CHECK_FALSE(fresh.meshes(0).plan_operation_id().empty());
  CHECK(ReasonOf(fx.Get()) == "POLICY_UNKNOWN");

  Must(fx.Make(NewPolicy()));
  const v1::PolicyPlan same = Must(plan());
  CHECK(same.revision() == 1);
  CHECK(same.documents_size() == 0);
  CHECK(same.settings_patch_json() == "[]");
  request.mutable_spec()->set_on_drift("REPAIR");
  CHECK(Must(plan()).settings_patch_json().find("REPAIR") != std::string::npos);
  CHECK(Must(fx.Get()).revision() == 1);
}

TEST_CASE("a plan is refused like the change that it stands for", "[services][policies]") {
  Fixture fx;
  v1::PlanPolicyRequest request;
  request.set_id("controller");
  *request.mutable_spec() = NewPolicy().spec();
  const auto plan = [&](const std::string& role = "operator") {
    return fx.Call<v1::PolicyPlan>("Policies.PlanPolicy", request, Fixture::As(role));
  };
  CHECK(ReasonOf(plan()) == "POLICY_ID_INVALID");
  request.set_id("shop");
  CHECK(ReasonOf(plan("viewer")) == "PERMISSION_DENIED");
  request.mutable_wait()->set_seconds(31);
  CHECK(ReasonOf(plan()) == "FIELD_INVALID");
  request.clear_wait();
  request.mutable_spec()->mutable_target()->set_all(false);
  request.mutable_spec()->mutable_target()->add_environments("prod");
  CHECK(ReasonOf(plan()) == "ENVIRONMENT_UNKNOWN");
  request.mutable_spec()->set_documents("kind: Pod");
  CHECK(ReasonOf(plan()) == "SMI_INVALID");
}

TEST_CASE("environments are created, changed by etag, listed and deleted", "[services][policies]") {
  Fixture fx;
  v1::CreateEnvironmentRequest create;
  create.set_id("prod");
  create.add_clusters("kind-dev");
  (*create.mutable_cluster_labels())["stage"] = "prod";
  const auto made = Must(fx.Call<v1::Environment>("Environments.CreateEnvironment", create, Fixture::As("operator")));
  CHECK(made.clusters(0) == "kind-dev");
  CHECK(made.cluster_labels().at("stage") == "prod");

  v1::UpdateEnvironmentRequest update;
  update.set_id("prod");
  update.set_display_name("Production");
  update.set_etag("9");
  CHECK(ReasonOf(fx.Call<v1::Environment>("Environments.UpdateEnvironment", update)) == "ETAG_STALE");
  update.set_etag(made.etag());
  const auto changed = Must(fx.Call<v1::Environment>("Environments.UpdateEnvironment", update));
  CHECK(changed.clusters_size() == 0);  // PUT replaces
  const auto list =
      Must(fx.Call<v1::ListEnvironmentsResponse>("Environments.ListEnvironments", v1::ListEnvironmentsRequest()));
  REQUIRE(list.environments_size() == 1);
  CHECK(list.environments(0).display_name() == "Production");

  v1::DeleteEnvironmentRequest remove;
  remove.set_id("prod");
  remove.set_etag(changed.etag());
  Must(fx.Call<v1::DeleteEnvironmentResponse>("Environments.DeleteEnvironment", remove));
  CHECK(ReasonOf(fx.Call<v1::DeleteEnvironmentResponse>("Environments.DeleteEnvironment", remove)) ==
        "ENVIRONMENT_UNKNOWN");
}
