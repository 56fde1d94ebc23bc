#include <catch2/catch.hpp>

#include "server/engine/internal/conformance_rows.h"
#include "tests/unit/engine/engine_fixture.h"

using namespace meshplay::engine::testing;
using meshplay::engine::AttemptPhase;
using meshplay::engine::OperationRequest;
using meshplay::engine::Outcome;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::TaskResult;
using meshplay::engine::internal::ConformanceRows;
using namespace std::chrono_literals;

namespace {

constexpr const char* kReport = R"({
  "suite": "meshplay-smi", "suite_version": "1", "mesh_version": "1.30.3",
  "overall": "CONFORMANCE_STATUS_FAILED", "reason": "NOT_STABLE", "detail": "b: flaps",
  "groups": [{"name": "g", "smi_version": "v1", "capability": "SUPPORT_LEVEL_PARTIAL", "legacy": true}],
  "cases": [
    {"id": "a", "group": "g", "title": "A", "status": "CONFORMANCE_STATUS_PASSED", "level": "SUPPORT_LEVEL_FULL",
     "took": "1.250s", "evidence": {"looks": [1]}},
    {"id": "b", "group": "g", "status": "CONFORMANCE_STATUS_FAILED", "reason": "NOT_STABLE", "detail": "flaps"},
    {"id": "c", "group": "g", "status": "SOMETHING_NEW"}]})";

TaskOffer OfferRun(EngineFixture& fx) {
  fx.Serve("a1", "c1");
  fx.Connect("a1");
  OperationRequest request = fx.Request();
  request.kind = TaskKind::kConformance;
  request.type = "smi.conformance";
  fx.Submit(request);
  return fx.LastOffer();
}

}  // namespace

TEST_CASE("a conformance report becomes rows; what is unknown counts as inconclusive", "[engine][conformance]") {
  const auto [run, cases] = ConformanceRows(kReport);
  CHECK(run.verdict == "FAILED");
  CHECK(run.reason == "NOT_STABLE");
  CHECK(run.mesh_version == "1.30.3");
  CHECK(run.passed == 1);
  CHECK(run.failed == 1);
  CHECK(run.inconclusive == 1);
  CHECK(run.groups_json == R"([{"capability":"PARTIAL","legacy":true,"name":"g","smi_version":"v1"}])");
  REQUIRE(cases.size() == 3);
  CHECK(cases[0].status == "PASSED");
  CHECK(cases[0].level == "FULL");
  CHECK(cases[0].took == 1'250ms);
  CHECK(cases[0].evidence_json == R"({"looks":[1]})");
  CHECK(cases[2].status == "INCONCLUSIVE");
}

TEST_CASE("a report that says passed without a case that passed is not believed", "[engine][conformance]") {
  CHECK(ConformanceRows(R"({"overall": "CONFORMANCE_STATUS_PASSED"})").first.verdict == "INCONCLUSIVE");
  CHECK(ConformanceRows(R"({"overall": "CONFORMANCE_STATUS_PASSED", "cases": [{"status": "CONFORMANCE_STATUS_PASSED"},
        {"status": "CONFORMANCE_STATUS_FAILED"}]})")
            .first.verdict == "FAILED");
  CHECK(ConformanceRows(R"({"overall": "CONFORMANCE_STATUS_PASSED",
        "cases": [{"status": "CONFORMANCE_STATUS_PASSED"}]})")
            .first.verdict == "PASSED");
  CHECK(ConformanceRows("nonsense").first.verdict == "INCONCLUSIVE");
  CHECK(ConformanceRows(R"({"cases": 3, "groups": [1]})").second.empty());
}

TEST_CASE("evidence above the bound is left out and says so", "[engine][conformance]") {
  const std::string large(40'000, 'x');
  const auto rows = ConformanceRows(R"({"cases": [{"id": "a", "evidence": {"x": ")" + large + R"("}}]})");
  CHECK(rows.second.at(0).evidence_json == R"({"cut":true})");
}

TEST_CASE("the report of a run is stored with the end of its operation", "[engine][conformance]") {
  EngineFixture fx;
  const TaskOffer offer = OfferRun(fx);
  CHECK(offer.kind == TaskKind::kConformance);
  CHECK(offer.fence == 0);
  CHECK(fx.Target().locked_by.empty());
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  TaskResult result = EngineFixture::MakeResult(offer, 2, Outcome::kSucceeded);
  result.conformance_json = kReport;
  fx.Finish(result);
  CHECK(fx.StateName(offer.operation_id) == "SUCCEEDED");
  const meshplay::Status read = fx.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
    MP_TRY(const auto run, reader.FindConformanceRun(offer.operation_id));
    REQUIRE(run);
    CHECK(run->verdict == "FAILED");
    MP_TRY(const auto cases, reader.ListConformanceCases(offer.operation_id));
    CHECK(cases.size() == 3);
    return {};
  });
  CHECK(read.has_value());
  // The evidence is not carried along with the operation.
  CHECK(fx.Operation(offer.operation_id).result_json.find("looks") == std::string::npos);
}

TEST_CASE("a run whose adapter died is offered again, without a look at the target first", "[engine][conformance]") {
  EngineFixture fx;
  const TaskOffer first = OfferRun(fx);
  fx.Accept(first);
  fx.Update(first, 1, AttemptPhase::kMutating);
  fx.Disconnect("a1");
  fx.Advance(41s);
  fx.Connect("a1", "i2");
  const TaskOffer second = fx.LastOffer();
  CHECK(second.operation_id == first.operation_id);
  CHECK(second.attempt == 2);
  CHECK(second.kind == TaskKind::kConformance);
}
