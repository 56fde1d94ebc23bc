#include <catch2/catch.hpp>

#include "adapters/istio/internal/distribution.h"
#include "tests/unit/kube/exec_wire.h"
#include "tests/unit/kube/fake_api.h"

using namespace meshplay::testing;
using namespace std::chrono_literals;
namespace istio = meshplay::istio;
namespace kube = meshplay::kube;
using nlohmann::json;

namespace {

constexpr char kPods[] = "GET /api/v1/namespaces/istio-system/pods";
constexpr char kExec[] = "GET /api/v1/namespaces/istio-system/pods/istiod-1/exec";

struct State {
  std::string sent, taken;
};
using States = std::vector<State>;

/// An API server with one istiod, which answers with these states of the proxy web-1.shop, the last one again and
/// again.
class Gate {
 public:
  explicit Gate(const States& states, std::chrono::milliseconds limit = 5s) : limit_(limit) {
    const json pod = {{"metadata", {{"name", "istiod-1"}, {"namespace", "istio-system"}}},
                      {"status", {{"phase", "Running"}}}};
    api_.On(kPods,
            {{200, {{"kind", "PodList"}, {"apiVersion", "v1"}, {"metadata", json::object()}, {"items", {pod}}}}});
    std::vector<Script> answers;
    for (const State& state : states) {
      Script answer;
      answer.handler = ExecThatPrints(json::array({{{"proxy", "web-1.shop"},
                                                    {"proxy_type", "sidecar"},
                                                    {"listener_sent", state.sent},
                                                    {"listener_acked", state.taken}}})
                                          .dump());
      answers.push_back(std::move(answer));
    }
    if (!answers.empty()) api_.On(kExec, std::move(answers));
    client_ = api_.Client();
    plane_.name_space = "istio-system";
    plane_.revision = "default";
    plane_.deployment = "istiod";
  }

  /// Writes what allows, then what denies the rest.
  void Write() {
    istio::DistributionSide side{*client_, kube::Call()};
    side.progress = [this](std::uint32_t done, std::uint32_t total, const std::string&) {
      told_progress_.push_back({done, total});
    };
    side.not_confirmed = [this](const std::string& summary) { not_confirmed_.push_back(summary); };
    istio::DistributionGate gate(std::move(side), plane_, {"shop"}, limit_);
    gate.BeforeWrite(false);
    gate.BeforeWrite(false);
    gate.BeforeWrite(true);
    gate.BeforeWrite(true);
  }

  FakeApi& api() { return api_; }
  istio::ControlPlane& plane() { return plane_; }
  std::size_t asked() const { return api_.Seen(kExec).size(); }
  const std::vector<std::string>& not_confirmed() const { return not_confirmed_; }
  const std::vector<std::pair<std::uint32_t, std::uint32_t>>& told_progress() const { return told_progress_; }

 private:
  FakeApi api_;
  std::unique_ptr<kube::Client> client_;
  istio::ControlPlane plane_;
  const std::chrono::milliseconds limit_;
  std::vector<std::string> not_confirmed_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> told_progress_;
};

}  // namespace

TEST_CASE("what denies the rest waits until the proxies took what allows, and then nothing is left to tell") {
  Gate gate(States{{"v1", "v1"}, {"v1", "v1"}, {"v2", "v1"}, {"v2", "v2"}});
  gate.Write();
  CHECK(gate.not_confirmed().empty());
  CHECK(gate.asked() == 4);
  REQUIRE_FALSE(gate.told_progress().empty());
  CHECK(gate.told_progress().front() == std::pair(0U, 1U));
  CHECK(gate.told_progress().back() == std::pair(1U, 1U));
}

TEST_CASE("what allows may come in parts: only when nothing more is sent did the proxies take all of it") {
  Gate gate(States{{"v1", "v1"}, {"v2", "v2"}, {"v3", "v3"}});
  gate.Write();
  CHECK(gate.not_confirmed().empty());
  CHECK(gate.asked() == 4);
}

TEST_CASE("a proxy that does not take what allows holds the rest up for the limit, and it is told once") {
  Gate gate(States{{"v1", "v1"}, {"v2", "v1"}}, 1s);
  const auto begun = std::chrono::steady_clock::now();
  gate.Write();
  CHECK(std::chrono::steady_clock::now() - begun >= 600ms);
  REQUIRE(gate.not_confirmed().size() == 1);
  CHECK(gate.not_confirmed().front().find("not every proxy confirmed what allows within 1 s") == 0);
}

TEST_CASE("an istiod that cannot be asked holds nothing up, and it is told once why") {
  Gate silent(States{});
  silent.Write();
  REQUIRE(silent.not_confirmed().size() == 1);
  CHECK(silent.not_confirmed().front().find("istiod cannot be asked") == 0);

  Gate talking(States{{"v1", "v1"}});
  Script text;
  text.handler = ExecThatPrints("connection refused");
  talking.api().On(kExec, {text});
  talking.Write();
  REQUIRE(talking.not_confirmed().size() == 1);
  CHECK(talking.not_confirmed().front().find("istiod-1 gave no list of proxies") != std::string::npos);

  Gate absent(States{{"v1", "v1"}});
  absent.api().On(kPods, {{200, {{"kind", "PodList"}, {"apiVersion", "v1"}, {"items", json::array()}}}});
  absent.Write();
  REQUIRE(absent.not_confirmed().size() == 1);
  CHECK(absent.not_confirmed().front().find("no pod of istiod runs") != std::string::npos);
}

TEST_CASE("stand-in charts have no proxies to wait for") {
  Gate gate(States{{"v1", "v1"}});
  gate.plane().stand_in = true;
  gate.Write();
  CHECK(gate.asked() == 0);
  CHECK(gate.not_confirmed().empty());
}
