#include "tests/unit/services/fixture.h"

using meshplay::testing::Must;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace services = meshplay::services;
namespace v1 = meshplay::v1;

namespace {

/// A second Api over the fixture's rooms, with other settings.
services::Dependencies DependenciesOf(ServicesFixture& fx) {
  return services::Dependencies{*fx.store,    fx.engine, fx.inventory, fx.policies,        fx.tokens, fx.enrollment,
                                fx.authority, fx.sealer, fx.clock,     "hub.example:9083", "0.1.0",   "abc"};
}

std::string ReasonOfCall(services::Api& api, ServicesFixture& fx, const std::string& principal) {
  const auto answer =
      api.Call(fx.Method("Access.WhoAmI"), ServicesFixture::As("viewer", principal), v1::WhoAmIRequest());
  return answer ? "" : answer.error().reason();
}

}  // namespace

TEST_CASE("a principal that calls too often is told when to come back, others go on", "[services][limits]") {
  ServicesFixture fx;
  services::Dependencies dependencies = DependenciesOf(fx);
  dependencies.calls_per_second = 2;
  services::Api api(std::move(dependencies));
  for (int i = 0; i < 4; ++i) CHECK(ReasonOfCall(api, fx, "token/a").empty());

  const auto refused =
      api.Call(fx.Method("Access.WhoAmI"), ServicesFixture::As("viewer", "token/a"), v1::WhoAmIRequest());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().reason() == "RATE_LIMITED");
  REQUIRE(refused.error().retry_after().has_value());
  CHECK(*refused.error().retry_after() == std::chrono::milliseconds(500));
  CHECK(ReasonOfCall(api, fx, "token/b").empty());

  fx.clock.Advance(std::chrono::milliseconds(500));
  CHECK(ReasonOfCall(api, fx, "token/a").empty());
  CHECK(ReasonOfCall(api, fx, "token/a") == "RATE_LIMITED");
}

TEST_CASE("operations of the configured categories wait for an approval", "[services][limits]") {
  ServicesFixture fx;
  fx.Connect();
  services::Dependencies dependencies = DependenciesOf(fx);
  dependencies.approval_categories = {"INSTALL"};
  services::Api api(std::move(dependencies));
  const auto call = [&](const std::string& method, const google::protobuf::Message& request, const std::string& role) {
    auto answer = Must(api.Call(fx.Method(method), ServicesFixture::As(role), request));
    return std::move(static_cast<v1::Operation&>(*answer));
  };

  const v1::Operation waiting = call("Operations.CreateOperation", ServicesFixture::Install(), "operator");
  CHECK(waiting.state() == v1::AWAITING_APPROVAL);

  v1::ApproveOperationRequest approve;
  approve.set_id(waiting.id());
  approve.set_decision("approve");
  CHECK(call("Operations.ApproveOperation", approve, "admin").state() == v1::QUEUED);

  const v1::Operation planned = call("Operations.PlanOperation", ServicesFixture::Install(), "operator");
  CHECK(planned.state() == v1::QUEUED);
}
