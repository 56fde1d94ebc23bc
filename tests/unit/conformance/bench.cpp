#include "tests/unit/conformance/bench.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <thread>

#include "adapters/conformance/app/drive.h"
#include "tests/support/eventually.h"

namespace meshplay::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

TemporaryDirectory NewFolder() {
  auto folder = TemporaryDirectory::Create("meshplay-conformance");
  REQUIRE(folder);
  return std::move(*folder);
}

}  // namespace

class Bench::TestSite final : public conformance::Site {
 public:
  explicit TestSite(Bench& bench) : bench_(bench) {}
  std::string NamespaceOf(conformance::Space space) const override {
    return space == conformance::Space::kHome ? "home" : "other";
  }
  std::string Url(const std::string& service, conformance::Space, int port, const std::string& path,
                  const std::string& scheme) const override {
    return scheme + "://127.0.0.1:" + std::to_string(bench_.gate_->PortOf(service, port)) + path;
  }
  Status Prepare() override { return bench_.prepared; }
  Result<std::string> WhyNotInMesh() override { return bench_.not_in_mesh; }
  Result<conformance::KindFacts> FindKind(const std::string&, const std::string& kind) override {
    const std::map<std::string, std::string> names = {
        {"TrafficTarget", "tt"}, {"HTTPRouteGroup", "htr"}, {"TrafficSplit", "ts"}};
    if (!bench_.kinds_served) return conformance::KindFacts{};
    return conformance::KindFacts{true, {"v1alpha4"}, {names.at(kind)}, false};
  }
  Result<conformance::InForce> SetSmi(const std::vector<json>& documents) override {
    MP_CHECK(bench_.before_apply(documents));
    bench_.applied.push_back(documents);
    conformance::InForce force;
    for (const json& document : documents) {
      smi::SmiReport report;
      report.source.kind = document["kind"];
      report.source.name = document["metadata"]["name"];
      report.level = bench_.level(document);
      force.reports.push_back(std::move(report));
    }
    force.objects = documents;
    bench_.gate_->SetDocuments(documents);
    return force;
  }
  Result<json> TrafficMetrics(const std::string& resource, std::chrono::seconds window) override {
    return bench_.traffic_metrics(resource, window);
  }
  void Pause(std::chrono::milliseconds length) override {
    paused_ += length;
    if (bench_.pauses_take_time) std::this_thread::sleep_for(length);
  }
  /// Only pauses take time, so that a bound is a number of looks on every machine.
  std::chrono::steady_clock::time_point Now() const override {
    return bench_.pauses_take_time ? Site::Now() : std::chrono::steady_clock::time_point(paused_);
  }
  std::string WhyStop() const override { return bench_.why_stop(); }

 private:
  Bench& bench_;
  std::chrono::milliseconds paused_{0};
};

class Bench::TestReach final : public conformance::PodReach {
 public:
  explicit TestReach(Bench& bench) : bench_(bench) {}
  Result<std::vector<conformance::AppAnswer>> Drive(const std::string& app,
                                                    const std::vector<conformance::AppRequest>& requests) override {
    if (!bench_.pods_run) return Unavailable("POD_UNREACHABLE", "no program runs in the pod");
    json wish = json::array();
    for (const auto& request : requests) {
      wish.push_back({{"method", request.method}, {"path", request.path}, {"body", request.body}});
    }
    std::istringstream in(wish.dump());
    std::ostringstream out;
    REQUIRE(conformance_app::Drive(bench_.ports_.at(app), in, out) == 0);
    std::vector<conformance::AppAnswer> answers;
    const json told = json::parse(out.str());
    for (const json& answer : told) {
      if (answer["status"] == 0) return Unavailable("POD_UNREACHABLE", answer.value("error", ""));
      answers.push_back({answer["status"], answer["body"]});
    }
    return answers;
  }

 private:
  Bench& bench_;
};

Bench::Bench() : folder_(NewFolder()) {
  const std::string program = std::string(MESHPLAY_BINARY_DIR) + "/bin/meshplay-conformance-app";
  for (const std::string app : {"app-a", "app-b", "app-c", "app-d"}) {
    const std::string log = folder_.path() + "/" + app + ".log";
    processes_.emplace(
        app, ChildProcess({program, "serve"},
                          ChildEnvironment({{"SERVICE_NAME", app}, {"PORT", "0"}, {"EXTRA_PORTS", "0"}}), log));
    REQUIRE(Eventually(60s, [&] {
      const auto text = ReadFile(log);
      if (!text || text->find('\n') == std::string::npos) return false;
      std::istringstream words(text->substr(text->find("listens on") + 10));
      words >> ports_[app] >> second_ports_[app];
      return true;
    }));
  }
  const auto at = [&](const std::string& app) { return std::map<std::string, int>{{app, ports_[app]}}; };
  const auto second = [&](const std::string& app) { return std::map<std::string, int>{{app, second_ports_[app]}}; };
  gate_ = std::make_unique<Gate>(std::map<std::string, Gate::Service>{
      {"app-a", {{"app-a"}, {{9091, at("app-a")}}}},
      {"app-b", {{"app-b"}, {{9091, at("app-b")}, {9092, second("app-b")}}}},
      {"app-c", {{"app-c"}, {{9091, at("app-c")}}}},
      {"app-c-elsewhere", {{"app-c"}, {{9999, at("app-c")}}}},
      {"app-svc", {{"app-b", "app-c"}, {{9091, {{"app-b", ports_["app-b"]}, {"app-c", ports_["app-c"]}}}}}}});
  site_ = std::make_unique<TestSite>(*this);
  reach_ = std::make_unique<TestReach>(*this);
  options.converge = 300ms;
  options.pause = 15ms;
  options.control_patience = 300ms;
  options.share_requests = 200;
  options.progress = [this](std::uint32_t, std::uint32_t, const std::string& text) { on_progress(text); };
}

conformance::RunReport Bench::Run(const std::vector<std::string>& groups) {
  options.groups = groups;
  return conformance::RunSuite(*site_, *reach_, options);
}

const conformance::CaseResult& CaseOf(const conformance::RunReport& report, const std::string& id) {
  for (const conformance::CaseResult& result : report.cases) {
    if (result.id == id) return result;
  }
  FAIL("the report has no case " + id);
  throw std::logic_error("unreachable");
}

}  // namespace meshplay::test
