#include "tests/support/prometheus.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <set>

#include "libs/http/url.h"
#include "tests/support/eventually.h"
#include "tests/support/skip.h"

namespace meshplay::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kPatience = 120s;

/// A scrape configuration; JSON is YAML.
std::string Configuration(const std::vector<ScrapeTarget>& targets) {
  json groups = json::array();
  for (const ScrapeTarget& target : targets) {
    groups.push_back({{"targets", {target.address}}, {"labels", target.labels}});
  }
  const std::string interval = std::to_string(Prometheus::kScrapeInterval.count()) + "ms";
  const json scrape = {{"job_name", "meshplay"}, {"static_configs", groups}};
  return json({{"global", {{"scrape_interval", interval}, {"scrape_timeout", interval}}}, {"scrape_configs", {scrape}}})
      .dump();
}

}  // namespace

std::unique_ptr<Prometheus> Prometheus::Start(const std::vector<ScrapeTarget>& targets) {
  if (std::getenv("MESHPLAY_TEST_PROMETHEUS") == nullptr) {
    Skip("MESHPLAY_TEST_PROMETHEUS is not set; run ./meshplay test integration");
    return nullptr;
  }
  auto folder = TemporaryDirectory::Create("meshplay-prometheus-");
  REQUIRE(folder.has_value());
  std::unique_ptr<Prometheus> made(new Prometheus(std::move(*folder)));
  REQUIRE(WriteFileAtomically(made->folder_.path() + "/prometheus.yml", Configuration(targets), 0600).has_value());
  auto http = http::Client::Create();
  REQUIRE(http.has_value());
  made->http_ = std::move(*http);
  made->targets_ = targets.size();
  made->Run("127.0.0.1:0");
  return made;
}

void Prometheus::Run(const std::string& listen) {
  const std::string log = folder_.path() + "/log";
  REQUIRE(WriteFileAtomically(log, "", 0600).has_value());
  process_ =
      ChildProcess({std::getenv("MESHPLAY_TEST_PROMETHEUS"), "--config.file=" + folder_.path() + "/prometheus.yml",
                    "--storage.tsdb.path=" + folder_.path() + "/data", "--web.listen-address=" + listen},
                   ChildEnvironment(), log);
  std::string text;
  const bool ready = Eventually(kPatience, [&] {
    text = ReadFile(log).value_or("");
    const std::size_t line = text.find("msg=\"Listening on\"");
    const std::size_t at = text.find(" address=", std::min(line, text.size()));
    if (at == std::string::npos || text.find('\n', at) == std::string::npos) return !process_.running();
    const std::size_t from = at + std::string(" address=").size();
    address_ = text.substr(from, text.find_first_of(" \n", from) - from);
    http::Request request;
    request.url = url() + "/-/ready";
    request.timeout = 2s;
    const auto answer = http_->Send(request);
    return answer && answer->status == 200;
  });
  INFO(text);
  REQUIRE((ready && process_.running()));
}

json Prometheus::Query(const std::string& promql) {
  http::Request request;
  request.url = url() + "/api/v1/query?query=" + http::PercentEncode(promql);
  request.timeout = 10s;
  const auto answer = http_->Send(request);
  INFO(promql << " " << (answer ? answer->body : answer.error().ToString()));
  REQUIRE((answer && answer->status == 200));
  return json::parse(answer->body).at("data").at("result");
}

void Prometheus::AwaitScrapes(int more) {
  // Prometheus moves timestamps by up to 2 ms.
  const auto now = std::chrono::system_clock::now().time_since_epoch() + 5ms;
  const double began = std::chrono::duration<double>(now).count();
  std::map<std::string, std::set<double>> scrapes;
  const bool enough = Eventually(kPatience, [&] {
    const json latest = Query("timestamp(up) and up == 1");
    for (const json& target : latest) {
      const double at = std::stod(target.at("value").at(1).get<std::string>());
      if (at > began) scrapes[target.at("metric").dump()].insert(at);
    }
    const auto scraped = [&](const auto& one) { return one.second.size() >= static_cast<std::size_t>(more); };
    return scrapes.size() == targets_ && std::all_of(scrapes.begin(), scrapes.end(), scraped);
  });
  INFO(Query("up").dump());
  REQUIRE(enough);
}

void Prometheus::Stop() {
  process_.Signal(SIGTERM);
  if (!process_.WaitExit(10s)) process_.KillHard();
}

void Prometheus::Restart() {
  Run(address_);
}

}  // namespace meshplay::test
