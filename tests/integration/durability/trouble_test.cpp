// Trouble in the middle of an installation that is no kill -9 of server or adapter: helm dies, a cancel, a frozen
// adapter, a graceful stop of the server, a silent API server. Each time a revision of its own on the same cluster.
#include <algorithm>
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

/// Starts an installation and waits until helm is inside the release istiod-`revision`.
std::string InstallUntilHelmRuns(Stack& stack, const std::string& revision) {
  const std::string id = stack.Submit("istio.install", {{"revision", revision}, {"values", {{"hold", true}}}});
  const bool inside = Eventually(120s, [&] { return stack.HelmStatus("istiod-" + revision) == "pending-install"; });
  INFO(stack.LogTail("adapter"));
  REQUIRE(inside);
  return id;
}

void CheckInstalled(Stack& stack, const std::string& id, const std::string& revision) {
  const json operation = stack.AwaitFinal(id, 300s);
  INFO(operation.dump(1) << stack.Get("/v1/operations/" + id + "/steps").dump(1) << stack.LogTail("adapter"));
  CHECK(operation.at("state") == "SUCCEEDED");
  CheckRelease(stack, "istiod-" + revision, 0);
  CheckTargetFree(stack);
}

std::unique_ptr<Stack> Running(const std::string& name, const std::string& adapter_failpoint = {}) {
  auto stack = Stack::Up(name);
  if (!stack) return nullptr;
  stack->StartServer();
  stack->StartAdapter(adapter_failpoint);
  stack->AwaitConnected();
  return stack;
}

}  // namespace

TEST_CASE("helm killed, a cancel and a graceful stop in the middle of an installation", "[durability]") {
  const auto stack = Running("durable-trouble");
  if (!stack) return;
  {
    INFO("helm is killed: the attempt says so, and the same installation converges afterwards");
    const std::string id = InstallUntilHelmRuns(*stack, "h1");
    for (const pid_t helm : stack->HelmProcesses()) kill(helm, SIGKILL);
    const json operation = stack->AwaitFinal(id, 300s);
    INFO(operation.dump(1) << stack->Get("/v1/operations/" + id + "/steps").dump(1));
    if (operation.at("state") == "SUCCEEDED") {
      CHECK(operation.at("attempts") > 1);
    } else {
      CHECK(operation.at("state") == "FAILED");
      CHECK(operation.at("error").at("reason").get<std::string>().starts_with("HELM_"));
      CHECK(operation.at("side_effects") != "NONE");
      CHECK_FALSE(operation.at("error").at("remediation").get<std::string>().empty());
    }
    const json again = stack->AwaitFinal(stack->Submit("istio.install", {{"revision", "h1"}}), 300s);
    INFO(again.dump(1));
    CHECK(again.at("state") == "SUCCEEDED");
    CheckRelease(*stack, "istiod-h1", 0);
    CheckTargetFree(*stack);
  }
  {
    INFO("a cancel: it ends as told, says what is there, and the next installation converges");
    const std::string id = InstallUntilHelmRuns(*stack, "c1");
    stack->Post("/v1/operations/" + id + ":cancel", json::object());
    const json operation = stack->AwaitFinal(id, 300s);
    INFO(operation.dump(1));
    CHECK(operation.at("state") == "CANCELLED");
    CHECK(operation.at("side_effects") != "NONE");
    CHECK(operation.at("error").at("remediation").get<std::string>().find("istio.uninstall") != std::string::npos);
    CheckTargetFree(*stack);
    CHECK(stack->HelmStatus("istiod-c1").find("pending") == std::string::npos);
    CheckInstalled(*stack, stack->Submit("istio.install", {{"revision", "c1"}}), "c1");
  }
  {
    INFO("the server stops gracefully and comes back");
    const std::string id = InstallUntilHelmRuns(*stack, "g1");
    stack->server().Signal(SIGTERM);
    CHECK(stack->server().WaitExit(120s) == 0);
    stack->StartServer();
    CheckInstalled(*stack, id, "g1");
  }
  CheckEvents(*stack);
}

TEST_CASE("an adapter that was frozen for longer than its lease writes nothing under its old fence", "[durability]") {
  const auto stack = Running("durable-frozen", "sdk.after_barrier=stop");
  if (!stack) return;
  const std::string id = stack->Submit("istio.install", {{"revision", "f1"}});
  REQUIRE(stack->adapter().WaitStopped(120s));
  const bool lost = Eventually(120s, [&] { return stack->StateOf(id) == "INSPECTING"; });
  INFO(stack->LogTail("server"));
  REQUIRE(lost);
  CHECK(stack->HelmHistory("istiod-f1").empty());
  stack->adapter().Signal(SIGCONT);
  CheckInstalled(*stack, id, "f1");
  CHECK(stack->HelmHistory("istiod-f1").size() == 1);
  CHECK(stack->HelmHistory("istio-base").size() == 1);
  const json attempts = stack->Get("/v1/operations/" + id + "/steps").at("attempts");
  INFO(attempts.dump(1));
  REQUIRE(attempts.size() == 3);
  CHECK(attempts[0].at("outcome") == "LOST");
  CHECK(attempts[1].at("kind") == "INSPECT");
  CHECK(attempts[2].at("outcome") == "SUCCEEDED");
  CheckEvents(*stack);
}

TEST_CASE("a silent API server: the installation waits, the mesh is stale and not gone, and it all comes back",
          "[durability]") {
  const auto stack = Running("durable-silent", "sdk.before_barrier:2=stop");
  if (!stack) return;
  const json first = stack->AwaitFinal(stack->Submit("istio.install", json::object()), 300s);
  REQUIRE(first.at("state") == "SUCCEEDED");
  const auto mesh_is_stale = [&](bool wanted) {
    const json meshes = stack->TryGet("/v1/meshes");
    if (!meshes.is_object() || meshes.at("meshes").size() != 1) return false;
    return meshes["meshes"][0].at("stale") == wanted;
  };
  CHECK(Eventually(120s, [&] { return mesh_is_stale(false); }));

  const std::string id = stack->Submit("istio.install", {{"revision", "q1"}});
  REQUIRE(stack->adapter().WaitStopped(120s));
  const pid_t api_server = stack->ClusterPart("kube-apiserver");
  kill(api_server, SIGSTOP);
  stack->adapter().Signal(SIGCONT);
  const bool silent = Eventually(120s, [&] { return stack->Reachable() == "False"; });
  CHECK(Eventually(120s, [&] { return mesh_is_stale(true); }));
  INFO(stack->Get("/v1/meshes").dump(1) << stack->LogTail("adapter"));
  const json waiting = stack->Get("/v1/operations/" + id);
  INFO(waiting.dump(1));
  CHECK(waiting.at("done") == false);
  kill(api_server, SIGCONT);
  CHECK(silent);

  CheckInstalled(*stack, id, "q1");
  CHECK(stack->HelmHistory("istiod-q1").size() == 1);
  CHECK(Eventually(120s, [&] { return stack->Reachable() == "True"; }));
  CHECK(Eventually(120s, [&] {
    const json meshes = stack->TryGet("/v1/meshes");
    return meshes.is_object() && meshes.at("meshes").size() == 2 &&
           meshes.dump().find("\"stale\":true") == std::string::npos;
  }));
  CheckEvents(*stack);
}
