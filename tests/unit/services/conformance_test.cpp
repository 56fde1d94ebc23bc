#include <map>
#include <nlohmann/json.hpp>

#include "libs/base/process.h"
#include "meshplay/v1/conformance.pb.h"
#include "server/services/convert_conformance.h"
#include "tests/unit/services/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;
using nlohmann::json;

namespace {

/// The three older groups and one more; `not_passed` are the cases that did not pass.
std::vector<store::ConformanceCaseRecord> Cases(const std::map<std::string, std::string>& not_passed) {
  std::vector<store::ConformanceCaseRecord> cases;
  for (const auto& [group, steps] : std::vector<std::pair<std::string, int>>{
           {"control", 1}, {"traffic-access", 7}, {"traffic-spec", 6}, {"traffic-split", 11}, {"spec-headers", 1}}) {
    for (int step = 1; step <= steps; ++step) {
      store::ConformanceCaseRecord& one = cases.emplace_back();
      one.id = group + (steps == 1 ? "" : (step < 10 ? "-0" : "-") + std::to_string(step));
      one.group_name = group;
      one.title = "A <title> & more";
      one.took = std::chrono::milliseconds(100);
      one.level = "FULL";
      const auto found = not_passed.find(one.id);
      one.status = found == not_passed.end() ? "PASSED" : found->second;
      if (found == not_passed.end()) continue;
      one.reason = one.status == "UNSUPPORTED" ? "NOT_CLAIMED" : "EXPECTATION_NOT_MET";
      if (one.status != "UNSUPPORTED") one.detail = "a request passed";
      // No control character and no U+FFFE, U+FFFF can be in XML.
      if (one.status == "INCONCLUSIVE")
        one.detail = "it answered \x01 \xEF\xBF\xBE \xEF\xBF\xBF \xEF\xBF\xBD ]]> \"\r\n";
    }
  }
  return cases;
}

constexpr const char* kGroups = R"([
  {"name": "traffic-access", "smi_version": "v0.6.0/v1alpha3", "capability": "FULL", "legacy": true},
  {"name": "traffic-spec", "smi_version": "v0.6.0/v1alpha4", "capability": "PARTIAL", "legacy": true},
  {"name": "traffic-split", "smi_version": "v0.6.0/v1alpha4", "capability": "PARTIAL", "legacy": true},
  {"name": "spec-headers", "smi_version": "v0.6.0/v1alpha4", "capability": "FULL", "legacy": false}])";

struct ConformanceFixture : ServicesFixture {
  ConformanceFixture() {
    Connect();
    json manifest = json::parse(kManifest);
    manifest["digest"] = "d2";
    manifest["operations"].push_back(
        {{"type", "smi.conformance"},
         {"category", "OPERATION_CATEGORY_VALIDATE"},
         {"title", "Run SMI conformance"},
         {"idempotency", "IDEMPOTENCY_NATURAL"},
         {"plan", "PLAN_SUPPORT_NONE"},
         {"lock", "LOCK_MODE_SHARED"},
         {"parameters_schema", R"({"type":"object","additionalProperties":false,
                                        "properties":{"image":{"type":"string"}}})"},
         {"aliases", json::array({{{"id", "smi_conformance"}, {"parameters_json", "{}"}}})}});
    Must(inventory.AcceptManifest("a1", "d2", manifest.dump()));
    PutMesh();
  }

  v1::ConformanceRun Start(const std::string& key = "") {
    v1::CreateConformanceRunRequest request;
    request.mutable_target()->set_cluster("kind-dev");
    request.mutable_target()->set_mesh_type("istio");
    request.set_request_id(key);
    return Must(Call<v1::ConformanceRun>("Conformance.CreateConformanceRun", request));
  }

  /// A run that ended with this report.
  std::string Ended(const std::map<std::string, std::string>& not_passed, const std::string& verdict = "FAILED") {
    clock.Advance(std::chrono::milliseconds(10));
    const std::string id = Start().id();
    Must(store->Write([&](store::Transaction& tx) -> Status {
      MP_TRY(auto operation, tx.FindOperation("", id));
      for (const auto state :
           {store::OperationState::kDispatching, store::OperationState::kRunning, store::OperationState::kSucceeded}) {
        operation->state = state;
        MP_CHECK(tx.UpdateOperation(*operation));
      }
      store::ConformanceRunRecord run;
      run.operation_id = id;
      run.mesh_version = "1.30.3";
      run.verdict = verdict;
      run.groups_json = kGroups;
      run.passed = 25;
      return tx.PutConformance(run, Cases(not_passed));
    }));
    return id;
  }

  /// What its readers rely on is checked.
  std::string Junit(const std::string& id) {
    v1::GetConformanceRunRequest request;
    request.set_id(id);
    const std::string xml = Must(Call<v1::JunitReport>("Conformance.GetConformanceJunit", request)).xml();
    ProcessSpec check;
    check.argv = {"python3", std::string(MESHPLAY_SOURCE_DIR) + "/tests/unit/services/junit_check.py"};
    check.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
    check.stdin_text = xml;
    const ProcessOutcome checked = Must(RunProcess(check));
    INFO(xml << checked.stdout_text << checked.stderr_text);
    CHECK(checked.exit_code == 0);
    return xml;
  }

  v1::ConformanceRun Get(const std::string& id) {
    v1::GetConformanceRunRequest request;
    request.set_id(id);
    return Must(Call<v1::ConformanceRun>("Conformance.GetConformanceRun", request));
  }
};

json DetailOf(const v1::SmiResultDetail& detail) {
  return {{"smi_specification", detail.smi_specification()},
          {"smi_version", detail.smi_version()},
          {"time", detail.time()},
          {"assertions", detail.assertions()},
          {"result", detail.result()},
          {"reason", detail.reason()},
          {"capability", detail.capability()},
          {"status", detail.status()}};
}

}  // namespace

TEST_CASE("a conformance run is an operation of kind CONFORMANCE with the same id", "[conformance]") {
  ConformanceFixture fx;
  const v1::ConformanceRun run = fx.Start("key-1");
  CHECK(run.state() == v1::QUEUED);
  CHECK_FALSE(run.done());
  CHECK(run.verdict().empty());
  CHECK(run.target().mesh() == "mesh-default");
  v1::GetOperationRequest get;
  get.set_id(run.id());
  const auto operation = Must(fx.Call<v1::Operation>("Operations.GetOperation", get));
  CHECK(operation.kind() == v1::CONFORMANCE);
  CHECK(operation.type() == "smi.conformance");
  const v1::ConformanceRun again = fx.Start("key-1");
  CHECK(again.id() == run.id());
  CHECK(again.replayed());
}

TEST_CASE("the older name of a conformance run starts one too", "[conformance]") {
  ConformanceFixture fx;
  v1::CreateOperationRequest request;
  request.set_type("smi_conformance");
  request.mutable_target()->set_cluster("kind-dev");
  request.mutable_target()->set_mesh_type("istio");
  const auto operation = Must(fx.Call<v1::Operation>("Operations.CreateOperation", request));
  CHECK(operation.type() == "smi.conformance");
  CHECK(fx.Get(operation.id()).id() == operation.id());
}

TEST_CASE("a viewer reads runs and starts none", "[conformance]") {
  ConformanceFixture fx;
  v1::CreateConformanceRunRequest request;
  request.mutable_target()->set_cluster("kind-dev");
  CHECK(ReasonOf(fx.Call<v1::ConformanceRun>("Conformance.CreateConformanceRun", request,
                                             ServicesFixture::As("viewer"))) == "PERMISSION_DENIED");
  CHECK(ReasonOf(fx.Call<v1::ListConformanceRunsResponse>(
            "Conformance.ListConformanceRuns", v1::ListConformanceRunsRequest(), ServicesFixture::As("viewer"))) ==
        "OK");
}

TEST_CASE("a finished run shows verdict, counts, groups and cases; evidence comes with the case", "[conformance]") {
  ConformanceFixture fx;
  const std::string id = fx.Ended({{"traffic-spec-04", "FAILED"}});
  const v1::ConformanceRun run = fx.Get(id);
  CHECK(run.done());
  CHECK(run.verdict() == "FAILED");
  REQUIRE(run.groups_size() == 4);
  CHECK(run.groups(1).steps() == 6);
  CHECK(run.groups(1).passed() == 5);
  CHECK(run.groups(1).capability() == "PARTIAL");
  REQUIRE(run.cases_size() == 26);
  CHECK(run.cases(11).id() == "traffic-spec-04");
  CHECK(run.cases(11).status() == "FAILED");
  v1::GetConformanceCaseRequest request;
  request.set_id(id);
  request.set_case_("traffic-spec-04");
  CHECK(Must(fx.Call<v1::ConformanceCase>("Conformance.GetConformanceCase", request)).reason() ==
        "EXPECTATION_NOT_MET");
  request.set_case_("nothing");
  CHECK(ReasonOf(fx.Call<v1::ConformanceCase>("Conformance.GetConformanceCase", request)) ==
        "CONFORMANCE_CASE_UNKNOWN");
}

TEST_CASE("an operation of another kind is no conformance run", "[conformance]") {
  ConformanceFixture fx;
  v1::CreateOperationRequest create;
  create.set_type("istio.mtls.set");
  create.mutable_target()->set_cluster("kind-dev");
  create.mutable_target()->set_mesh_type("istio");
  const auto operation = Must(fx.Call<v1::Operation>("Operations.CreateOperation", create));
  v1::GetConformanceRunRequest request;
  request.set_id(operation.id());
  CHECK(ReasonOf(fx.Call<v1::ConformanceRun>("Conformance.GetConformanceRun", request)) == "CONFORMANCE_RUN_UNKNOWN");
}

TEST_CASE("a run that ended without a report is inconclusive with the operation's reason", "[conformance]") {
  ConformanceFixture fx;
  const std::string id = fx.Start().id();
  v1::CancelOperationRequest cancel;
  cancel.set_id(id);
  Must(fx.Call<v1::Operation>("Operations.CancelOperation", cancel));
  const v1::ConformanceRun run = fx.Get(id);
  CHECK(run.state() == v1::CANCELLED);
  CHECK(run.verdict() == "INCONCLUSIVE");
  CHECK(run.reason() == "CANCELLED");
}

TEST_CASE("runs are listed newest first, by filter and page", "[conformance]") {
  ConformanceFixture fx;
  const std::string first = fx.Ended({}, "PASSED");
  const std::string second = fx.Ended({{"spec-headers", "FAILED"}});
  v1::ListConformanceRunsRequest request;
  auto listed = Must(fx.Call<v1::ListConformanceRunsResponse>("Conformance.ListConformanceRuns", request));
  REQUIRE(listed.runs_size() == 2);
  CHECK(listed.runs(0).id() == second);
  CHECK(listed.runs(0).cases_size() == 0);
  REQUIRE(listed.runs(0).groups_size() == 4);
  CHECK(listed.runs(0).groups(0).steps() == 7);
  CHECK(listed.runs(0).groups(3).passed() == 0);
  request.set_filter("verdict = PASSED");
  listed = Must(fx.Call<v1::ListConformanceRunsResponse>("Conformance.ListConformanceRuns", request));
  REQUIRE(listed.runs_size() == 1);
  CHECK(listed.runs(0).id() == first);
  request.set_filter("");
  request.set_page_size(1);
  listed = Must(fx.Call<v1::ListConformanceRunsResponse>("Conformance.ListConformanceRuns", request));
  REQUIRE(listed.runs_size() == 1);
  request.set_page_token(listed.next_page_token());
  listed = Must(fx.Call<v1::ListConformanceRunsResponse>("Conformance.ListConformanceRuns", request));
  CHECK(listed.runs(0).id() == first);
}

TEST_CASE("a diff tells what got better, what got worse and what is new", "[conformance]") {
  ConformanceFixture fx;
  const std::string base = fx.Ended({{"traffic-access-05", "FAILED"}, {"spec-headers", "UNSUPPORTED"}});
  const std::string other = fx.Ended({{"traffic-split-09", "INCONCLUSIVE"}, {"spec-headers", "FAILED"}});
  v1::DiffConformanceRunsRequest request;
  request.set_base(base);
  request.set_other(other);
  const auto diff = Must(fx.Call<v1::ConformanceDiff>("Conformance.DiffConformanceRuns", request));
  CHECK(diff.same() == 23);
  CHECK(diff.better() == 1);
  CHECK(diff.worse() == 1);
  REQUIRE(diff.changed_size() == 3);
  CHECK(diff.changed(0).id() == "traffic-access-05");
  CHECK(diff.changed(0).base() == "FAILED");
  CHECK(diff.changed(0).other() == "PASSED");
  CHECK(diff.changed(2).id() == "spec-headers");
  CHECK(diff.base().cases_size() == 0);
  CHECK(diff.base().groups(0).passed() == 6);
  request.set_other("none");
  CHECK(ReasonOf(fx.Call<v1::ConformanceDiff>("Conformance.DiffConformanceRuns", request)) ==
        "CONFORMANCE_RUN_UNKNOWN");
}

TEST_CASE("JUnit counts every case once and escapes what people wrote", "[conformance]") {
  ConformanceFixture fx;
  const std::string id = fx.Ended({{"traffic-access-05", "FAILED"},
                                   {"traffic-access-07", "INCONCLUSIVE"},
                                   {"traffic-spec-06", "SKIPPED"},
                                   {"spec-headers", "UNSUPPORTED"}});
  const std::string xml = fx.Junit(id);
  INFO(xml);
  CHECK(xml.find("<testsuites name=\"smi-conformance istio " + id +
                 "\" tests=\"26\" failures=\"1\" errors=\"1\" time=\"2.600\">") != std::string::npos);
  CHECK(xml.find("<testsuite name=\"traffic-access\" tests=\"7\" failures=\"1\" errors=\"1\" skipped=\"0\" "
                 "time=\"0.700\">") != std::string::npos);
  CHECK(xml.find("<testsuite name=\"spec-headers\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\"") !=
        std::string::npos);
  CHECK(xml.find("<failure type=\"EXPECTATION_NOT_MET\" message=\"EXPECTATION_NOT_MET: a request passed\">A "
                 "&lt;title&gt; &amp; more</failure>") != std::string::npos);
  CHECK(xml.find("<skipped message=\"NOT_CLAIMED\"/>") != std::string::npos);
}

TEST_CASE("JUnit of a run that did not pass is not green, whatever its cases say", "[conformance]") {
  ConformanceFixture fx;
  const auto has = [](const std::string& xml, const std::string& text) {
    INFO(xml);
    CHECK(xml.find(text) != std::string::npos);
  };
  const std::string running = fx.Start().id();
  has(fx.Junit(running), "<error type=\"NOT_DONE\" message=\"NOT_DONE: the run is not over\">");
  v1::CancelOperationRequest cancel;
  cancel.set_id(running);
  Must(fx.Call<v1::Operation>("Operations.CancelOperation", cancel));
  has(fx.Junit(running), "<error type=\"CANCELLED\"");
  has(fx.Junit(fx.Ended({{"spec-headers", "SKIPPED"}}, "INCONCLUSIVE")), "<error type=\"INCONCLUSIVE\"");
  CHECK(fx.Junit(fx.Ended({{"spec-headers", "UNSUPPORTED"}}, "PASSED")).find("verdict") == std::string::npos);
  CHECK(fx.Junit(fx.Ended({{"spec-headers", "FAILED"}})).find("verdict") == std::string::npos);
}

TEST_CASE("the older results API answers in its own form", "[conformance]") {
  ConformanceFixture fx;
  const std::string id = fx.Ended({{"traffic-spec-04", "FAILED"}, {"traffic-split-11", "UNSUPPORTED"}});
  json wanted = json::parse(
      Must(ReadFile(std::string(MESHPLAY_SOURCE_DIR) + "/tests/testdata/smi/conformance/legacy_result.json")));
  v1::GetSmiResultRequest request;
  request.set_id(id);
  const auto result = Must(fx.Call<v1::SmiResult>("Conformance.GetSmiResult", request));
  CHECK(result.mesh_name() == wanted["mesh_name"]);
  CHECK(result.mesh_version() == wanted["mesh_version"]);
  CHECK(result.cases_passed() == wanted["cases_passed"]);
  CHECK(result.passing_percentage() == wanted["passing_percentage"]);
  CHECK(result.status() == wanted["status"]);
  json details = json::array();
  for (const auto& detail : result.more_details()) details.push_back(DetailOf(detail));
  CHECK(details == wanted["more_details"]);
  // No member more and none less than older tooling knows.
  for (const auto& [message, sample] : {std::pair{v1::SmiResult::descriptor(), wanted},
                                        {v1::SmiResultDetail::descriptor(), wanted["more_details"][0]}}) {
    CHECK(static_cast<std::size_t>(message->field_count()) == sample.size());
    for (int i = 0; i < message->field_count(); ++i) CHECK(sample.contains(message->field(i)->name()));
  }
}

TEST_CASE("the older results API pages by number, searches by mesh and orders by date", "[conformance]") {
  ConformanceFixture fx;
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(fx.Ended({}, "PASSED"));
  const auto list = [&fx](int page, int size, const std::string& search = "", const std::string& order = "") {
    v1::ListSmiResultsRequest request;
    request.set_page(page);
    request.set_page_size(size);
    request.set_search(search);
    request.set_order(order);
    return fx.Call<v1::ListSmiResultsResponse>("Conformance.ListSmiResults", request);
  };
  const auto all = Must(list(0, 0));
  CHECK(all.page_size() == 10);
  CHECK(all.total_count() == 3);
  REQUIRE(all.results_size() == 3);
  CHECK(all.results(0).id() == ids[2]);
  CHECK(all.results(0).cases_passed() == "24");
  CHECK(all.results(0).passing_percentage() == "100.00");
  const auto second = Must(list(1, 2));
  CHECK(second.page() == 1);
  REQUIRE(second.results_size() == 1);
  CHECK(second.results(0).id() == ids[0]);
  CHECK(Must(list(9, 2)).results_size() == 0);
  CHECK(Must(list(0, 2, "", "date asc")).results(0).id() == ids[0]);
  CHECK(Must(list(0, 10, "iStI")).total_count() == 3);
  CHECK(Must(list(0, 10, "kuma")).total_count() == 0);
  CHECK(ReasonOf(list(-1, 10)) == "PAGE_INVALID");
  CHECK(ReasonOf(list(0, 101)) == "PAGE_INVALID");
  CHECK(ReasonOf(list(0, 10, "", "name")) == "PAGE_INVALID");
  CHECK(services::MeshTitle("open-service-mesh") == "Open Service Mesh");
}
