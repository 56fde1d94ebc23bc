#include "server/rpc/status.h"

#include <catch2/catch.hpp>

#include "meshplay/rpc/status.pb.h"

using namespace meshplay;
using namespace meshplay::rpc;

namespace {

rpc::Status DetailsOf(const grpc::Status& status) {
  rpc::Status details;
  REQUIRE(details.ParseFromString(status.error_details()));
  return details;
}

template <class Detail>
Detail Find(const rpc::Status& details, const std::string& name) {
  Detail detail;
  for (const auto& any : details.details()) {
    if (any.type_url() == "type.googleapis.com/google.rpc." + name) {
      REQUIRE(detail.ParseFromString(any.value()));
      return detail;
    }
  }
  FAIL("no detail " << name);
  return detail;
}

}  // namespace

TEST_CASE("error codes are gRPC codes, number for number") {
  for (int number = 1; number <= 16; ++number) {
    CAPTURE(number);
    CHECK(static_cast<int>(ToGrpcCode(static_cast<ErrorCode>(number))) == number);
  }
  CHECK(ToGrpcCode(static_cast<ErrorCode>(99)) == grpc::StatusCode::INTERNAL);
}

TEST_CASE("the status carries reason, remediation, violations, retry delay and request id under the public names") {
  const Error error = InvalidArgument("FIELD_INVALID", "no")
                          .WithViolation("/a", "bad")
                          .WithMetadata("k", "v")
                          .WithRetryAfter(std::chrono::milliseconds(1'500));
  const grpc::Status status = ToGrpcStatus(error, "r-1");
  CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(status.error_message() == "no");
  const auto details = DetailsOf(status);
  CHECK(details.code() == 3);
  const auto info = Find<ErrorInfo>(details, "ErrorInfo");
  CHECK(info.reason() == "FIELD_INVALID");
  CHECK(info.domain() == "meshplay.dev");
  CHECK(info.metadata().at("k") == "v");
  CHECK(info.metadata().at("remediation") == "Correct the field.");
  const auto bad = Find<BadRequest>(details, "BadRequest");
  REQUIRE(bad.field_violations_size() == 1);
  CHECK(bad.field_violations(0).field() == "/a");
  CHECK(bad.field_violations(0).description() == "bad");
  CHECK(Find<RetryInfo>(details, "RetryInfo").retry_delay().nanos() == 500'000'000);
  CHECK(Find<RequestInfo>(details, "RequestInfo").request_id() == "r-1");
}

TEST_CASE("many violations do not make the trailers larger than clients take") {
  std::vector<Violation> violations(100, Violation{"/" + std::string(200, 'p'), std::string(200, 'd')});
  const grpc::Status status = ToGrpcStatus(InvalidArgument("REQUEST_INVALID", "m").WithViolations(violations), "r");
  CHECK(status.error_details().size() < 4'096);
  CHECK(Find<BadRequest>(DetailsOf(status), "BadRequest").field_violations_size() >= 1);
}
