#include "tests/unit/services/fixture.h"

using meshplay::Result;
using meshplay::testing::Must;
using meshplay::testing::PointersOf;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace v1 = meshplay::v1;

namespace {

Result<v1::ListOperationsResponse> List(ServicesFixture& fx, const std::string& filter, int size = 0,
                                        const std::string& token = "") {
  v1::ListOperationsRequest request;
  request.set_filter(filter);
  request.set_page_size(size);
  request.set_page_token(token);
  return fx.Call<v1::ListOperationsResponse>("Operations.ListOperations", request);
}

}  // namespace

TEST_CASE("a queued operation is cancelled, retried and its steps are read", "[services][operations]") {
  ServicesFixture fx;
  fx.Connect();
  const v1::Operation made = Must(fx.Create(ServicesFixture::Install()));
  v1::RetryOperationRequest retry;
  retry.set_id(made.id());
  CHECK(ReasonOf(fx.Call<v1::Operation>("Operations.RetryOperation", retry)) == "OPERATION_NOT_FINISHED");

  v1::CancelOperationRequest cancel;
  cancel.set_id(made.id());
  cancel.set_reason("changed my mind");
  const v1::Operation cancelled = Must(fx.Call<v1::Operation>("Operations.CancelOperation", cancel));
  CHECK(cancelled.state() == v1::CANCELLED);
  CHECK(cancelled.done());
  CHECK(cancelled.error().reason() == "CANCELLED");
  CHECK(ReasonOf(fx.Call<v1::Operation>("Operations.CancelOperation", cancel)) == "OPERATION_FINISHED");

  const v1::Operation again = Must(fx.Call<v1::Operation>("Operations.RetryOperation", retry));
  CHECK(again.retry_of() == made.id());
  CHECK(again.state() == v1::QUEUED);
  v1::GetOperationRequest get;
  get.set_id(again.id());
  CHECK(Must(fx.Call<v1::ListOperationStepsResponse>("Operations.ListOperationSteps", get)).attempts_size() == 0);
}

TEST_CASE("every method on an unknown operation says so", "[services][operations]") {
  ServicesFixture fx;
  v1::GetOperationRequest get;
  get.set_id("nothing");
  CHECK(ReasonOf(fx.Call<v1::Operation>("Operations.GetOperation", get)) == "OPERATION_UNKNOWN");
  CHECK(ReasonOf(fx.Call<v1::ListOperationStepsResponse>("Operations.ListOperationSteps", get)) == "OPERATION_UNKNOWN");
  CHECK(ReasonOf(fx.Call<v1::OperationPlan>("Operations.GetOperationPlan", get)) == "OPERATION_UNKNOWN");
  v1::ListOperationPartsRequest parts;
  parts.set_id("nothing");
  CHECK(ReasonOf(fx.Call<v1::ListOperationChangesResponse>("Operations.ListOperationChanges", parts)) ==
        "OPERATION_UNKNOWN");
  CHECK(ReasonOf(fx.Call<v1::ListOperationDiagnosticsResponse>("Operations.ListOperationDiagnostics", parts)) ==
        "OPERATION_UNKNOWN");
  v1::ResolveOperationRequest resolve;
  resolve.set_id("nothing");
  resolve.set_resolution("applied");
  CHECK(ReasonOf(fx.Call<v1::Operation>("Operations.ResolveOperation", resolve)) == "OPERATION_UNKNOWN");
  resolve.set_resolution("whatever");
  CHECK(PointersOf(fx.Call<v1::Operation>("Operations.ResolveOperation", resolve)) ==
        std::vector<std::string>{"/resolution"});
  v1::ApproveOperationRequest approve;
  approve.set_id("nothing");
  approve.set_decision("approve");
  CHECK(ReasonOf(fx.Call<v1::Operation>("Operations.ApproveOperation", approve)) == "OPERATION_UNKNOWN");
  approve.set_decision("maybe");
  CHECK(ReasonOf(fx.Call<v1::Operation>("Operations.ApproveOperation", approve)) == "FIELD_INVALID");
}

TEST_CASE("operations are listed newest first, filtered and paged", "[services][operations]") {
  ServicesFixture fx;
  fx.Connect();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(Must(fx.Create(ServicesFixture::Install())).id());
  v1::CancelOperationRequest cancel;
  cancel.set_id(ids[1]);
  Must(fx.Call<v1::Operation>("Operations.CancelOperation", cancel));

  const auto all = Must(List(fx, ""));
  REQUIRE(all.operations_size() == 5);
  CHECK(all.operations(0).id() == ids[4]);
  CHECK(all.next_page_token().empty());
  CHECK(all.sync_token().find('.') != std::string::npos);

  CHECK(Must(List(fx, "state = CANCELLED")).operations_size() == 1);
  CHECK(Must(List(fx, "state = CANCELLED OR state = QUEUED")).operations_size() == 5);
  CHECK(Must(List(fx, "state != CANCELLED")).operations_size() == 4);
  CHECK(Must(List(fx, R"(state = QUEUED AND cluster = "kind-dev" AND kind = APPLY)")).operations_size() == 4);
  CHECK(Must(List(fx, "cluster = elsewhere")).operations_size() == 0);
  for (const char* bad :
       {"state = SLEEPING", "kind = INSPECT", "colour = red", "state", "state = ", "(state = QUEUED)",
        "state = QUEUED AND type = x OR type = y", "state > QUEUED", "state = \"QUEUED", "state = QUEUED type = x"}) {
    INFO(bad);
    const auto answer = List(fx, bad);
    CHECK(ReasonOf(answer) == "FILTER_INVALID");
    CHECK(PointersOf(answer) == std::vector<std::string>{"/filter"});
  }

  const auto first = Must(List(fx, "state = QUEUED", 3));
  REQUIRE(first.operations_size() == 3);
  const auto second = Must(List(fx, "state = QUEUED", 3, first.next_page_token()));
  REQUIRE(second.operations_size() == 1);
  CHECK(second.operations(0).id() == ids[0]);
  CHECK(second.next_page_token().empty());
}

TEST_CASE("operation types are listed with where they can run", "[services][operations]") {
  ServicesFixture fx;
  fx.Connect();
  v1::ListOperationTypesRequest request;
  request.set_page_size(2);
  const auto first = Must(fx.Call<v1::ListOperationTypesResponse>("Operations.ListOperationTypes", request));
  REQUIRE(first.operation_types_size() == 2);
  CHECK(first.operation_types(0).type() == "istio.install");
  CHECK(first.operation_types(0).aliases(0) == "istio");
  CHECK(first.operation_types(0).clusters(0) == "kind-dev");
  CHECK(first.operation_types(0).plan() == "EXACT");
  request.set_page_token(first.next_page_token());
  const auto rest = Must(fx.Call<v1::ListOperationTypesResponse>("Operations.ListOperationTypes", request));
  CHECK(rest.operation_types_size() == 2);
  CHECK(rest.next_page_token().empty());

  v1::ListOperationTypesRequest elsewhere;
  elsewhere.set_cluster("nowhere");
  CHECK(ReasonOf(fx.Call<v1::ListOperationTypesResponse>("Operations.ListOperationTypes", elsewhere)) ==
        "CLUSTER_UNKNOWN");
  v1::ListOperationTypesRequest linkerd;
  linkerd.set_mesh("linkerd");
  CHECK(
      Must(fx.Call<v1::ListOperationTypesResponse>("Operations.ListOperationTypes", linkerd)).operation_types_size() ==
      0);
}

TEST_CASE("changes and diagnostics are paged in the order they came", "[services][operations]") {
  ServicesFixture fx;
  fx.Connect();
  const std::string id = Must(fx.Create(ServicesFixture::Install())).id();
  Must(fx.store->Write([&id](meshplay::store::Transaction& unit) -> meshplay::Status {
    std::vector<meshplay::store::ObjectOutcomeRecord> outcomes(5);
    std::vector<meshplay::store::DiagnosticRecord> diagnostics(3);
    for (std::size_t i = 0; i < outcomes.size(); ++i) outcomes[i].name = "object-" + std::to_string(i);
    for (std::size_t i = 0; i < diagnostics.size(); ++i) diagnostics[i].code = "CODE_" + std::to_string(i);
    MP_CHECK(unit.AddOutcomes(id, 1, outcomes));
    return unit.AddDiagnostics(id, 1, diagnostics);
  }));
  v1::ListOperationPartsRequest request;
  request.set_id(id);
  request.set_page_size(2);
  std::vector<std::string> names;
  for (int page = 0; page < 3; ++page) {
    const auto answer = Must(fx.Call<v1::ListOperationChangesResponse>("Operations.ListOperationChanges", request));
    for (const auto& change : answer.changes()) names.push_back(change.object().name());
    request.set_page_token(answer.next_page_token());
  }
  CHECK(names == std::vector<std::string>{"object-0", "object-1", "object-2", "object-3", "object-4"});
  CHECK(request.page_token().empty());
  request.clear_page_size();
  CHECK(Must(fx.Call<v1::ListOperationDiagnosticsResponse>("Operations.ListOperationDiagnostics", request))
            .diagnostics(2)
            .code() == "CODE_2");
}

TEST_CASE("a queued operation says what it waits for", "[services][operations]") {
  ServicesFixture fx;
  fx.Connect();
  const v1::Operation made = Must(fx.Create(ServicesFixture::Install()));
  Must(fx.store->Write([&made](meshplay::store::Transaction& unit) {
    return unit.PutHold({"target/" + made.target_id(), "CredentialsInvalid", "403", 1});
  }));
  v1::GetOperationRequest get;
  get.set_id(made.id());
  const v1::Operation shown = Must(fx.Call<v1::Operation>("Operations.GetOperation", get));
  REQUIRE(shown.conditions_size() == 1);
  CHECK(shown.conditions(0).type() == "Held");
  CHECK(shown.conditions(0).reason() == "CredentialsInvalid");

  v1::GetTargetRequest target;
  target.set_id(made.target_id());
  CHECK(Must(fx.Call<v1::Target>("Targets.GetTarget", target)).hold_reason() == "CredentialsInvalid");
  v1::ReleaseTargetRequest release;
  release.set_id(made.target_id());
  CHECK(Must(fx.Call<v1::Target>("Targets.ReleaseTarget", release)).hold_reason().empty());
  CHECK(Must(fx.Call<v1::Operation>("Operations.GetOperation", get)).conditions_size() == 0);
}
