#include "tests/protocol/hub/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;
using store::OperationState;

TEST_CASE("an operation goes out as an offer and comes back as a result", "[hub]") {
  HubFixture fx;
  const auto session = fx.Connect(fx.NewAdapter());

  const std::string id = fx.Submit();
  const pb::TaskOffer offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  CHECK(offer.task_id() == id);
  CHECK(offer.attempt() == 1);
  CHECK(offer.fence() > 0);
  CHECK(offer.kind() == pb::TASK_KIND_APPLY);
  CHECK(offer.operation_type() == "istio.install");
  CHECK(offer.target().cluster_uid() == kCluster);
  CHECK(offer.parameters_json() == R"({"profile":"default"})");
  CHECK(offer.options().wait_for_ready());
  CHECK(offer.options().on_failure() == pb::FAILURE_POLICY_ROLLBACK);
  CHECK(offer.time_budget().seconds() > 0);
  REQUIRE(session->Send(HubFixture::Accept(offer)));
  REQUIRE(fx.Reaches(id, OperationState::kRunning));

  pb::AdapterFrame update = HubFixture::Update(offer, 1, pb::TASK_PHASE_MUTATING);
  pb::Step& step = *update.mutable_task_update()->add_steps();
  step.set_index(1);
  step.set_name("helm.istiod");
  step.set_state(pb::STEP_STATE_RUNNING);
  REQUIRE(session->Send(update));
  CHECK(session->Wait(pb::ServerFrame::kTaskAck).task_ack().acked_seq() == 1);

  pb::AdapterFrame result = HubFixture::Succeeded(offer, 2);
  result.mutable_task_result()->set_output_json(R"({"version":"1.27.0"})");
  REQUIRE(session->Send(result));
  const pb::TaskAck ack = session->Wait(pb::ServerFrame::kTaskAck).task_ack();
  CHECK(ack.acked_seq() == 2);
  CHECK(ack.finished());
  CHECK(fx.Operation(id).state == OperationState::kSucceeded);
  CHECK(fx.Operation(id).result_json.find("1.27.0") != std::string::npos);
}

TEST_CASE("a burst of frames is handled in the order in which it was sent", "[hub]") {
  HubFixture fx;
  const auto session = fx.Connect(fx.NewAdapter());
  const std::string id = fx.Submit();
  const pb::TaskOffer offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  session->Send(HubFixture::Accept(offer));

  for (std::uint64_t seq = 1; seq <= 500; ++seq) session->Send(HubFixture::Update(offer, seq, pb::TASK_PHASE_READING));
  session->Send(HubFixture::Succeeded(offer, 501));

  // Out of order, the engine would ask to send again, or never see the end.
  pb::TaskAck last;
  while (!last.finished()) {
    const pb::TaskAck ack = session->Wait(pb::ServerFrame::kTaskAck).task_ack();
    CHECK(ack.acked_seq() > last.acked_seq());
    last = ack;
  }
  CHECK(last.acked_seq() == 501);
  CHECK_FALSE(session->Has(pb::ServerFrame::kTaskDirective));
  CHECK(fx.Operation(id).state == OperationState::kSucceeded);
}

TEST_CASE("a cancel reaches the adapter and its answer the operation", "[hub]") {
  HubFixture fx;
  const auto session = fx.Connect(fx.NewAdapter());
  const std::string id = fx.Submit();
  const pb::TaskOffer offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  session->Send(HubFixture::Accept(offer));
  REQUIRE(fx.Reaches(id, OperationState::kRunning));

  REQUIRE(fx.engine->Cancel({"default", "token/test", ""}, id, "changed my mind"));
  const pb::CancelTask cancel = session->Wait(pb::ServerFrame::kCancelTask).cancel_task();
  CHECK(cancel.task_id() == id);
  pb::AdapterFrame reply;
  reply.mutable_cancel_reply()->set_task_id(id);
  reply.mutable_cancel_reply()->set_attempt(1);
  reply.mutable_cancel_reply()->set_decision(pb::CANCEL_DECISION_STOPPING);
  session->Send(reply);
  pb::AdapterFrame result = HubFixture::Succeeded(offer, 1);
  result.mutable_task_result()->set_outcome(pb::OUTCOME_CANCELLED);
  result.mutable_task_result()->mutable_error()->set_reason("CANCELLED");
  result.mutable_task_result()->mutable_error()->set_error_class(pb::ERROR_CLASS_CANCELLED);
  result.mutable_task_result()->mutable_error()->set_side_effects(pb::SIDE_EFFECTS_NONE);
  session->Send(result);

  CHECK(fx.Reaches(id, OperationState::kCancelled));
}

TEST_CASE("a stream cut between frames loses nothing", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  auto session = fx.Connect(identity);
  const std::string id = fx.Submit();
  const pb::TaskOffer offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  session->Send(HubFixture::Accept(offer));
  REQUIRE(fx.Reaches(id, OperationState::kRunning));
  session->Send(HubFixture::Update(offer, 1, pb::TASK_PHASE_MUTATING));
  REQUIRE(session->Wait(pb::ServerFrame::kTaskAck).task_ack().acked_seq() == 1);
  session->Cut();
  REQUIRE(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));

  pb::AdapterFrame hello = HubFixture::Hello();
  *hello.mutable_hello()->add_tasks() = HubFixture::Snapshot(offer, pb::TASK_PHASE_MUTATING, 3);
  session = fx.Connect(identity, hello);

  REQUIRE(fx.welcome.directives_size() == 1);
  CHECK(fx.welcome.directives(0).task_id() == id);
  CHECK(fx.welcome.directives(0).directive() == pb::DIRECTIVE_CONTINUE);
  CHECK(fx.welcome.directives(0).resend_from_seq() == 2);
  session->Send(HubFixture::Update(offer, 2, pb::TASK_PHASE_VERIFYING));
  session->Send(HubFixture::Succeeded(offer, 3));
  CHECK(fx.Reaches(id, OperationState::kSucceeded));
}

TEST_CASE("a result that was stored before the cut is to be forgotten", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  auto session = fx.Connect(identity);
  const std::string id = fx.Submit();
  const pb::TaskOffer offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  session->Send(HubFixture::Accept(offer));
  session->Send(HubFixture::Succeeded(offer, 1));
  REQUIRE(fx.Reaches(id, OperationState::kSucceeded));
  session->Cut();
  REQUIRE(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));

  pb::AdapterFrame hello = HubFixture::Hello();
  *hello.mutable_hello()->add_tasks() = HubFixture::Snapshot(offer, pb::TASK_PHASE_FINISHED, 1);
  session = fx.Connect(identity, hello);

  REQUIRE(fx.welcome.directives_size() == 1);
  CHECK(fx.welcome.directives(0).directive() == pb::DIRECTIVE_FORGET);
}

TEST_CASE("attempts that the server does not know, or gave to somebody else, are to be abandoned", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  pb::AdapterFrame hello = HubFixture::Hello();
  pb::TaskSnapshot& unknown = *hello.mutable_hello()->add_tasks();
  unknown.set_task_id("019099aa-0000-7000-8000-000000000000");
  unknown.set_attempt(1);
  unknown.set_fence(9);

  const auto session = fx.Connect(identity, hello);

  REQUIRE(fx.welcome.directives_size() == 1);
  CHECK(fx.welcome.directives(0).directive() == pb::DIRECTIVE_ABANDON);
}

TEST_CASE("an attempt that Hello does not list is assumed lost and offered again when it changed nothing", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  auto session = fx.Connect(identity);
  const std::string id = fx.Submit();
  const pb::TaskOffer offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  session->Send(HubFixture::Accept(offer));
  REQUIRE(fx.Reaches(id, OperationState::kRunning));
  session->Cut();
  REQUIRE(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));

  session = fx.Connect(identity);

  REQUIRE(fx.welcome.directives_size() == 1);
  CHECK(fx.welcome.directives(0).directive() == pb::DIRECTIVE_ASSUME_LOST);
  const pb::TaskOffer second = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  CHECK(second.task_id() == id);
  CHECK(second.attempt() == 2);
  CHECK(second.fence() > offer.fence());
}

TEST_CASE("Welcome comes first, whatever waits for the adapter", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  auto session = fx.Connect(identity);
  session->Cut();
  REQUIRE(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));
  const std::string id = fx.Submit();
  for (int i = 0; i < 5; ++i) {
    session = fx.Connect(identity);
    CHECK(session->Wait(pb::ServerFrame::kTaskOffer).task_offer().task_id() == id);
    CHECK(session->first() == pb::ServerFrame::kWelcome);
    session->Cut();
    REQUIRE(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));
  }
}

TEST_CASE("a goodbye gives back what was not started", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  auto session = fx.Connect(identity);
  const std::string id = fx.Submit();
  session->Wait(pb::ServerFrame::kTaskOffer);
  pb::AdapterFrame goodbye;
  goodbye.mutable_goodbye()->set_reason("rolling update");
  goodbye.mutable_goodbye()->add_unstarted_task_ids(id);

  session->Send(goodbye);

  CHECK(session->End().ok());
  CHECK(fx.Reaches(id, OperationState::kQueued));
}

TEST_CASE("a detection makes meshes", "[hub]") {
  HubFixture fx;
  const auto session = fx.Connect(fx.NewAdapter());
  const std::string id = fx.Submit(store::TaskKind::kDetect, "detect");
  const pb::TaskOffer offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
  CHECK(offer.kind() == pb::TASK_KIND_DETECT);
  session->Send(HubFixture::Accept(offer));
  pb::AdapterFrame result = HubFixture::Succeeded(offer, 1);
  pb::DetectedMesh& mesh = *result.mutable_task_result()->mutable_detection()->add_meshes();
  mesh.set_mesh_key("istio-system/default");
  mesh.set_mesh_type("istio");
  mesh.set_version("1.27.0");

  session->Send(result);

  REQUIRE(Eventually([&] { return fx.Meshes().size() == 1; }));
  CHECK(fx.Meshes()[0].mesh_version == "1.27.0");
  CHECK(fx.Operation(id).result_json.find("istio-system/default") != std::string::npos);
}
