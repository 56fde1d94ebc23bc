#include <future>

#include "tests/protocol/hub/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;

namespace {

engine::Question Ask(const std::string& adapter_id) {
  engine::Question question;
  question.adapter_id = adapter_id;
  question.type = "smi.translate";
  question.mesh_type = "istio";
  question.parameters_json = R"({"documents":"kind: TrafficSplit"})";
  question.principal = "token/test";
  question.tenant = "default";
  return question;
}

std::future<Result<engine::TaskResult>> AskAside(HubFixture& fx, engine::Question question) {
  return std::async(std::launch::async, [&fx, question = std::move(question)] { return fx.engine->Ask(question); });
}

std::string ReasonOf(const Result<engine::TaskResult>& answer) {
  REQUIRE_FALSE(answer);
  return answer.error().reason();
}

}  // namespace

TEST_CASE("a question is answered without leaving an operation", "[hub]") {
  HubFixture fx;
  const Identity adapter = fx.NewAdapter();
  const auto session = fx.Connect(adapter);
  auto answer = AskAside(fx, Ask(adapter.adapter_id));

  const pb::TaskOffer offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  CHECK(offer.kind() == pb::TASK_KIND_QUERY);
  CHECK(offer.operation_type() == "smi.translate");
  CHECK(offer.fence() == 0);
  CHECK(offer.parameters_json() == R"({"documents":"kind: TrafficSplit"})");
  CHECK(offer.time_budget().seconds() == 20);
  session->Send(HubFixture::Accept(offer));
  pb::AdapterFrame result = HubFixture::Succeeded(offer, 1);
  result.mutable_task_result()->set_output_json(R"({"level":"FULL"})");
  session->Send(result);
  CHECK(Must(answer.get()).output_json == R"({"level":"FULL"})");
  CHECK(session->Wait(pb::ServerFrame::kTaskAck).task_ack().finished());

  std::uint64_t operations = 0;
  REQUIRE(fx.store->Read([&](store::Reader& reader) -> Status {
    store::OperationQuery query;
    query.tenant = "default";
    query.limit = 10;
    MP_TRY(const auto found, reader.ListOperations(query));
    operations = found.size();
    return {};
  }));
  CHECK(operations == 0);
}

TEST_CASE("what the adapter answers to a question is the caller's error", "[hub]") {
  HubFixture fx;
  const Identity adapter = fx.NewAdapter();
  const auto session = fx.Connect(adapter);
  auto answer = AskAside(fx, Ask(adapter.adapter_id));
  const pb::TaskOffer offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  pb::AdapterFrame refused = HubFixture::Accept(offer);
  refused.mutable_offer_reply()->mutable_rejected()->set_reason("BUSY");
  refused.mutable_offer_reply()->mutable_rejected()->set_error_class(pb::ERROR_CLASS_THROTTLED);
  session->Send(refused);
  const auto busy = answer.get();
  CHECK(ReasonOf(busy) == "BUSY");
  CHECK(busy.error().code() == ErrorCode::kResourceExhausted);

  answer = AskAside(fx, Ask(adapter.adapter_id));
  const pb::TaskOffer again = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  session->Send(HubFixture::Accept(again));
  pb::AdapterFrame failed = HubFixture::Succeeded(again, 1);
  failed.mutable_task_result()->set_outcome(pb::OUTCOME_FAILED);
  failed.mutable_task_result()->mutable_error()->set_reason("SMI_OPTION_UNKNOWN");
  failed.mutable_task_result()->mutable_error()->set_error_class(pb::ERROR_CLASS_INVALID);
  session->Send(failed);
  const auto invalid = answer.get();
  CHECK(ReasonOf(invalid) == "SMI_OPTION_UNKNOWN");
  CHECK(invalid.error().code() == ErrorCode::kInvalidArgument);
}

TEST_CASE("a question ends with its time, its caller or its session, and late answers hurt nobody", "[hub]") {
  HubFixture fx;
  const Identity adapter = fx.NewAdapter();
  const auto session = fx.Connect(adapter);

  engine::Question hasty = Ask(adapter.adapter_id);
  hasty.timeout = 50ms;
  auto answer = AskAside(fx, hasty);
  const pb::TaskOffer late = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  CHECK(ReasonOf(answer.get()) == "QUERY_TIMEOUT");
  CHECK(session->Wait(pb::ServerFrame::kCancelTask).cancel_task().task_id() == late.task_id());
  session->Send(HubFixture::Accept(late));
  session->Send(HubFixture::Succeeded(late, 1));
  CHECK(session->Wait(pb::ServerFrame::kTaskAck).task_ack().finished());
  CHECK_FALSE(session->Has(pb::ServerFrame::kNack));

  engine::Question left = Ask(adapter.adapter_id);
  left.cancelled = [] { return true; };
  CHECK(ReasonOf(fx.engine->Ask(left)) == "QUERY_CANCELLED");
  (void)session->Wait(pb::ServerFrame::kTaskOffer);

  answer = AskAside(fx, Ask(adapter.adapter_id));
  (void)session->Wait(pb::ServerFrame::kTaskOffer);
  session->Cut();
  CHECK(ReasonOf(answer.get()) == "ADAPTER_DISCONNECTED");
  CHECK(Eventually([&] { return ReasonOf(fx.engine->Ask(Ask(adapter.adapter_id))) == "ADAPTER_OFFLINE"; }));
}

TEST_CASE("questions are bounded in number and size", "[hub]") {
  HubFixture fx;
  const Identity adapter = fx.NewAdapter();
  const auto session = fx.Connect(adapter);
  engine::Question large = Ask(adapter.adapter_id);
  large.parameters_json = std::string(engine::kMaxQuestionBytes + 1, ' ');
  CHECK(ReasonOf(fx.engine->Ask(large)) == "QUESTION_TOO_LARGE");

  std::vector<std::future<Result<engine::TaskResult>>> open;
  for (std::size_t i = 0; i < engine::kMaxOpenQuestionsPerAdapter; ++i) {
    open.push_back(AskAside(fx, Ask(adapter.adapter_id)));
    (void)session->Wait(pb::ServerFrame::kTaskOffer);
  }
  const auto refused = fx.engine->Ask(Ask(adapter.adapter_id));
  CHECK(ReasonOf(refused) == "QUERIES_BUSY");
  CHECK(refused.error().retry_after());
  session->Cut();
  for (auto& answer : open) CHECK(ReasonOf(answer.get()) == "ADAPTER_DISCONNECTED");
}
