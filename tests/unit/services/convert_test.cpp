#include "server/services/convert_access.h"
#include "server/services/convert_adapter.h"
#include "server/services/convert_common.h"
#include "server/services/convert_inventory.h"
#include "server/services/convert_operation.h"
#include "server/store/operation_states.h"
#include "tests/unit/services/fixture.h"

using namespace meshplay::services;
namespace store = meshplay::store;
namespace v1 = meshplay::v1;

TEST_CASE("empty rows become messages without invented values", "[services][convert]") {
  const v1::Operation operation = ToOperation({}, std::nullopt);
  CHECK(operation.state() == v1::OPERATION_STATE_UNSPECIFIED);
  CHECK_FALSE(operation.has_error());
  CHECK_FALSE(operation.has_not_before());
  CHECK(operation.output_json().empty());
  CHECK(operation.phase().empty());
  CHECK(ToMesh({}).health() == "UNKNOWN");
  CHECK(ToObject({}).health() == "UNKNOWN");
  CHECK(ToCluster({}, {}).labels().empty());
  CHECK_FALSE(ToTarget({}, std::nullopt).has_held_since());
  CHECK_FALSE(ToToken({}).has_expire_time());
  CHECK_FALSE(ToAdapter({}, {}, 0).has_last_seen());
}

TEST_CASE("columns that are broken or of another form give nothing", "[services][convert]") {
  store::OperationRecord record;
  record.result_json = "{broken";
  record.error_json = R"({"reason":7,"violations":"x","metadata":[1]})";
  const v1::Operation operation = ToOperation(record, std::nullopt);
  CHECK(operation.output_json().empty());
  CHECK(operation.error().reason().empty());
  CHECK(operation.error().violations().empty());
  CHECK(ToConditions("7").empty());
  CHECK(ToConditions(R"([{"type":"Ready","status":"Maybe"}])")[0].status() == "Unknown");
  store::ObjectRecord object;
  object.facts_kind = "workload";
  object.facts_json = R"({"pods":-3,"proxy_versions":{"a":1}})";
  v1::Mesh mesh;
  AddFacts(object, mesh);
  CHECK(mesh.pods() == 0);
  CHECK(mesh.workloads() == 1);
}

TEST_CASE("a full operation row keeps everything", "[services][convert]") {
  store::OperationRecord record;
  record.id = "id";
  record.kind = store::TaskKind::kApply;
  record.state = store::OperationState::kFailed;
  record.version = 7;
  record.side_effects = store::SideEffects::kPartial;
  record.not_before_unix_ms = 1'500;
  record.result_json = R"({"output":{"a":9007199254740993},"smi":[1],"detection":{"meshes":[]},"plan_digest":"d"})";
  record.error_json =
      R"({"reason":"FIELD_CONFLICT","error_class":"CONFLICT","side_effects":"PARTIAL","message":"m","metadata":{"k":"v"},"violations":[{"pointer":"/a","detail":"d"}]})";
  const v1::Operation operation = ToOperation(record, std::nullopt);
  CHECK(operation.done());
  CHECK(operation.etag() == "7");
  CHECK(operation.side_effects() == "PARTIAL");
  CHECK(operation.output_json() == R"({"a":9007199254740993})");
  CHECK(operation.smi_reports_json() == "[1]");
  CHECK(operation.plan_digest() == "d");
  CHECK(operation.not_before().nanos() == 500'000'000);
  CHECK(operation.error().metadata().at("k") == "v");
  CHECK(operation.error().violations(0).pointer() == "/a");
}

TEST_CASE("every stored state and kind has its public name, foreign numbers have none", "[services][convert]") {
  for (int number = 0; number <= 12; ++number) {
    const auto state = static_cast<store::OperationState>(number);
    const std::string expected =
        number == 0 ? "OPERATION_STATE_UNSPECIFIED" : std::string(store::OperationStateName(state));
    CHECK(v1::OperationState_Name(ToState(state)) == expected);
  }
  CHECK(ToState(static_cast<store::OperationState>(77)) == v1::OPERATION_STATE_UNSPECIFIED);
  CHECK(ToKind(store::TaskKind::kPlan) == v1::PLAN);
  CHECK(ToKind(store::TaskKind::kInspect) == v1::OPERATION_KIND_UNSPECIFIED);
  CHECK(ToKind(static_cast<store::TaskKind>(77)) == v1::OPERATION_KIND_UNSPECIFIED);
}

TEST_CASE("words of a manifest that are not known mean the careful choice", "[services][convert]") {
  meshplay::inventory::OperationType type;
  type.idempotency = "SOMETIMES";
  const store::OperationTraits traits = ToTraits(type);
  CHECK(traits.idempotency == store::Idempotency::kNone);
  CHECK(traits.cancellation == store::Cancellation::kNever);
  CHECK(traits.lock == store::LockMode::kExclusive);
  type.lock = "SHARED";
  type.cancellation = "WITH_ROLLBACK";
  type.idempotency = "KEYED";
  CHECK(ToTraits(type).lock == store::LockMode::kShared);
  CHECK(ToTraits(type).cancellation == store::Cancellation::kWithRollback);
  CHECK(ToTraits(type).idempotency == store::Idempotency::kKeyed);
}

TEST_CASE("apply options survive the way to the row and back", "[services][convert]") {
  v1::ApplyOptions options;
  CHECK(ToOptionsJson(options, "") == "{}");
  options.set_force_conflicts(true);
  options.set_prune(true);
  options.set_wait_for_ready(true);
  options.set_rollback_on_failure(true);
  options.set_owner_id("shop");
  const std::string json = ToOptionsJson(options, "digest");
  CHECK(
      json ==
      R"({"force_conflicts":true,"on_failure":"FAILURE_POLICY_ROLLBACK","owner_id":"shop","plan_digest":"digest","prune":"PRUNE_POLICY_OWNED","wait_for_ready":true})");
  CHECK(ToApplyOptions(json).SerializeAsString() == options.SerializeAsString());
}

TEST_CASE("times keep their milliseconds, also before 1970", "[services][convert]") {
  for (const meshplay::UnixMs time : {meshplay::UnixMs{0}, meshplay::UnixMs{1'800'000'000'123}, meshplay::UnixMs{-1}}) {
    CHECK(ToUnixMs(ToTimestamp(time)) == time);
  }
  CHECK(ToMilliseconds(ToDuration(std::chrono::milliseconds(90'500))) == std::chrono::milliseconds(90'500));
}
