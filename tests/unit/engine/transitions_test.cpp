#include "server/engine/transitions.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>

#include "server/store/operation_states.h"

using meshplay::engine::IsAllowed;
using meshplay::engine::Transition;
using meshplay::engine::Transitions;
using meshplay::engine::Trigger;
using meshplay::engine::TriggerName;
using meshplay::store::IsFinal;
using meshplay::store::IsTransition;
using meshplay::store::OperationState;
using meshplay::store::OperationStateName;

TEST_CASE("engine and store know the same ways from state to state", "[engine][transitions]") {
  std::set<std::pair<OperationState, OperationState>> known;
  for (const Transition& transition : Transitions()) {
    INFO(OperationStateName(transition.from)
         << " -> " << OperationStateName(transition.to) << " by " << TriggerName(transition.trigger));
    CHECK(IsTransition(transition.from, transition.to));
    known.emplace(transition.from, transition.to);
  }
  for (int from = 1; from <= 12; ++from) {
    for (int to = 1; to <= 12; ++to) {
      const auto a = static_cast<OperationState>(from);
      const auto b = static_cast<OperationState>(to);
      INFO(OperationStateName(a) << " -> " << OperationStateName(b));
      CHECK(IsTransition(a, b) == known.contains({a, b}));
    }
  }
}

TEST_CASE("final states have no way out but resolve", "[engine][transitions]") {
  for (const Transition& transition : Transitions()) {
    if (!IsFinal(transition.from)) continue;
    CHECK(transition.from == OperationState::kIndeterminate);
    CHECK(transition.to == OperationState::kIndeterminate);
    CHECK(transition.trigger == Trigger::kResolve);
  }
}

TEST_CASE("no row is in the table twice", "[engine][transitions]") {
  std::set<std::string> seen;
  for (const Transition& transition : Transitions()) {
    std::string key(OperationStateName(transition.from));
    key += OperationStateName(transition.to);
    key += TriggerName(transition.trigger);
    CHECK(seen.insert(key).second);
  }
  CHECK(IsAllowed(OperationState::kQueued, OperationState::kDispatching, Trigger::kDispatch));
  CHECK_FALSE(IsAllowed(OperationState::kQueued, OperationState::kDispatching, Trigger::kCancel));
}
