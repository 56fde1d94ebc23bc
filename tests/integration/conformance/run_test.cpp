#include <catch2/catch.hpp>
#include <csignal>

#include "tests/support/eventually.h"
#include "tests/support/stack.h"

/// The rig has a real API server, and nodes on which nothing runs: what a run does there and leaves there.
namespace {

using meshplay::test::Eventually;
using meshplay::test::Stack;
using nlohmann::json;
using namespace std::chrono_literals;

std::vector<std::string> ScratchNamespaces(Stack& stack) {
  const auto list = stack.kube().List({"", "v1", "Namespace"}, {"", "meshplay.dev/conformance-run", ""});
  REQUIRE(list);
  std::vector<std::string> names;
  for (const json& name_space : list->items) names.push_back(meshplay::kube::NameOf(name_space));
  return names;
}

bool HasScratch(Stack& stack) {
  return Eventually(120s, [&] { return !ScratchNamespaces(stack).empty(); });
}
bool NothingLeft(Stack& stack) {
  return Eventually(120s, [&] { return ScratchNamespaces(stack).empty(); });
}

std::string Start(Stack& stack) {
  const json run = stack.Post("/v1/conformanceRuns",
                              {{"target", {{"cluster", stack.cluster_id()}, {"mesh_type", "istio"}}},
                               {"parameters", {{"image", "example.invalid/app:1"}, {"ready_timeout", "40s"}}}});
  REQUIRE(run.is_object());
  return run.at("id");
}

std::unique_ptr<Stack> WithMesh(const std::string& name) {
  auto stack = Stack::Up(name);
  if (!stack) return nullptr;
  stack->StartServer();
  stack->StartAdapter();
  stack->AwaitConnected();
  const std::string install = stack->Submit("istio.install", json::object());
  REQUIRE(stack->AwaitFinal(install, 300s).at("state") == "SUCCEEDED");
  return stack;
}

TEST_CASE("Where no programs run in pods a run is inconclusive, says so and leaves nothing behind") {
  auto stack = WithMesh("conformance");
  if (!stack) return;
  const std::string id = Start(*stack);
  const json operation = stack->AwaitFinal(id, 300s);
  INFO(operation.dump(1) << stack->LogTail("adapter"));
  CHECK(operation.at("state") == "SUCCEEDED");
  CHECK(operation.at("kind") == "CONFORMANCE");
  CHECK(operation.at("output").at("scratch_removed") == true);

  const json run = stack->Get("/v1/conformanceRuns/" + id);
  CHECK(run.at("verdict") == "INCONCLUSIVE");
  INFO(run.at("detail"));
  CHECK(run.at("reason") == "PODS_DO_NOT_RUN");
  int legacy = 0;
  for (const json& one : run.at("cases")) {
    const std::string group = one.at("group");
    legacy += group.rfind("traffic-", 0) == 0 ? 1 : 0;
    if (one.at("id") != "control-site") CHECK(one.at("status") == "INCONCLUSIVE");
  }
  CHECK(legacy == 24);
  CHECK(run.at("counts").at("passed") == 1);  // the site was made
  const json control = stack->Get("/v1/conformanceRuns/" + id + "/cases/control-reach");
  CHECK(control.at("evidence").at("looks_total") >= 1);
  CHECK(ScratchNamespaces(*stack).empty());

  const json legacy_result = stack->Get("/v1/smi/results/" + id);
  CHECK(legacy_result.at("status") == "inconclusive");
  CHECK(legacy_result.at("cases_passed") == "0");
  CHECK(stack->Get("/v1/smi/results?page=0&page_size=5").at("total_count") == 1);
}

TEST_CASE("A run that is cancelled, or whose adapter is killed, leaves nothing behind") {
  auto stack = WithMesh("conformance-stop");
  if (!stack) return;
  {
    INFO("cancelled");
    const std::string id = Start(*stack);
    REQUIRE(HasScratch(*stack));
    stack->Post("/v1/operations/" + id + ":cancel", {{"reason", "enough"}});
    const json operation = stack->AwaitFinal(id, 300s);
    CHECK(operation.at("state") == "CANCELLED");
    CHECK(NothingLeft(*stack));
    const json run = stack->Get("/v1/conformanceRuns/" + id);
    CHECK(run.at("verdict") == "INCONCLUSIVE");
  }
  {
    INFO("killed, and carried out again by the next process");
    const std::string id = Start(*stack);
    REQUIRE(HasScratch(*stack));
    const std::vector<std::string> first = ScratchNamespaces(*stack);
    stack->adapter().KillHard();
    stack->StartAdapter();
    const json operation = stack->AwaitFinal(id, 300s);
    INFO(operation.dump(1) << stack->LogTail("adapter"));
    CHECK(operation.at("state") == "SUCCEEDED");
    CHECK(operation.at("attempts") == 2);
    CHECK(NothingLeft(*stack));
  }
  {
    INFO("killed, and cancelled before there is a next process");
    const std::string id = Start(*stack);
    REQUIRE(HasScratch(*stack));
    stack->adapter().KillHard();
    stack->Post("/v1/operations/" + id + ":cancel", {{"reason", "enough"}});
    CHECK(stack->AwaitFinal(id, 300s).at("state") == "CANCELLED");
    REQUIRE_FALSE(ScratchNamespaces(*stack).empty());
    stack->StartAdapter();
    CHECK(NothingLeft(*stack));
  }
}

TEST_CASE("A run goes on while the server is away, and two runs at once keep out of each other's way") {
  auto stack = WithMesh("conformance-two");
  if (!stack) return;
  const std::string first = Start(*stack);
  REQUIRE(HasScratch(*stack));
  const std::string second = Start(*stack);
  CHECK(first != second);
  stack->server().KillHard();
  stack->StartServer();
  for (const std::string& id : {first, second}) {
    const json operation = stack->AwaitFinal(id, 300s);
    INFO(operation.dump(1) << stack->LogTail("adapter"));
    CHECK(operation.at("state") == "SUCCEEDED");
    const json run = stack->Get("/v1/conformanceRuns/" + id);
    CHECK(run.at("verdict") == "INCONCLUSIVE");
    CHECK(run.at("reason") == "PODS_DO_NOT_RUN");
    CHECK(operation.at("output").at("scratch_removed") == true);
  }
  CHECK(NothingLeft(*stack));
  const json listed = stack->Get("/v1/conformanceRuns");
  REQUIRE(listed.at("runs").size() == 2);
  CHECK(listed["runs"][0].at("id") == second);
  const json diff = stack->Get("/v1/conformanceRuns:diff?base=" + first + "&other=" + second);
  CHECK(diff.at("worse") == 0);
}

}  // namespace
