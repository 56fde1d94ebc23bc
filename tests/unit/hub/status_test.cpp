#include "server/hub/internal/status.h"

#include <catch2/catch.hpp>

#include "meshplay/rpc/status.pb.h"

using namespace meshplay;
using namespace meshplay::hub;
namespace pb = meshplay::adapter::v1;

TEST_CASE("every code has a class that an adapter can act on", "[hub]") {
  for (int number = 1; number <= 16; ++number) {
    const Error error(static_cast<ErrorCode>(number), "SOME_REASON", "text");
    INFO(error.ToString());
    CHECK(ToProtoError(error).error_class() != pb::ERROR_CLASS_UNSPECIFIED);
    CHECK(static_cast<int>(ToGrpcStatus(error).error_code()) == number);
  }
  CHECK(ToProtoError(Unavailable("HUB_BUSY", "x")).error_class() == pb::ERROR_CLASS_TRANSIENT);
  CHECK(ToProtoError(Aborted("INSTANCE_CONFLICT", "x")).error_class() == pb::ERROR_CLASS_CONFLICT);
}

TEST_CASE("a status carries the reason for programs and the protocol's own error", "[hub]") {
  const grpc::Status status = ToGrpcStatus(InvalidArgument("FRAME_INVALID", "bad")
                                               .WithViolation("/hello", "missing")
                                               .WithMetadata("k", "v")
                                               .WithRetryAfter(std::chrono::milliseconds(1'500)));

  rpc::Status details;
  REQUIRE(details.ParseFromString(status.error_details()));
  REQUIRE(details.details_size() == 2);
  rpc::ErrorInfo info;
  CHECK(details.details(0).type_url() == "type.googleapis.com/google.rpc.ErrorInfo");
  REQUIRE(info.ParseFromString(details.details(0).value()));
  CHECK(info.reason() == "FRAME_INVALID");
  CHECK(info.domain() == "adapter.meshplay.dev");
  CHECK(info.metadata().at("k") == "v");
  pb::Error error;
  REQUIRE(error.ParseFromString(details.details(1).value()));
  CHECK(error.fields(0).pointer() == "/hello");
  CHECK(error.retry_after().nanos() == 500'000'000);
  CHECK(error.side_effects() == pb::SIDE_EFFECTS_NONE);
}
