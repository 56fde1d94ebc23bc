#include "tests/unit/policy/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;

namespace {

template <class T>
std::string ReasonOf(const Result<T>& result) {
  return result ? "OK" : result.error().reason();
}

}  // namespace

TEST_CASE("a policy is created once, and a repeated key gives the same one", "[policy]") {
  PolicyFixture fx;
  const auto create = [&](const std::string& id, const std::string& key, const std::string& fingerprint) {
    return fx.policies->Create(fx.Audit(), id, fx.Change(), false, key, fingerprint);
  };
  const auto first = create("shop", "k1", "f1");
  REQUIRE(first);
  CHECK_FALSE(first->second);
  const auto again = create("shop", "k1", "f1");
  REQUIRE(again);
  CHECK(again->second);
  CHECK(again->first.uid == first->first.uid);
  CHECK(ReasonOf(create("shop", "k1", "f2")) == "IDEMPOTENCY_KEY_REUSED");
  CHECK(ReasonOf(create("shop", "k2", "f1")) == "POLICY_EXISTS");
  CHECK(ReasonOf(create("Shop", "", "")) == "POLICY_ID_INVALID");
  CHECK(ReasonOf(create("controller", "", "")) == "POLICY_ID_INVALID");
}

TEST_CASE("a change must know the version that it changes", "[policy]") {
  PolicyFixture fx;
  const auto made = fx.Create(fx.Change());
  CHECK(ReasonOf(fx.policies->Update(fx.Audit(), "shop", made.version + 1, fx.Change())) == "ETAG_STALE");
  CHECK(ReasonOf(fx.policies->Delete(fx.Audit(), "shop", made.version + 1, false)) == "ETAG_STALE");
  CHECK(ReasonOf(fx.policies->Rollback(fx.Audit(), "shop", made.version + 1, 1, "")) == "ETAG_STALE");
  CHECK(ReasonOf(fx.policies->Update(fx.Audit(), "gone", 1, fx.Change())) == "POLICY_UNKNOWN");
  fx.AddMesh("m1");
  fx.Tick();
  CHECK(fx.Policy().version == made.version);  // how far meshes are does not count
}

TEST_CASE("a policy that is being deleted takes no change", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  REQUIRE(fx.policies->Delete(fx.Audit(), "shop", fx.Policy().version, false));
  CHECK(ReasonOf(fx.policies->Update(fx.Audit(), "shop", fx.Policy().version, fx.Change())) == "POLICY_DELETING");
  CHECK(ReasonOf(fx.policies->Pause(fx.Audit(), "shop", "")) == "POLICY_DELETING");
  CHECK(ReasonOf(fx.policies->Delete(fx.Audit(), "shop", 0, false)) == "OK");  // asking twice
}

TEST_CASE("the oldest revisions go, but not one that a mesh still has", "[policy]") {
  policy::PolicyOptions options;
  options.kept_revisions = 3;
  PolicyFixture fx(options);
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  fx.Succeed("APPLY m1");  // has revision 1
  for (int i = 2; i <= 6; ++i) fx.Update(fx.Change(Split("s" + std::to_string(i))));
  const std::string uid = fx.Policy().uid;
  std::vector<std::uint32_t> numbers;
  REQUIRE(fx.engine.store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(const auto rows, reader.ListPolicyRevisions(uid, 0, 100));
    for (const auto& row : rows) numbers.push_back(row.number);
    return {};
  }));
  CHECK(numbers == std::vector<std::uint32_t>{6, 5, 4, 1});
}

TEST_CASE("there are no more policies and environments than allowed", "[policy]") {
  policy::PolicyOptions options;
  options.max_policies = 2;
  options.max_environments = 1;
  PolicyFixture fx(options);
  fx.Create(fx.Change(), "a");
  fx.Create(fx.Change(), "b");
  CHECK(ReasonOf(fx.policies->Create(fx.Audit(), "c", fx.Change(), false, "", "")) == "POLICY_LIMIT");
  CHECK(ReasonOf(fx.policies->CreateEnvironment(fx.Audit(), "prod", {})) == "OK");
  CHECK(ReasonOf(fx.policies->CreateEnvironment(fx.Audit(), "test", {})) == "ENVIRONMENT_LIMIT");
}

TEST_CASE("an environment is created, changed and forgotten, but not while a policy names it", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.AddMesh("m2");
  auto change = fx.Change();
  change.spec.target = {};
  change.spec.target.environments = {"prod"};
  CHECK(ReasonOf(fx.policies->Create(fx.Audit(), "shop", change, false, "", "")) == "ENVIRONMENT_UNKNOWN");

  policy::EnvironmentChange group;
  group.clusters = {"m1"};
  const auto made = fx.policies->CreateEnvironment(fx.Audit(), "prod", group);
  REQUIRE(made);
  CHECK(ReasonOf(fx.policies->CreateEnvironment(fx.Audit(), "prod", group)) == "ENVIRONMENT_EXISTS");
  CHECK(ReasonOf(fx.policies->CreateEnvironment(fx.Audit(), "Prod", group)) == "ENVIRONMENT_ID_INVALID");
  fx.Create(change);
  fx.Tick();
  CHECK(fx.Offers() == std::vector<std::string>{"APPLY m1"});

  group.clusters = {"m1", "m2"};
  CHECK(ReasonOf(fx.policies->UpdateEnvironment(fx.Audit(), "prod", 7, group)) == "ETAG_STALE");
  const auto changed = fx.policies->UpdateEnvironment(fx.Audit(), "prod", made->version, group);
  REQUIRE(changed);
  fx.Tick();
  CHECK(fx.Offers() == std::vector<std::string>{"APPLY m1", "APPLY m2"});

  CHECK(ReasonOf(fx.policies->DeleteEnvironment(fx.Audit(), "prod", changed->version)) == "ENVIRONMENT_IN_USE");
  fx.Update(fx.Change());
  CHECK(ReasonOf(fx.policies->DeleteEnvironment(fx.Audit(), "prod", changed->version)) == "OK");

  // A revision that names it cannot come back: it would take the policy from every mesh.
  const auto rollback = [&] { return fx.policies->Rollback(fx.Audit(), "shop", {}, 1, ""); };
  CHECK(ReasonOf(rollback()) == "ENVIRONMENT_UNKNOWN");
  CHECK(fx.Policy().revision == 2);
  REQUIRE(fx.policies->CreateEnvironment(fx.Audit(), "prod", group));
  CHECK(ReasonOf(rollback()) == "OK");
}
