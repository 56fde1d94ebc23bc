#include "server/engine/retry_rules.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "server/store/operation_states.h"

namespace {

using meshplay::engine::Action;
using meshplay::engine::AttemptPhase;
using meshplay::engine::Backoff;
using meshplay::engine::CombineEffects;
using meshplay::engine::Decide;
using meshplay::engine::DecideInspected;
using meshplay::engine::Decision;
using meshplay::engine::Effect;
using meshplay::engine::ErrorClass;
using meshplay::engine::Failure;
using meshplay::engine::KnownEffects;
using meshplay::engine::SideEffects;
using meshplay::engine::TaskKind;
using meshplay::store::Idempotency;
using namespace std::chrono_literals;

Failure Failed(const std::string& reason, ErrorClass error_class, SideEffects effects,
               Idempotency idempotency = Idempotency::kNatural, AttemptPhase phase = AttemptPhase::kMutating) {
  Failure failure;
  failure.error.reason = reason;
  failure.error.error_class = error_class;
  failure.error.side_effects = effects;
  failure.idempotency = idempotency;
  failure.phase = phase;
  return failure;
}

struct ReasonRow {
  std::string reason;
  ErrorClass error_class;
  SideEffects effects;
  Action action;
  bool counted = true;
  bool hold = false;
  bool quarantine = false;
  bool raise_fence = false;
};

constexpr auto kNothing = SideEffects::kNone;

}  // namespace

TEST_CASE("each row of the error table decides as the protocol says", "[engine][retry]") {
  const std::vector<ReasonRow> rows = {
      {"VERSION_UNSUPPORTED", ErrorClass::kPrecondition, kNothing, Action::kFail},
      {"IDENTITY_MISMATCH", ErrorClass::kAuth, kNothing, Action::kFail},
      {"TOKEN_USED", ErrorClass::kAuth, kNothing, Action::kFail},
      {"TOKEN_EXPIRED", ErrorClass::kAuth, kNothing, Action::kFail},
      {"INSTANCE_CONFLICT", ErrorClass::kConflict, kNothing, Action::kRetry},
      {"LEASE_EXPIRED", ErrorClass::kTransient, kNothing, Action::kRetry},
      {"LEASE_EXPIRED", ErrorClass::kTransient, SideEffects::kUnknown, Action::kInspect},
      {"UNSUPPORTED_FRAME", ErrorClass::kInvalid, kNothing, Action::kFail},
      {"FRAME_TOO_LARGE", ErrorClass::kInvalid, kNothing, Action::kFail},
      {"FRAME_INVALID", ErrorClass::kInvalid, kNothing, Action::kFail},
      {"OPERATION_UNKNOWN", ErrorClass::kInvalid, kNothing, Action::kFail},
      {"TARGET_UNKNOWN", ErrorClass::kInvalid, kNothing, Action::kFail},
      {"PARAMETERS_INVALID", ErrorClass::kInvalid, kNothing, Action::kFail},
      {"BUSY", ErrorClass::kThrottled, kNothing, Action::kRetry, false},
      {"DRAINING", ErrorClass::kThrottled, kNothing, Action::kRetry, false},
      {"FENCED", ErrorClass::kConflict, kNothing, Action::kInspect, true, false, false, true},
      {"TARGET_MISMATCH", ErrorClass::kPrecondition, kNothing, Action::kFail, true, false, true},
      {"TARGET_UNREACHABLE", ErrorClass::kTransient, kNothing, Action::kRetry, false},
      {"TARGET_UNREACHABLE", ErrorClass::kTransient, SideEffects::kPartial, Action::kRetry, true},
      {"TARGET_THROTTLED", ErrorClass::kThrottled, kNothing, Action::kRetry, false},
      {"TARGET_UNAUTHENTICATED", ErrorClass::kAuth, kNothing, Action::kFail, true, true},
      {"TARGET_FORBIDDEN", ErrorClass::kAuth, SideEffects::kPartial, Action::kFail, true, true},
      {"PLAN_STALE", ErrorClass::kConflict, kNothing, Action::kFail},
      {"FIELD_CONFLICT", ErrorClass::kConflict, SideEffects::kPartial, Action::kFail},
      {"ADMISSION_DENIED", ErrorClass::kInvalid, SideEffects::kPartial, Action::kFail},
      {"PREREQUISITE_MISSING", ErrorClass::kPrecondition, kNothing, Action::kFail},
      {"NOT_READY_IN_TIME", ErrorClass::kPrecondition, SideEffects::kComplete, Action::kFail},
      {"DEADLINE_EXCEEDED", ErrorClass::kUnknownOutcome, SideEffects::kUnknown, Action::kInspect},
      {"DEADLINE_EXCEEDED", ErrorClass::kUnknownOutcome, kNothing, Action::kRetry},
      {"CANCELLED", ErrorClass::kCancelled, SideEffects::kPartial, Action::kCancel},
      {"ROLLBACK_FAILED", ErrorClass::kUnknownOutcome, SideEffects::kPartial, Action::kIndeterminate},
      {"SECRET_UNAVAILABLE", ErrorClass::kPrecondition, kNothing, Action::kFail, true, true},
      {"CRASHED", ErrorClass::kUnknownOutcome, SideEffects::kUnspecified, Action::kInspect},
      {"INTERNAL", ErrorClass::kBug, SideEffects::kUnknown, Action::kRetry},
      {"SOMETHING_NEW", ErrorClass::kTransient, kNothing, Action::kRetry},
      {"SOMETHING_NEW", ErrorClass::kThrottled, kNothing, Action::kRetry, false},
      {"SOMETHING_NEW", ErrorClass::kConflict, kNothing, Action::kRetry},
      {"SOMETHING_NEW", ErrorClass::kPrecondition, kNothing, Action::kFail},
      {"SOMETHING_NEW", ErrorClass::kInvalid, kNothing, Action::kFail},
      {"SOMETHING_NEW", ErrorClass::kAuth, kNothing, Action::kFail, true, true},
      {"SOMETHING_NEW", ErrorClass::kCancelled, kNothing, Action::kCancel},
      {"SOMETHING_NEW", ErrorClass::kUnknownOutcome, SideEffects::kPartial, Action::kInspect},
      {"SOMETHING_NEW", ErrorClass::kUnspecified, SideEffects::kUnspecified, Action::kInspect},
      {"SOMETHING_NEW", ErrorClass::kBug, SideEffects::kUnknown, Action::kRetry},
      {"", static_cast<ErrorClass>(77), SideEffects::kUnspecified, Action::kInspect},
  };
  for (const ReasonRow& row : rows) {
    CAPTURE(row.reason, static_cast<int>(row.error_class), meshplay::store::SideEffectsName(row.effects));
    const Decision decision = Decide(Failed(row.reason, row.error_class, row.effects));
    CHECK(decision.action == row.action);
    CHECK(decision.counted == row.counted);
    CHECK(decision.hold_target == row.hold);
    CHECK(decision.quarantine_target == row.quarantine);
    CHECK(decision.raise_fence == row.raise_fence);
  }
}

TEST_CASE("what a row leaves open is decided by side effects and idempotency", "[engine][retry]") {
  struct Row {
    SideEffects effects;
    Action natural, keyed, none;
  };
  const std::vector<Row> rows = {
      {SideEffects::kNone, Action::kRetry, Action::kRetry, Action::kRetry},
      {SideEffects::kPartial, Action::kRetry, Action::kRetry, Action::kIndeterminate},
      {SideEffects::kComplete, Action::kInspect, Action::kSucceed, Action::kSucceed},
      {SideEffects::kUnknown, Action::kInspect, Action::kInspect, Action::kInspect},
      {SideEffects::kUnspecified, Action::kInspect, Action::kInspect, Action::kInspect},
  };
  for (const Row& row : rows) {
    CAPTURE(static_cast<int>(row.effects));
    const auto decide = [&](Idempotency idempotency) {
      return Decide(Failed("SOMETHING_NEW", ErrorClass::kTransient, row.effects, idempotency)).action;
    };
    CHECK(decide(Idempotency::kNatural) == row.natural);
    CHECK(decide(Idempotency::kKeyed) == row.keyed);
    CHECK(decide(Idempotency::kNone) == row.none);
    CHECK(decide(Idempotency::kUnspecified) == row.none);
  }
}

TEST_CASE("an inspection is followed as the table says", "[engine][retry]") {
  struct Row {
    Effect effect;
    Action natural, keyed, none, cancelled;
  };
  const std::vector<Row> rows = {
      {Effect::kNone, Action::kRetry, Action::kRetry, Action::kRetry, Action::kCancel},
      {Effect::kPartial, Action::kRetry, Action::kRetry, Action::kIndeterminate, Action::kCancel},
      {Effect::kComplete, Action::kSucceed, Action::kSucceed, Action::kSucceed, Action::kSucceed},
      {Effect::kUnknown, Action::kRetry, Action::kRetry, Action::kIndeterminate, Action::kIndeterminate},
      {Effect::kUnspecified, Action::kRetry, Action::kRetry, Action::kIndeterminate, Action::kIndeterminate},
  };
  for (const Row& row : rows) {
    CAPTURE(static_cast<int>(row.effect));
    CHECK(DecideInspected(row.effect, Idempotency::kNatural, false).action == row.natural);
    CHECK(DecideInspected(row.effect, Idempotency::kKeyed, false).action == row.keyed);
    CHECK(DecideInspected(row.effect, Idempotency::kNone, false).action == row.none);
    CHECK(DecideInspected(row.effect, Idempotency::kUnspecified, false).action == row.none);
    CHECK(DecideInspected(row.effect, Idempotency::kNatural, true).action == row.cancelled);
  }
}

TEST_CASE("a bug is retried once when that is harmless", "[engine][retry]") {
  Failure failure = Failed("INTERNAL", ErrorClass::kBug, SideEffects::kUnknown);
  CHECK(Decide(failure).action == Action::kRetry);
  failure.bug_before = true;
  CHECK(Decide(failure).action == Action::kIndeterminate);
  failure.error.side_effects = SideEffects::kPartial;
  CHECK(Decide(failure).action == Action::kFail);

  failure.idempotency = Idempotency::kNone;
  failure.bug_before = false;
  failure.error.side_effects = SideEffects::kUnknown;
  CHECK(Decide(failure).action == Action::kIndeterminate);
  failure.phase = AttemptPhase::kReading;
  CHECK(Decide(failure).action == Action::kRetry);
  failure.bug_before = true;
  CHECK(Decide(failure).action == Action::kFail);
}

TEST_CASE("below the barrier nothing happened, whatever is unknown", "[engine][retry]") {
  CHECK(KnownEffects(TaskKind::kApply, AttemptPhase::kReading, SideEffects::kUnknown) == SideEffects::kNone);
  CHECK(KnownEffects(TaskKind::kApply, AttemptPhase::kMutating, SideEffects::kUnspecified) == SideEffects::kUnknown);
  CHECK(KnownEffects(TaskKind::kApply, AttemptPhase::kReading, SideEffects::kPartial) == SideEffects::kPartial);
  CHECK(KnownEffects(TaskKind::kPlan, AttemptPhase::kVerifying, SideEffects::kUnknown) == SideEffects::kNone);
  const Failure crash = Failed("CRASHED", ErrorClass::kUnknownOutcome, SideEffects::kUnspecified, Idempotency::kNone,
                               AttemptPhase::kReading);
  CHECK(Decide(crash).action == Action::kRetry);
}

TEST_CASE("effects of several attempts add up", "[engine][retry]") {
  CHECK(CombineEffects(SideEffects::kUnspecified, SideEffects::kNone) == SideEffects::kNone);
  CHECK(CombineEffects(SideEffects::kPartial, SideEffects::kNone) == SideEffects::kPartial);
  CHECK(CombineEffects(SideEffects::kPartial, SideEffects::kComplete) == SideEffects::kComplete);
  CHECK(CombineEffects(SideEffects::kNone, SideEffects::kUnknown) == SideEffects::kUnknown);
}

TEST_CASE("backoff is full jitter under a doubling ceiling and a cap", "[engine][retry]") {
  CHECK(Backoff(0, 2s, 300s, 1.0) == 2s);
  CHECK(Backoff(3, 2s, 300s, 1.0) == 16s);
  CHECK(Backoff(3, 2s, 300s, 0.5) == 8s);
  CHECK(Backoff(60, 2s, 300s, 1.0) == 300s);
  CHECK(Backoff(4'000'000'000U, 2s, 300s, 1.0) == 300s);
  CHECK(Backoff(5, 2s, 300s, 0.0) == 0s);
}
