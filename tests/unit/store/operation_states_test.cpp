#include "server/store/operation_states.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "server/store/sqlite/disk.h"

using namespace meshplay::store;
using S = OperationState;

namespace {

constexpr int kStates = 13;

/// The table of the design, row by row, written down a second time.
const std::map<S, std::set<S>> kExpected = {
    {S::kUnspecified, {S::kQueued, S::kAwaitingApproval}},
    {S::kAwaitingApproval, {S::kAwaitingApproval, S::kQueued, S::kCancelled}},
    {S::kQueued, {S::kQueued, S::kDispatching, S::kCancelled, S::kExpired, S::kFailed}},
    {S::kDispatching, {S::kDispatching, S::kRunning, S::kQueued, S::kFailed, S::kInspecting, S::kCancelling}},
    {S::kRunning,
     {S::kRunning, S::kSucceeded, S::kFailed, S::kCancelled, S::kBackoff, S::kQueued, S::kInspecting, S::kIndeterminate,
      S::kCancelling}},
    {S::kCancelling,
     {S::kCancelling, S::kRunning, S::kCancelled, S::kSucceeded, S::kFailed, S::kInspecting, S::kIndeterminate}},
    {S::kBackoff, {S::kBackoff, S::kQueued, S::kCancelled, S::kFailed}},
    {S::kInspecting, {S::kInspecting, S::kBackoff, S::kSucceeded, S::kFailed, S::kCancelled, S::kIndeterminate}},
    {S::kSucceeded, {}},
    {S::kFailed, {}},
    {S::kCancelled, {}},
    {S::kExpired, {}},
    {S::kIndeterminate, {S::kIndeterminate}},
};

}  // namespace

TEST_CASE("the table of transitions is exactly that of the design") {
  for (int from = 0; from < kStates; ++from) {
    for (int to = 0; to < kStates; ++to) {
      const S a = static_cast<S>(from);
      const S b = static_cast<S>(to);
      INFO(OperationStateName(a) << " -> " << OperationStateName(b));
      CHECK(IsTransition(a, b) == (kExpected.at(a).count(b) == 1));
    }
  }
  CHECK_FALSE(IsTransition(static_cast<S>(99), S::kQueued));
}

TEST_CASE("every state that is not final can reach a final one") {
  for (int from = 1; from < kStates; ++from) {
    std::set<S> reached = {static_cast<S>(from)};
    for (std::size_t before = 0; before != reached.size();) {
      before = reached.size();
      for (const S a : std::set<S>(reached)) reached.insert(kExpected.at(a).begin(), kExpected.at(a).end());
    }
    bool ends = false;
    for (const S state : reached) ends = ends || IsFinal(state);
    CHECK(ends);
  }
}

TEST_CASE("state names are parsed back and foreign ones refused") {
  for (int i = 1; i < kStates; ++i) {
    CHECK(ParseOperationState(OperationStateName(static_cast<S>(i))) == static_cast<S>(i));
  }
  CHECK(OperationStateName(static_cast<S>(99)) == "UNSPECIFIED");
  CHECK(OperationStateName(static_cast<S>(-1)) == "UNSPECIFIED");
  CHECK_FALSE(ParseOperationState("UNSPECIFIED"));
  CHECK_FALSE(ParseOperationState("queued"));
  CHECK_FALSE(ParseOperationState(""));
}

TEST_CASE("the other names are those of the adapter protocol") {
  CHECK(TaskKindName(TaskKind::kConformance) == "CONFORMANCE");
  CHECK(TaskKindName(TaskKind::kQuery) == "QUERY");
  CHECK(AttemptPhaseName(AttemptPhase::kRollingBack) == "ROLLING_BACK");
  CHECK(SideEffectsName(SideEffects::kUnspecified).empty());
  CHECK(SideEffectsName(SideEffects::kUnknown) == "UNKNOWN");
  CHECK(IdempotencyName(Idempotency::kKeyed) == "KEYED");
  CHECK(CancellationName(Cancellation::kWithRollback) == "WITH_ROLLBACK");
  CHECK(LockModeName(LockMode::kShared) == "SHARED");
}

TEST_CASE("network file systems are told from local ones") {
  CHECK(sqlite::IsNetworkFilesystem(0x6969));
  CHECK(sqlite::IsNetworkFilesystem(0xFF534D42));
  CHECK_FALSE(sqlite::IsNetworkFilesystem(0xEF53));      // ext4
  CHECK_FALSE(sqlite::IsNetworkFilesystem(0x01021994));  // tmpfs
  CHECK_FALSE(sqlite::IsNetworkFilesystem(0x58465342));  // xfs
}
