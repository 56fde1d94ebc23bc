#include <catch2/catch.hpp>

#include "adapters/conformance/internal/judge.h"
#include "adapters/conformance/verdict.h"

namespace {

using namespace meshplay::conformance;
using nlohmann::json;

TEST_CASE("Only what a mesh's denial looks like is a denial") {
  struct Row {
    int status;
    const char* error;
    bool denial;
  };
  const Row rows[] = {
      {403, "RBAC: access denied", true},
      {0, "CLOSED: the connection was closed without an answer", true},
      {0, "RESET: Connection reset by peer", true},
      {0, "TIMEOUT: no answer in time", true},
      {503, "upstream connect error or disconnect/reset before headers. reset reason: connection termination", true},
      {502, "upstream connect error or disconnect/reset before headers", true},
      {0, "RESOLVE: Name or service not known", false},
      {0, "REFUSED: Connection refused", false},
      {0, "UNREACHABLE: No route to host", false},
      {503, "no healthy upstream", false},
      {404, "", false},
      {401, "", false},
      {500, "reset before headers", false},
      {200, "", false},
  };
  for (const Row& row : rows) {
    INFO(row.status << " " << row.error);
    CHECK(IsDenial(row.status, row.error) == row.denial);
  }
}

TEST_CASE("A share is within four sigmas of its weight or it is off") {
  const Share share{Share::Rule::kWeights, 0.75, {}, 0};
  Counts sent;
  sent.succeeded = 1'000;
  // 4 * sqrt(0.75 * 0.25 / 1000) = 0.0548
  for (const auto& [at_b, good] : {std::pair{750, true}, {804, true}, {805, false}, {696, true}, {695, false}}) {
    INFO(at_b);
    CHECK((JudgeShare(share, 1'000, sent, at_b, 1'000 - at_b).kind == Look::Kind::kMet) == good);
  }
  CHECK(JudgeShare(share, 1'000, sent, 750, 249).kind == Look::Kind::kNotMet);
  sent.succeeded = 900;
  CHECK(JudgeShare(share, 1'000, sent, 700, 200).kind == Look::Kind::kNothing);
  sent.failed = 100;
  CHECK(JudgeShare(share, 1'000, sent, 700, 200).kind == Look::Kind::kNotMet);
}

TEST_CASE("Records and counts that are not the application's are not read") {
  CHECK(!ReadCallRecord("<html>"));
  CHECK(!ReadCallRecord(R"({"RespSucceeded": [], "RespFailed": []})"));
  CHECK(!ReadCallRecord(R"({"RespSucceeded": [{}], "RespFailed": [{}]})"));
  const auto failed = ReadCallRecord(R"({"RespSucceeded": [], "RespFailed": [{"Status": 0, "Error": "CLOSED: x"}]})");
  REQUIRE(failed);
  CHECK(!failed->succeeded);
  CHECK(failed->error == "CLOSED: x");
  CHECK(!ReadCounts("[]"));
  CHECK(!ReadCounts(R"({"RespSucceeded": 1})"));
  CHECK(ReadCounts(R"({"ReqReceived": {"app-a": 3}, "RespSucceeded": 0, "RespFailed": 0})")->From("app-a") == 3);
}

TEST_CASE("Evidence stays within its bound and tells that it was cut") {
  json evidence = {{"looks", json::array()}, {"objects", json::array()}, {"documents", json::array({"small"})}};
  for (int i = 0; i < 20; ++i) evidence["looks"].push_back({{"n", i}, {"text", std::string(500, 'x')}});
  evidence["objects"].push_back(
      {{"apiVersion", "v1"}, {"kind", "Big"}, {"metadata", {{"name", "n"}}}, {"spec", std::string(9'000, 'y')}});
  BoundEvidence(evidence, 2'000);
  CHECK(evidence.dump().size() <= 2'000);
  CHECK(evidence["cut"] == true);
  CHECK(evidence["looks"].back()["n"] == 19);
  CHECK(evidence["objects"][0]["kind"] == "Big");
  BoundEvidence(evidence, 20);
  CHECK(evidence == json{{"cut", true}});
  json small = {{"looks", json::array({1})}};
  BoundEvidence(small, 2'000);
  CHECK(!small.contains("cut"));
}

TEST_CASE("A run passes only with evidence") {
  RunReport report;
  report.cases.push_back({"control-pass", "control", "", CaseStatus::kPassed});
  Conclude(report);
  CHECK(report.overall == CaseStatus::kInconclusive);
  CHECK(report.reason == "NOTHING_PASSED");
  report = {};
  report.cases = {{"a", "g", "", CaseStatus::kPassed}, {"b", "g", "", CaseStatus::kInconclusive, "POD_UNREACHABLE"}};
  Conclude(report);
  CHECK(report.overall == CaseStatus::kInconclusive);
  CHECK(report.reason == "POD_UNREACHABLE");
  report = {};
  report.cases = {{"a", "g", "", CaseStatus::kInconclusive, "x"}, {"b", "g", "", CaseStatus::kFailed, "NOT_STABLE"}};
  Conclude(report);
  CHECK(report.overall == CaseStatus::kFailed);
  CHECK(report.reason == "NOT_STABLE");
  report = {};
  report.cases = {{"a", "g", "", CaseStatus::kPassed}, {"b", "h", "", CaseStatus::kUnsupported, "NOT_CLAIMED"}};
  Conclude(report);
  CHECK(report.overall == CaseStatus::kPassed);
}

}  // namespace
