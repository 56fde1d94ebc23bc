#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;

namespace {

PolicyRecord SamplePolicy(const std::string& uid, const std::string& id, const std::string& tenant = "default") {
  PolicyRecord p;
  p.uid = uid;
  p.tenant = tenant;
  p.id = id;
  p.display_name = "Shop";
  p.labels_json = R"({"team":"shop"})";
  p.revision = 3;
  p.paused = true;
  p.pause_reason = "holiday";
  p.deleting = true;
  p.deleted_by = "alice";
  p.rollout_state = "ROLLING";
  p.rollout_stage = 2;
  p.rollout_settled_unix_ms = 5;
  p.rollout_message = "waits";
  p.created_by = "bob";
  p.version = 7;
  p.created_unix_ms = 1;
  p.updated_unix_ms = 2;
  return p;
}

PolicyRevisionRecord SampleRevision(const std::string& policy, std::uint32_t number) {
  PolicyRevisionRecord r;
  r.policy_uid = policy;
  r.tenant = "default";
  r.number = number;
  r.digest = "digest";
  r.spec_json = "{}";
  r.documents = "kind: TrafficSplit";
  r.principal = "alice";
  r.note = "first";
  r.restored_from = 1;
  r.created_unix_ms = 9;
  return r;
}

PolicyMeshRecord SamplePolicyMesh(const std::string& policy, const std::string& mesh) {
  PolicyMeshRecord m;
  m.policy_uid = policy;
  m.mesh_id = mesh;
  m.tenant = "default";
  m.cluster_id = "east";
  m.cluster_uid = "uid-east";
  m.mesh_type = "istio";
  m.stage = 1;
  m.state = "PARTIAL";
  m.level = "PARTIAL";
  m.reason = "R";
  m.message = "because";
  m.applied_revision = 2;
  m.drifted = true;
  m.may_have_objects = true;
  m.operation_id = "o-1";
  m.operation_kind = "PLAN";
  m.operation_revision = 3;
  m.last_operation_id = "o-0";
  m.plan_operation_id = "o-2";
  m.sequence = 12;
  m.failures = 4;
  m.retry_unix_ms = 10;
  m.drift_due_unix_ms = 11;
  m.drift_checked_unix_ms = 12;
  m.losses_json = "[\"L\"]";
  m.reapply_unix_ms = 16;
  m.since_unix_ms = 13;
  m.created_unix_ms = 14;
  m.updated_unix_ms = 15;
  return m;
}

EnvironmentRecord SampleEnvironment(const std::string& id, const std::string& tenant = "default") {
  EnvironmentRecord e;
  e.id = id;
  e.tenant = tenant;
  e.uid = "uid-" + id;
  e.display_name = "Staging";
  e.labels_json = "{}";
  e.clusters = {"east", "west"};
  e.selector_json = R"({"x":1})";
  e.version = 2;
  e.created_unix_ms = 1;
  e.updated_unix_ms = 2;
  return e;
}

std::string ReasonOfWrite(Backend& backend, const std::function<Status(Transaction&)>& work) {
  const Status done = backend.store().Write(work);
  return done ? "OK" : done.error().reason();
}

}  // namespace

TEST_CASE("policies come back as written, by id and in order of their ids", "[policy]") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    Take(tx.PutPolicy(SamplePolicy("u2", "web")));
    Take(tx.PutPolicy(SamplePolicy("u1", "shop")));
    Take(tx.PutPolicy(SamplePolicy("u3", "shop", "other")));
  });
  CHECK(backend.Read([](Reader& r) { return r.FindPolicy("default", "shop"); }) == SamplePolicy("u1", "shop"));
  CHECK(backend.Read([](Reader& r) { return r.FindPolicy("other", "shop"); })->uid == "u3");
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindPolicy("other", "web"); }).has_value());
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListPolicies("default", "", 10); })) ==
        std::vector<std::string>{"shop", "web"});
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListPolicies("default", "shop", 10); })) ==
        std::vector<std::string>{"web"});
  CHECK(backend.Read([](Reader& r) { return r.ListPolicies("", "", 10); }).size() == 3);
  CHECK(backend.Read([](Reader& r) { return r.ListPolicies("", "", 2); }).size() == 2);
}

TEST_CASE("two policies of a tenant never have the same id", "[policy]") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) { Take(tx.PutPolicy(SamplePolicy("u1", "shop"))); });
  CHECK(ReasonOfWrite(backend, [](Transaction& tx) { return tx.PutPolicy(SamplePolicy("u2", "shop")); }) ==
        "ROW_EXISTS");
  CHECK(ReasonOfWrite(backend, [](Transaction& tx) { return tx.PutPolicy(SamplePolicy("u1", "shop")); }) == "OK");
  CHECK(ReasonOfWrite(backend, [](Transaction& tx) { return tx.PutPolicy(SamplePolicy("u2", "shop", "other")); }) ==
        "OK");
}

TEST_CASE("a revision is written once and read newest first, without documents in lists", "[policy]") {
  Backend backend(AnyBackend());
  CHECK(ReasonOfWrite(backend, [](Transaction& tx) { return tx.AddPolicyRevision(SampleRevision("u1", 1)); }) ==
        "ROW_UNKNOWN");
  backend.Write([](Transaction& tx) {
    Take(tx.PutPolicy(SamplePolicy("u1", "shop")));
    Take(tx.PutPolicy(SamplePolicy("u2", "web")));
    for (const std::uint32_t number : {1U, 2U, 10U}) Take(tx.AddPolicyRevision(SampleRevision("u1", number)));
    Take(tx.AddPolicyRevision(SampleRevision("u2", 5)));
  });
  CHECK(ReasonOfWrite(backend, [](Transaction& tx) { return tx.AddPolicyRevision(SampleRevision("u1", 2)); }) ==
        "ROW_EXISTS");
  CHECK(backend.Read([](Reader& r) { return r.FindPolicyRevision("u1", 2); }) == SampleRevision("u1", 2));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindPolicyRevision("u1", 3); }).has_value());
  const auto all = backend.Read([](Reader& r) { return r.ListPolicyRevisions("u1", 0, 10); });
  REQUIRE(all.size() == 3);
  CHECK(all[0].number == 10);
  CHECK(all[2].number == 1);
  CHECK(all[0].documents.empty());
  CHECK(all[0].spec_json == "{}");
  const auto older = backend.Read([](Reader& r) { return r.ListPolicyRevisions("u1", 10, 1); });
  REQUIRE(older.size() == 1);
  CHECK(older[0].number == 2);
  backend.Write([](Transaction& tx) { Take(tx.DeletePolicyRevision("u1", 2)); });
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindPolicyRevision("u1", 2); }).has_value());
}

TEST_CASE("meshes and reports of a policy come back as written and go with it", "[policy]") {
  Backend backend(AnyBackend());
  CHECK(ReasonOfWrite(backend, [](Transaction& tx) { return tx.PutPolicyMesh(SamplePolicyMesh("u1", "m1")); }) ==
        "ROW_UNKNOWN");
  CHECK(ReasonOfWrite(backend, [](Transaction& tx) {
          return tx.PutPolicyReport({"u1", "m1", "[]", "", ""});
        }) == "ROW_UNKNOWN");
  const PolicyReportRecord report{"u1", "m1", "[1]", "[2]", "{}"};
  backend.Write([&report](Transaction& tx) {
    Take(tx.PutPolicy(SamplePolicy("u1", "shop")));
    Take(tx.PutPolicy(SamplePolicy("u2", "web")));
    for (const char* mesh : {"m2", "m1", "m3"}) Take(tx.PutPolicyMesh(SamplePolicyMesh("u1", mesh)));
    Take(tx.PutPolicyMesh(SamplePolicyMesh("u2", "m1")));
    Take(tx.PutPolicyReport(report));
    Take(tx.AddPolicyRevision(SampleRevision("u1", 1)));
  });
  CHECK(backend.Read([](Reader& r) { return r.FindPolicyMesh("u1", "m1"); }) == SamplePolicyMesh("u1", "m1"));
  CHECK(backend.Read([](Reader& r) { return r.FindPolicyReport("u1", "m1"); }) == report);
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindPolicyReport("u1", "m2"); }).has_value());
  const auto page = backend.Read([](Reader& r) { return r.ListPolicyMeshes("u1", "m1", 10); });
  REQUIRE(page.size() == 2);
  CHECK(page[0].mesh_id == "m2");
  CHECK(backend.Read([](Reader& r) { return r.ListPolicyMeshes("u1", "", 2); }).size() == 2);

  backend.Write([](Transaction& tx) { Take(tx.DeletePolicyMesh("u1", "m1")); });
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindPolicyReport("u1", "m1"); }).has_value());
  backend.Write([](Transaction& tx) { Take(tx.DeletePolicy("u1")); });
  CHECK(backend.Read([](Reader& r) { return r.ListPolicyMeshes("u1", "", 10); }).empty());
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindPolicyRevision("u1", 1); }).has_value());
  CHECK(backend.Read([](Reader& r) { return r.ListPolicyMeshes("u2", "", 10); }).size() == 1);
}

TEST_CASE("a unit that fails leaves no policy behind", "[policy]") {
  Backend backend(AnyBackend());
  const std::string reason = ReasonOfWrite(backend, [](Transaction& tx) -> Status {
    MP_CHECK(tx.PutPolicy(SamplePolicy("u1", "shop")));
    MP_CHECK(tx.AddPolicyRevision(SampleRevision("u1", 1)));
    return tx.AddPolicyRevision(SampleRevision("u1", 1));
  });
  CHECK(reason == "ROW_EXISTS");
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindPolicy("default", "shop"); }).has_value());
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindPolicyRevision("u1", 1); }).has_value());
}

TEST_CASE("environments come back as written, tenant by tenant", "[policy]") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    Take(tx.PutEnvironment(SampleEnvironment("staging")));
    Take(tx.PutEnvironment(SampleEnvironment("prod")));
    Take(tx.PutEnvironment(SampleEnvironment("prod", "other")));
  });
  CHECK(backend.Read([](Reader& r) { return r.FindEnvironment("default", "prod"); }) == SampleEnvironment("prod"));
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListEnvironments("default", "", 10); })) ==
        std::vector<std::string>{"prod", "staging"});
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListEnvironments("default", "prod", 1); })) ==
        std::vector<std::string>{"staging"});
  backend.Write([](Transaction& tx) { Take(tx.DeleteEnvironment("default", "prod")); });
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindEnvironment("default", "prod"); }).has_value());
  CHECK(backend.Read([](Reader& r) { return r.FindEnvironment("other", "prod"); }).has_value());
}
