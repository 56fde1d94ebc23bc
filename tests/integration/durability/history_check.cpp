#include "tests/integration/durability/history_check.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "adapters/kube/fence.h"
#include "server/engine/transitions.h"
#include "server/store/operation_states.h"

namespace meshplay::test {
namespace {

using nlohmann::json;

std::uint64_t SeqOf(const json& event) {
  return std::stoull(event.at("seq").get<std::string>());
}

std::vector<json> AllEvents(Stack& stack) {
  std::vector<json> events;
  std::string since;
  while (true) {
    const json page = stack.Get("/v1/events?page_size=100" + (since.empty() ? "" : "&since=" + since)).at("events");
    if (page.empty()) return events;
    for (const json& event : page) events.push_back(event);
    since = events.back().at("id");
  }
}

/// The name of a state from "operation.running"; empty for other kinds of events.
std::string StateOf(const std::string& kind) {
  std::string name = kind.substr(std::min(kind.size(), std::string("operation.").size()));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  for (const engine::Transition& transition : engine::Transitions()) {
    if (store::OperationStateName(transition.to) == name) return name;
  }
  return {};
}

bool IsTransition(const std::string& from, const std::string& to) {
  const auto table = engine::Transitions();
  return std::any_of(table.begin(), table.end(), [&](const engine::Transition& transition) {
    return store::OperationStateName(transition.from) == from && store::OperationStateName(transition.to) == to;
  });
}

}  // namespace

void CheckEvents(Stack& stack) {
  const std::vector<json> events = AllEvents(stack);
  REQUIRE(!events.empty());
  std::map<std::string, std::string> states;
  std::uint64_t expected = 1;
  std::size_t connected = 0;
  for (const json& event : events) {
    INFO(event.dump());
    REQUIRE(SeqOf(event) == expected);
    ++expected;
    const std::string kind = event.at("kind");
    if (kind == "adapter.connected") ++connected;
    if (!kind.starts_with("operation.")) continue;
    const std::string to = StateOf(kind);
    std::string& from = states[event.at("subject")];
    if (to.empty()) {
      CHECK(event.at("body").at("state") == from);
      continue;
    }
    CHECK(event.at("body").at("state") == to);
    INFO(from << " -> " << to);
    if (from.empty()) {
      CHECK((to == "QUEUED" || to == "AWAITING_APPROVAL"));
    } else {
      CHECK(IsTransition(from, to));
    }
    from = to;
  }
  // A session ends when one of its processes does; a few more are the machine being slow for the short lease.
  CHECK(connected <= stack.starts() + 3);
  const std::vector<json> streamed = stack.StreamUntil(expected - 1);
  REQUIRE(streamed.size() >= events.size());
  for (std::size_t i = 0; i < events.size(); ++i) CHECK(streamed[i] == events[i]);
}

void CheckTargetFree(Stack& stack) {
  const json target = stack.Target();
  INFO(target.dump(1));
  CHECK(target.at("locked_by") == "");
  CHECK(target.at("quarantined_by") == "");
  CHECK(target.at("hold_reason") == "");
  const auto on_cluster = kube::ReadFence(stack.kube(), "istio");
  REQUIRE(on_cluster.has_value());
  CHECK(std::to_string(*on_cluster) == target.at("fence").get<std::string>());
  CHECK(stack.HelmProcesses().empty());
}

std::size_t CheckRelease(Stack& stack, const std::string& release, std::size_t before) {
  const std::vector<json> history = stack.HelmHistory(release);
  INFO(json(history).dump(1));
  REQUIRE(history.size() > before);
  for (std::size_t i = before; i + 1 < history.size(); ++i) {
    const std::string status = history[i].at("status");
    CHECK((status == "failed" || status == "superseded"));
  }
  CHECK(history.back().at("status") == "deployed");
  return history.size();
}

}  // namespace meshplay::test
