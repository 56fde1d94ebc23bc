// kill -9 of the server, of the adapter and of both at three points of an installation: before the barrier, while helm
// runs, before the final acknowledgement. Each time a revision of its own is installed on the same cluster.
#include <catch2/catch.hpp>
#include <csignal>

#include "tests/integration/durability/history_check.h"
#include "tests/support/eventually.h"

using namespace std::chrono_literals;
using meshplay::test::CheckEvents;
using meshplay::test::CheckRelease;
using meshplay::test::CheckTargetFree;
using meshplay::test::Eventually;
using meshplay::test::Stack;
using nlohmann::json;

namespace {

struct Kill {
  const char* name;
  const char* revision;
  const char* server_failpoint;
  const char* adapter_failpoint;
  bool during_helm;
  bool kill_server, kill_adapter;
  /// How often the charts may have been installed at most; more than once only where helm was cut off.
  std::size_t most_revisions;
};

/// Brings the installation to the point of the case and kills there.
void KillAt(Stack& stack, const Kill& kill, const std::string& release) {
  if (kill.during_helm) {
    const bool inside = Eventually(120s, [&] { return stack.HelmStatus(release) == "pending-install"; });
    INFO(stack.LogTail("adapter"));
    REQUIRE(inside);
    REQUIRE(!stack.HelmProcesses().empty());
  } else if (std::string(kill.server_failpoint).empty() && kill.kill_server) {
    REQUIRE(stack.adapter().WaitStopped(120s));
  } else {
    auto& victim = kill.kill_server ? stack.server() : stack.adapter();
    REQUIRE(victim.WaitExit(120s) == 128 + SIGKILL);
  }
  if (kill.kill_server) stack.server().KillHard();
  if (kill.kill_adapter) stack.adapter().KillHard();
}

/// Installs a revision, kills at the point, starts again what was killed and looks at everything.
void Survive(Stack& stack, const Kill& kill) {
  CAPTURE(kill.name);
  if (kill.kill_server && *kill.server_failpoint != '\0') stack.StartServer(kill.server_failpoint);
  stack.StartAdapter(kill.adapter_failpoint);
  stack.AwaitConnected();
  const std::string release = std::string("istiod-") + kill.revision;
  const std::size_t base_before = stack.HelmHistory("istio-base").size();
  json parameters = {{"revision", kill.revision}};
  if (kill.during_helm) parameters["values"] = {{"hold", true}};
  const std::string id = stack.Submit("istio.install", parameters);

  KillAt(stack, kill, release);
  if (kill.kill_server) stack.StartServer();
  if (kill.kill_adapter) stack.StartAdapter();
  const json operation = stack.AwaitFinal(id, 300s);

  const json steps = stack.Get("/v1/operations/" + id + "/steps");
  INFO(operation.dump(1) << steps.dump(1) << stack.LogTail("adapter"));
  CHECK(operation.at("state") == "SUCCEEDED");
  // An inspection proves that everything is there; what the lost result would have said beyond that is gone.
  const bool inspected = steps.at("attempts").back().at("kind") == "INSPECT";
  CHECK((inspected || operation.contains("output")));
  CHECK_FALSE(operation.contains("error"));
  const std::size_t revisions = CheckRelease(stack, release, 0);
  CHECK(revisions <= kill.most_revisions);
  CHECK(CheckRelease(stack, "istio-base", base_before) - base_before <= kill.most_revisions);
  // Nothing changed the control plane twice: helm wrote it once for each of its revisions, we only added labels.
  const auto istiod = stack.kube().Get({{"apps", "v1", "Deployment"}, "istio-system", release});
  REQUIRE(istiod.has_value());
  CHECK(istiod->at("metadata").at("generation") <= revisions);
  CheckTargetFree(stack);
  CheckEvents(stack);
  stack.adapter().Signal(SIGTERM);
  CHECK(stack.adapter().WaitExit(120s) == 0);
}

}  // namespace

TEST_CASE("an installation survives kill -9 of the server at each of three points", "[durability]") {
  const auto stack = Stack::Up("durable-server");
  if (!stack) return;
  stack->StartServer();
  Survive(*stack, {"before the barrier", "s1", "engine.barrier.before_commit=kill", "", false, true, false, 1});
  Survive(*stack, {"during helm", "s2", "", "", true, true, false, 3});
  Survive(*stack, {"before the final ack", "s3", "engine.result.after_commit=kill", "", false, true, false, 1});
}

TEST_CASE("an installation survives kill -9 of the adapter at each of three points", "[durability]") {
  const auto stack = Stack::Up("durable-adapter");
  if (!stack) return;
  stack->StartServer();
  Survive(*stack, {"before the barrier", "a1", "", "sdk.before_barrier=kill", false, false, true, 1});
  Survive(*stack, {"during helm", "a2", "", "", true, false, true, 3});
  Survive(*stack, {"before the result is kept", "a3", "", "sdk.before_result_kept=kill", false, false, true, 1});
}

TEST_CASE("an installation survives kill -9 of server and adapter at each of three points", "[durability]") {
  const auto stack = Stack::Up("durable-both");
  if (!stack) return;
  stack->StartServer();
  Survive(*stack, {"before the barrier", "b1", "", "sdk.before_barrier=stop", false, true, true, 1});
  Survive(*stack, {"during helm", "b2", "", "", true, true, true, 3});
  Survive(*stack, {"before the final ack", "b3", "", "sdk.before_result_send=stop", false, true, true, 1});
}
