#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;

namespace {

ConformanceRunRecord SampleRun(const std::string& operation) {
  ConformanceRunRecord run;
  run.operation_id = operation;
  run.mesh_version = "1.30.3";
  run.suite = "meshplay-smi";
  run.suite_version = "1";
  run.verdict = "FAILED";
  run.reason = "NOT_STABLE";
  run.detail = "traffic-access-05: flaps";
  run.groups_json = R"([{"name":"traffic-access"}])";
  run.passed = 1;
  run.failed = 2;
  run.skipped = 3;
  run.inconclusive = 4;
  run.unsupported = 5;
  return run;
}

ConformanceCaseRecord SampleCase(const std::string& operation, std::uint32_t position, const std::string& id) {
  ConformanceCaseRecord one;
  one.operation_id = operation;
  one.position = position;
  one.id = id;
  one.group_name = "traffic-access";
  one.title = "A title";
  one.status = "PASSED";
  one.reason = "R";
  one.detail = "d";
  one.level = "PARTIAL";
  one.took = std::chrono::milliseconds(1'234);
  one.evidence_json = R"({"looks":[]})";
  return one;
}

void PutRun(Backend& backend, const std::string& operation, const std::vector<std::string>& ids) {
  std::vector<ConformanceCaseRecord> cases;
  for (const std::string& id : ids) {
    cases.push_back(SampleCase(operation, static_cast<std::uint32_t>(cases.size()), id));
  }
  backend.Write([&](Transaction& tx) { Take(tx.PutConformance(SampleRun(operation), cases)); });
}

std::vector<std::string> CaseIds(Backend& backend, const std::string& operation) {
  std::vector<std::string> ids;
  const auto cases = backend.Read([&](Reader& r) { return r.ListConformanceCases(operation); });
  for (const ConformanceCaseRecord& one : cases) ids.push_back(one.id);
  return ids;
}

std::string ReasonOfPut(Backend& backend, const ConformanceRunRecord& run,
                        const std::vector<ConformanceCaseRecord>& cases) {
  const Status done = backend.store().Write([&](Transaction& tx) { return tx.PutConformance(run, cases); });
  return done ? "OK" : done.error().reason();
}

}  // namespace

TEST_CASE("a conformance run comes back as written, with its cases in their order", "[conformance]") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    Take(tx.InsertOperation(SampleOperation("o1")));
    Take(tx.InsertOperation(SampleOperation("o2")));
  });
  PutRun(backend, "o1", {"z-01", "a-02", "m-03"});
  PutRun(backend, "o2", {"other"});
  CHECK(backend.Read([](Reader& r) { return r.FindConformanceRun("o1"); }) == SampleRun("o1"));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindConformanceRun("o3"); }).has_value());
  CHECK(CaseIds(backend, "o1") == std::vector<std::string>{"z-01", "a-02", "m-03"});
  const auto listed = backend.Read([](Reader& r) { return r.ListConformanceCases("o1"); });
  CHECK(listed[1].evidence_json.empty());
  CHECK(listed[1].took == std::chrono::milliseconds(1'234));
  CHECK(backend.Read([](Reader& r) { return r.FindConformanceCase("o1", "a-02"); }) == SampleCase("o1", 1, "a-02"));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindConformanceCase("o1", "other"); }).has_value());
}

TEST_CASE("a later report of the same operation takes the place of the earlier one", "[conformance]") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) { Take(tx.InsertOperation(SampleOperation("o1"))); });
  PutRun(backend, "o1", {"a", "b", "c"});
  PutRun(backend, "o1", {"d"});
  CHECK(CaseIds(backend, "o1") == std::vector<std::string>{"d"});
}

TEST_CASE("a conformance run needs its operation and stays within its bounds", "[conformance]") {
  Backend backend(AnyBackend());
  CHECK(ReasonOfPut(backend, SampleRun("o1"), {}) == "ROW_UNKNOWN");
  backend.Write([](Transaction& tx) { Take(tx.InsertOperation(SampleOperation("o1"))); });
  ConformanceCaseRecord large = SampleCase("o1", 0, "large");
  large.evidence_json.assign(kMaxCaseEvidenceBytes + 1, 'x');
  CHECK(ReasonOfPut(backend, SampleRun("o1"), {large}) == "CONFORMANCE_TOO_LARGE");
  CHECK(ReasonOfPut(backend, SampleRun("o1"), std::vector<ConformanceCaseRecord>(kMaxConformanceCases + 1)) ==
        "CONFORMANCE_TOO_LARGE");
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindConformanceRun("o1"); }).has_value());
}

TEST_CASE("a conformance run goes with its operation", "[conformance]") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    OperationRecord operation = SampleOperation("o1");
    operation.state = OperationState::kSucceeded;
    operation.updated_unix_ms = 10;
    Take(tx.InsertOperation(operation));
  });
  PutRun(backend, "o1", {"a"});
  backend.Write([](Transaction& tx) { CHECK(Take(tx.DeleteExpired(0, 20, 0, 0, 100)) == 1); });
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindConformanceRun("o1"); }).has_value());
  CHECK(CaseIds(backend, "o1").empty());
}
