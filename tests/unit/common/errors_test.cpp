#include <catch2/catch.hpp>

#include "adapters/common/errors.h"

using meshplay::Error;
using meshplay::ErrorCode;
using namespace meshplay::common;

TEST_CASE("errors of our libraries become the protocol's, with class, side effects and remediation", "[common]") {
  struct Row {
    ErrorCode code;
    const char* reason;
    const char* protocol_reason;
    pb::ErrorClass error_class;
  };
  const Row rows[] = {
      {ErrorCode::kUnavailable, "TARGET_UNREACHABLE", "TARGET_UNREACHABLE", pb::ERROR_CLASS_TRANSIENT},
      {ErrorCode::kDeadlineExceeded, "TARGET_TIMEOUT", "TARGET_UNREACHABLE", pb::ERROR_CLASS_TRANSIENT},
      {ErrorCode::kUnavailable, "TARGET_SERVER_ERROR", "TARGET_UNREACHABLE", pb::ERROR_CLASS_TRANSIENT},
      {ErrorCode::kResourceExhausted, "TARGET_THROTTLED", "TARGET_THROTTLED", pb::ERROR_CLASS_THROTTLED},
      {ErrorCode::kUnauthenticated, "TARGET_UNAUTHENTICATED", "TARGET_UNAUTHENTICATED", pb::ERROR_CLASS_AUTH},
      {ErrorCode::kPermissionDenied, "TARGET_FORBIDDEN", "TARGET_FORBIDDEN", pb::ERROR_CLASS_AUTH},
      {ErrorCode::kFailedPrecondition, "TARGET_MISMATCH", "TARGET_MISMATCH", pb::ERROR_CLASS_PRECONDITION},
      {ErrorCode::kFailedPrecondition, "ADMISSION_DENIED", "ADMISSION_DENIED", pb::ERROR_CLASS_INVALID},
      {ErrorCode::kAborted, "FIELD_CONFLICT", "FIELD_CONFLICT", pb::ERROR_CLASS_CONFLICT},
      {ErrorCode::kNotFound, "KIND_UNKNOWN", "PREREQUISITE_MISSING", pb::ERROR_CLASS_PRECONDITION},
      {ErrorCode::kNotFound, "CHART_NOT_FOUND", "CHART_NOT_FOUND", pb::ERROR_CLASS_PRECONDITION},
      {ErrorCode::kFailedPrecondition, "NOT_READY_IN_TIME", "NOT_READY_IN_TIME", pb::ERROR_CLASS_PRECONDITION},
      {ErrorCode::kFailedPrecondition, "NAMESPACE_TERMINATING", "NAMESPACE_TERMINATING", pb::ERROR_CLASS_PRECONDITION},
      {ErrorCode::kAborted, "PLAN_STALE", "PLAN_STALE", pb::ERROR_CLASS_CONFLICT},
      {ErrorCode::kInvalidArgument, "NEVER_HEARD_OF", "NEVER_HEARD_OF", pb::ERROR_CLASS_INVALID},
      {ErrorCode::kInternal, "NEVER_HEARD_OF", "NEVER_HEARD_OF", pb::ERROR_CLASS_BUG},
  };
  for (const Row& row : rows) {
    INFO(row.reason);
    const pb::Error error = ToProtocolError(Error(row.code, row.reason, "why"), pb::SIDE_EFFECTS_PARTIAL);
    CHECK(error.reason() == row.protocol_reason);
    CHECK(error.error_class() == row.error_class);
    CHECK(error.side_effects() == pb::SIDE_EFFECTS_PARTIAL);
    CHECK(error.message() == "why");
  }
}

TEST_CASE("metadata, places, delay and a remediation of its own stay with an error", "[common]") {
  const pb::Error error = ToProtocolError(Error(ErrorCode::kResourceExhausted, "TARGET_THROTTLED", "slow down")
                                              .WithMetadata("key", "value")
                                              .WithViolation("/a", "bad")
                                              .WithRemediation("Wait a bit.")
                                              .WithRetryAfter(std::chrono::milliseconds(2'500)),
                                          pb::SIDE_EFFECTS_NONE);
  CHECK(error.metadata().at("key") == "value");
  REQUIRE(error.fields_size() == 1);
  CHECK(error.fields(0).pointer() == "/a");
  CHECK(error.remediation() == "Wait a bit.");
  CHECK(error.retry_after().seconds() == 2);
  CHECK(error.retry_after().nanos() == 500'000'000);
}

TEST_CASE("a failed write has certainly done nothing only when the server refused or never got it", "[common]") {
  const auto error = [](const char* reason) { return Error(ErrorCode::kUnavailable, reason, ""); };
  CHECK(EffectsOfFailedWrite(error("ADMISSION_DENIED")) == pb::SIDE_EFFECTS_NONE);
  CHECK(EffectsOfFailedWrite(error("TARGET_UNREACHABLE")) == pb::SIDE_EFFECTS_UNKNOWN);
  CHECK(EffectsOfFailedWrite(error("TARGET_UNREACHABLE").WithMetadata("request_sent", "no")) == pb::SIDE_EFFECTS_NONE);
  CHECK(EffectsOfFailedWrite(error("TARGET_TIMEOUT").WithMetadata("request_sent", "yes")) == pb::SIDE_EFFECTS_UNKNOWN);
  CHECK(EffectsOfFailedHelm(error("CHART_NOT_FOUND")) == pb::SIDE_EFFECTS_NONE);
  CHECK(EffectsOfFailedHelm(error("HELM_FAILED")) == pb::SIDE_EFFECTS_PARTIAL);
  CHECK(Together(pb::SIDE_EFFECTS_NONE, pb::SIDE_EFFECTS_NONE) == pb::SIDE_EFFECTS_NONE);
  CHECK(Together(pb::SIDE_EFFECTS_NONE, pb::SIDE_EFFECTS_UNKNOWN) == pb::SIDE_EFFECTS_UNKNOWN);
  CHECK(Together(pb::SIDE_EFFECTS_PARTIAL, pb::SIDE_EFFECTS_UNKNOWN) == pb::SIDE_EFFECTS_PARTIAL);
}
