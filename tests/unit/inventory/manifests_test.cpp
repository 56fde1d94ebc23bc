#include "tests/unit/inventory/fixture.h"

using namespace meshplay;
using meshplay::testing::InventoryFixture;
using meshplay::testing::kManifest;

namespace {

std::string WithOperations(const std::string& operations, const std::string& mesh_type = "istio") {
  return R"({"digest":"d","mesh_type":")" + mesh_type + R"(","operations":[)" + operations + "]}";
}

}  // namespace

TEST_CASE("capabilities are asked for until their digest is known", "[inventory]") {
  InventoryFixture fx;
  CHECK(fx.Connect("a1", "s1"));
  REQUIRE(fx.inventory.AcceptManifest("a1", "d1", kManifest));
  CHECK_FALSE(fx.Connect("a1", "s2"));
  REQUIRE(fx.inventory.AcceptManifest("a1", "d2", kManifest));
  CHECK(fx.Connect("a1", "s3"));
}

TEST_CASE("a manifest becomes operation types with bare words", "[inventory]") {
  InventoryFixture fx;
  REQUIRE(fx.inventory.AcceptManifest("a1", "d1", kManifest));
  REQUIRE(fx.inventory.AcceptManifest("a2", "d1", kManifest));

  const auto found = fx.inventory.FindOperationType("default", "istio.install");

  REQUIRE(found);
  CHECK(found->type.category == "INSTALL");
  CHECK(found->type.idempotency == "NATURAL");
  CHECK(found->type.cancellation == "BETWEEN_STEPS");
  CHECK(found->type.plan == "EXACT");
  CHECK(found->type.lock == "EXCLUSIVE");
  CHECK(found->type.max_duration_ms == 600'000);
  CHECK(found->type.typical_duration_ms == 1'500);
  CHECK(found->type.adapter_ids == std::vector<std::string>{"a1", "a2"});
  CHECK(found->alias_parameters_json.empty());
}

TEST_CASE("an alias finds the type with the parameters it stands for", "[inventory]") {
  InventoryFixture fx;
  REQUIRE(fx.inventory.AcceptManifest("a1", "d1", kManifest));

  const auto found = fx.inventory.FindOperationType("default", "istio");

  REQUIRE(found);
  CHECK(found->type.type == "istio.install");
  CHECK(found->alias_parameters_json == R"({"profile":"default"})");
  CHECK(fx.inventory.FindOperationType("default", "linkerd").error().reason() == "OPERATION_TYPE_UNKNOWN");
  CHECK(fx.inventory.FindOperationType("other-tenant", "istio").error().reason() == "OPERATION_TYPE_UNKNOWN");
}

TEST_CASE("a name that several mesh types offer needs the mesh type", "[inventory]") {
  InventoryFixture fx;
  REQUIRE(fx.inventory.AcceptManifest("a1", "d1", kManifest));
  REQUIRE(fx.inventory.AcceptManifest("l1", "d1", WithOperations(R"({"type":"smi.translate"})", "linkerd")));

  const auto ambiguous = fx.inventory.FindOperationType("default", "smi.translate");

  CHECK(ambiguous.error().reason() == "OPERATION_TYPE_AMBIGUOUS");
  CHECK(ambiguous.error().metadata().at("mesh_types") == "istio,linkerd");
  CHECK(fx.inventory.FindOperationType("default", "smi.translate", "linkerd")->type.mesh_type == "linkerd");
}

TEST_CASE("operation types survive a restart and follow the newest manifest", "[inventory]") {
  InventoryFixture fx;
  REQUIRE(fx.inventory.AcceptManifest("a1", "d1", kManifest));
  fx.clock.Advance(std::chrono::seconds(1));
  REQUIRE(fx.inventory.AcceptManifest(
      "a2", "d2",
      WithOperations(R"({"type":"istio.install","title":"Newer","category":"OPERATION_CATEGORY_INSTALL"})")));

  inventory::Inventory restarted(*fx.store, fx.clock);

  CHECK(fx.inventory.FindOperationType("default", "istio.install")->type.title == "Newer");
  CHECK(restarted.FindOperationType("default", "istio.install")->type.title == "Newer");
  CHECK(restarted.OperationTypes("default", "istio")->size() == 2);
  CHECK(restarted.OperationTypes("default", "linkerd")->empty());
}

TEST_CASE("a manifest that breaks the contract is refused as a whole", "[inventory]") {
  InventoryFixture fx;
  struct Case {
    std::string manifest;
    std::string reason;
    std::string pointer;
  };
  const std::vector<Case> cases = {
      {WithOperations(R"({"type":"a.b"},{"type":"a.b"})"), "OPERATION_TYPE_DUPLICATE", "/operations/1/type"},
      {WithOperations(R"({"type":"a.b","aliases":[{"id":"x"}]},{"type":"a.c","aliases":[{"id":"x"}]})"),
       "OPERATION_TYPE_DUPLICATE", "/operations/1/aliases"},
      {WithOperations(R"({"type":"a.b","parameters_schema":"{\"$ref\":\"#\"}"})"), "SCHEMA_KEYWORD_UNSUPPORTED",
       "/operations/0/parameters_schema"},
      {WithOperations(R"({"type":"a.b","parameters_schema":"{"})"), "MANIFEST_INVALID",
       "/operations/0/parameters_schema"},
      {WithOperations(R"({"type":"a b"})"), "MANIFEST_INVALID", "/operations/0/type"},
      {WithOperations(R"({"type":"a.b","sensitive_pointers":["x"]})"), "MANIFEST_INVALID",
       "/operations/0/sensitive_pointers"},
      {WithOperations(R"({"type":"a.b","aliases":[{"id":"x","parameters_json":"[]"}]})"), "MANIFEST_INVALID",
       "/operations/0/aliases"},
      {WithOperations("", "linkerd"), "MANIFEST_INVALID", "/mesh_type"},
      {R"({"operations":[]})", "MANIFEST_INVALID", "/mesh_type"},
  };
  for (const Case& entry : cases) {
    INFO(entry.manifest);
    const Status accepted = fx.inventory.AcceptManifest("a1", "d1", entry.manifest);
    REQUIRE_FALSE(accepted);
    CHECK(accepted.error().reason() == entry.reason);
    bool points = false;
    for (const Violation& violation : accepted.error().violations()) {
      points = points || violation.pointer.rfind(entry.pointer, 0) == 0;
    }
    CHECK(points);
  }
  CHECK(fx.Adapter("a1").manifest_json.empty());
  CHECK(fx.inventory.AcceptManifest("a1", "d1", std::string(1024 * 1024 + 1, ' ')).error().reason() ==
        "MANIFEST_TOO_LARGE");
  CHECK(fx.inventory.AcceptManifest("a1", "", kManifest).error().reason() == "MANIFEST_INVALID");
}

TEST_CASE("a refused manifest shows as a condition until a good one comes, and the old one stays in force",
          "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  REQUIRE(fx.inventory.AcceptManifest("a1", "d1", kManifest));

  REQUIRE_FALSE(fx.inventory.AcceptManifest("a1", "d2", WithOperations(R"({"type":"a b"})")));
  REQUIRE(fx.inventory.ReportHealth("a1", ""));
  REQUIRE(fx.inventory.SessionClosed("a1", "s1"));

  const std::string refused = fx.Adapter("a1").conditions_json;
  CHECK(refused.find(R"("reason":"ManifestInvalid","status":"False","type":"ManifestAccepted")") != std::string::npos);
  CHECK(fx.Adapter("a1").manifest_digest == "d1");
  CHECK(fx.inventory.FindOperationType("default", "istio.install").has_value());
  REQUIRE(fx.inventory.AcceptManifest("a1", "d3", kManifest));
  CHECK(fx.Adapter("a1").conditions_json.find("ManifestInvalid") == std::string::npos);
}
