#include <catch2/catch.hpp>

#include "tests/unit/conformance/bench.h"

namespace {

using meshplay::conformance::CaseResult;
using meshplay::conformance::CaseStatus;
using meshplay::conformance::RunReport;
using meshplay::smi::SupportLevel;
using meshplay::test::Bench;
using meshplay::test::CaseOf;
using meshplay::test::GateMode;
using nlohmann::json;

void CheckCase(const RunReport& report, const std::string& id, CaseStatus status, const std::string& reason) {
  const CaseResult& result = CaseOf(report, id);
  INFO(id << ": " << result.reason << " " << result.detail);
  CHECK(CaseStatusName(result.status) == CaseStatusName(status));
  CHECK(result.reason == reason);
}

bool IsUdpDocument(const json& document) {
  return document["kind"] == "UDPRoute" ||
         (document["kind"] == "TrafficTarget" && document["spec"]["rules"][0]["kind"] == "UDPRoute");
}

TEST_CASE("Where SMI is enforced as written, every case that can be judged passes") {
  Bench bench;
  bench.level = [](const json& document) {
    return IsUdpDocument(document) ? SupportLevel::kNone : SupportLevel::kFull;
  };
  const RunReport report = bench.Run({});
  int legacy = 0;
  for (const CaseResult& result : report.cases) {
    INFO(result.id << ": " << result.reason << " " << result.detail << " " << result.evidence.dump());
    const bool unclaimed = result.group.starts_with("metrics-") || result.group == "access-udp";
    CHECK(CaseStatusName(result.status) == (unclaimed ? "UNSUPPORTED" : "PASSED"));
    legacy += result.group.starts_with("traffic-") ? 1 : 0;
    CHECK(result.evidence.dump().size() <= meshplay::conformance::kMaxEvidenceBytes);
  }
  CHECK(legacy == 24);
  CHECK(CaseStatusName(report.overall) == "PASSED");
  for (const auto& group : report.groups) {
    const bool unclaimed = group.name.starts_with("metrics-") || group.name == "access-udp";
    INFO(group.name);
    REQUIRE(group.capability);
    CHECK(*group.capability == (unclaimed ? SupportLevel::kNone : SupportLevel::kFull));
  }
  const json& seen = CaseOf(report, "traffic-access-05").evidence["looks"].back()["seen"];
  CHECK(seen["received"]["app-b"]["app-a"] == 1);
  CHECK(seen["requests"][0]["answer"] == "200");
}

TEST_CASE("A mesh that enforces nothing fails where a denial is due, and only there") {
  Bench bench;
  bench.gate().SetMode(GateMode::kAllowsAll);
  const RunReport report = bench.Run({"traffic-access", "traffic-spec"});
  CheckCase(report, "traffic-access-03", CaseStatus::kFailed, "EXPECTATION_NOT_MET");
  CheckCase(report, "traffic-access-05", CaseStatus::kPassed, "");
  CheckCase(report, "traffic-access-07", CaseStatus::kFailed, "EXPECTATION_NOT_MET");
  CheckCase(report, "traffic-spec-04", CaseStatus::kFailed, "EXPECTATION_NOT_MET");
  CHECK(CaseStatusName(report.overall) == "FAILED");
  CHECK(report.groups.front().capability == SupportLevel::kPartial);  // 5 of 7
}

TEST_CASE("A failure that is no denial proves nothing") {
  Bench bench;
  bench.gate().SetMode(GateMode::kUnavailable);
  const RunReport report = bench.Run({"traffic-access"});
  CheckCase(report, "traffic-access-03", CaseStatus::kInconclusive, "DENIED_FOR_WRONG_REASON");
  CheckCase(report, "traffic-access-05", CaseStatus::kPassed, "");
  CHECK(CaseStatusName(report.overall) == "INCONCLUSIVE");
  CHECK(!report.groups.front().capability);
}

TEST_CASE("A denial that cuts the connection is one") {
  Bench bench;
  bench.gate().SetMode(GateMode::kDropsDenied);
  const RunReport report = bench.Run({"traffic-access", "traffic-spec"});
  CheckCase(report, "traffic-access-03", CaseStatus::kPassed, "");
  CheckCase(report, "traffic-spec-06", CaseStatus::kPassed, "");
  CHECK(CaseStatusName(report.overall) == "PASSED");
}

TEST_CASE("What holds only now and then does not pass") {
  Bench bench;
  bench.on_progress = [&](const std::string& text) {
    bench.gate().SetMode(text == "traffic-access-03" ? GateMode::kFlapping : GateMode::kHonest);
  };
  const RunReport report = bench.Run({"traffic-access"});
  CheckCase(report, "traffic-access-03", CaseStatus::kFailed, "NOT_STABLE");
  CheckCase(report, "traffic-access-05", CaseStatus::kPassed, "");
}

TEST_CASE("A change may take its time, within the bound") {
  Bench bench;
  bench.on_progress = [&](const std::string& text) {
    if (text == "traffic-access-03") bench.gate().SetDelay(8);
  };
  const RunReport report = bench.Run({"traffic-access"});
  CheckCase(report, "traffic-access-03", CaseStatus::kPassed, "");
  CHECK(CaseOf(report, "traffic-access-03").evidence["looks_total"] == 12);  // 7 in vain, 5 denials in a row
}

TEST_CASE("A change that never has effect fails after the bound") {
  Bench bench;
  bench.on_progress = [&](const std::string& text) {
    if (text == "traffic-access-04") bench.gate().SetDelay(1'000'000);
  };
  const RunReport report = bench.Run({"traffic-access"});
  CheckCase(report, "traffic-access-05", CaseStatus::kFailed, "EXPECTATION_NOT_MET");
  CHECK(CaseOf(report, "traffic-access-05").took >= bench.options.converge);
}

TEST_CASE("Shares that are off fail, those within the tolerance pass") {
  Bench bench;
  bench.gate().SetMode(GateMode::kIgnoresWeights);
  const RunReport report = bench.Run({"traffic-split"});
  CheckCase(report, "traffic-split-03", CaseStatus::kPassed, "");
  CheckCase(report, "traffic-split-05", CaseStatus::kFailed, "EXPECTATION_NOT_MET");
  CheckCase(report, "traffic-split-09", CaseStatus::kFailed, "EXPECTATION_NOT_MET");
  CheckCase(report, "traffic-split-11", CaseStatus::kFailed, "EXPECTATION_NOT_MET");
}

TEST_CASE("An answer that no server gave is not taken for one") {
  Bench bench;
  bench.on_progress = [&](const std::string& text) {
    if (text == "traffic-access-05") bench.gate().SetMode(GateMode::kAnswersItself);
  };
  const RunReport report = bench.Run({"traffic-access"});
  CheckCase(report, "traffic-access-05", CaseStatus::kFailed, "EXPECTATION_NOT_MET");
}

TEST_CASE("Pods in which nothing runs make a run inconclusive, and no case is judged") {
  Bench bench;
  bench.pods_run = false;
  const RunReport report = bench.Run({});
  CHECK(CaseStatusName(report.overall) == "INCONCLUSIVE");
  CHECK(report.reason == "PODS_DO_NOT_RUN");
  for (const CaseResult& result : report.cases) {
    if (result.id != "control-site") CHECK(CaseStatusName(result.status) == "INCONCLUSIVE");
  }
  CHECK(bench.applied.empty());
}

TEST_CASE("Pods outside the mesh make a run inconclusive") {
  Bench bench;
  bench.not_in_mesh = "app-a has no proxy";
  const RunReport report = bench.Run({"traffic-access"});
  CHECK(CaseStatusName(report.overall) == "INCONCLUSIVE");
  CHECK(report.reason == "PODS_NOT_IN_MESH");
}

TEST_CASE("Without the request that must pass no case is judged") {
  Bench bench;
  bench.gate().SetMode(GateMode::kAnswersItself);
  const RunReport report = bench.Run({"traffic-access"});
  CHECK(CaseStatusName(report.overall) == "INCONCLUSIVE");
  CHECK(report.reason == "CONTROL_FAILED");
  CheckCase(report, "traffic-access-03", CaseStatus::kInconclusive, "CONTROL_FAILED");
}

TEST_CASE("A pod that is lost within the run leaves the rest inconclusive") {
  Bench bench;
  bench.on_progress = [&](const std::string& text) {
    if (text == "traffic-access-05") bench.Kill("app-b");
  };
  const RunReport report = bench.Run({"traffic-access", "traffic-spec"});
  CheckCase(report, "traffic-access-03", CaseStatus::kPassed, "");
  CheckCase(report, "traffic-access-05", CaseStatus::kInconclusive, "POD_UNREACHABLE");
  CheckCase(report, "traffic-access-07", CaseStatus::kInconclusive, "POD_UNREACHABLE");
  CheckCase(report, "traffic-spec-06", CaseStatus::kInconclusive, "POD_UNREACHABLE");
  CHECK(CaseOf(report, "traffic-spec-06").took < bench.options.converge);
  CHECK(CaseStatusName(report.overall) == "INCONCLUSIVE");
}

TEST_CASE("A cancelled run skips what it has not begun") {
  Bench bench;
  bool cancelled = false;
  bench.on_progress = [&](const std::string& text) { cancelled = cancelled || text == "traffic-access-05"; };
  bench.why_stop = [&] { return cancelled ? std::string("CANCELLED") : std::string(); };
  const RunReport report = bench.Run({"traffic-access"});
  CheckCase(report, "traffic-access-03", CaseStatus::kPassed, "");
  CheckCase(report, "traffic-access-05", CaseStatus::kInconclusive, "CANCELLED");
  CheckCase(report, "traffic-access-06", CaseStatus::kSkipped, "CANCELLED");
  CHECK(CaseStatusName(report.overall) == "INCONCLUSIVE");
}

TEST_CASE("A run out of time leaves the rest inconclusive") {
  Bench bench;
  bool late = false;
  bench.on_progress = [&](const std::string& text) { late = late || text == "traffic-access-06"; };
  bench.why_stop = [&] { return late ? std::string("OUT_OF_TIME") : std::string(); };
  const RunReport report = bench.Run({"traffic-access"});
  CheckCase(report, "traffic-access-05", CaseStatus::kPassed, "");
  CheckCase(report, "traffic-access-07", CaseStatus::kInconclusive, "OUT_OF_TIME");
  CHECK(CaseStatusName(report.overall) == "INCONCLUSIVE");
}

TEST_CASE("What the adapter does not claim is unsupported, with its reasons, and is not tried") {
  Bench bench;
  bench.level = [](const json& document) {
    return document["kind"] == "TrafficSplit" ? SupportLevel::kNone : SupportLevel::kFull;
  };
  const RunReport report = bench.Run({"traffic-split"});
  CheckCase(report, "traffic-split-03", CaseStatus::kPassed, "");
  CheckCase(report, "traffic-split-04", CaseStatus::kUnsupported, "NOT_CLAIMED");
  CheckCase(report, "traffic-split-05", CaseStatus::kUnsupported, "NOT_CLAIMED");
  CHECK(CaseOf(report, "traffic-split-05").detail.find("TrafficSplit server-split is NONE") != std::string::npos);
  CHECK(!CaseOf(report, "traffic-split-05").evidence.contains("looks"));
  CHECK(report.groups.front().capability == SupportLevel::kNone);  // 3 of 11
}

TEST_CASE("A claim in part excuses what is denied, never what is let through") {
  Bench bench;
  bench.level = [](const json& document) {
    return document["kind"] == "HTTPRouteGroup" ? SupportLevel::kPartial : SupportLevel::kFull;
  };
  SECTION("denied") {
    bench.on_progress = [&](const std::string& text) {
      if (text == "traffic-spec-03") bench.gate().SetDelay(1'000'000);  // the baseline of before stays: all denied
    };
    bench.Run({"traffic-access"});
    bench.gate().SetDelay(0);
    const RunReport report = bench.Run({"traffic-access", "traffic-spec"});
    CheckCase(report, "traffic-spec-04", CaseStatus::kUnsupported, "NOT_CLAIMED");
  }
  SECTION("let through") {
    bench.gate().SetMode(GateMode::kAllowsAll);
    const RunReport report = bench.Run({"traffic-spec"});
    CheckCase(report, "traffic-spec-04", CaseStatus::kFailed, "EXPECTATION_NOT_MET");
  }
}

TEST_CASE("Documents that the mesh does not take fail the step that applies them") {
  Bench bench;
  bench.before_apply = [](const std::vector<json>& documents) -> meshplay::Status {
    if (documents.size() < 3) return {};
    return meshplay::FailedPrecondition("ADMISSION_DENIED", "a webhook says no");
  };
  const RunReport report = bench.Run({"traffic-access"});
  CheckCase(report, "traffic-access-03", CaseStatus::kPassed, "");
  CheckCase(report, "traffic-access-04", CaseStatus::kFailed, "SMI_NOT_APPLIED");
  CheckCase(report, "traffic-access-07", CaseStatus::kPassed, "");
}

TEST_CASE("A kind that nobody knows fails its step") {
  Bench bench;
  bench.kinds_served = false;
  const RunReport report = bench.Run({"traffic-split"});
  CheckCase(report, "traffic-split-01", CaseStatus::kFailed, "SMI_KIND_UNKNOWN");
}

TEST_CASE("A site that cannot be made ends the run with its reason") {
  Bench bench;
  bench.prepared = meshplay::FailedPrecondition("NOT_READY_IN_TIME", "app-a is not ready");
  const RunReport report = bench.Run({"traffic-access"});
  CHECK(report.reason == "NOT_READY_IN_TIME");
  CHECK(CaseStatusName(report.overall) == "INCONCLUSIVE");
}

}  // namespace
