#include "tests/protocol/hub/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;

TEST_CASE("Welcome says what is in force", "[hub]") {
  HubFixture fx;
  pb::AdapterFrame hello = HubFixture::Hello();
  hello.mutable_hello()->add_features(static_cast<pb::Feature>(99));

  const auto session = fx.Connect(fx.NewAdapter(), hello);

  CHECK_FALSE(fx.welcome.session_id().empty());
  CHECK(fx.welcome.lease().ttl().seconds() == 20);
  CHECK(fx.welcome.lease().heartbeat_interval().seconds() == 6);
  CHECK(fx.welcome.limits().max_frame_bytes() == 2 * 1024 * 1024);
  CHECK(fx.welcome.limits().step_timeout().seconds() == 10);
  CHECK(fx.welcome.server_epoch() > 0);
  CHECK(fx.welcome.send_capabilities());
  CHECK(fx.welcome.features_size() == 2);
  const auto directive = session->Wait(pb::ServerFrame::kInventoryDirective).inventory_directive();
  CHECK(directive.target().cluster_uid() == kCluster);
  CHECK(directive.enabled());
}

TEST_CASE("a Hello that cannot be is refused with SessionError", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  pb::AdapterFrame hello = HubFixture::Hello();
  std::string reason;
  SECTION("a protocol version that this server does not speak") {
    hello.mutable_hello()->set_min_minor(7);
    hello.mutable_hello()->set_max_minor(9);
    reason = "VERSION_UNSUPPORTED";
  }
  SECTION("another adapter's id") {
    hello.mutable_hello()->set_adapter_id("somebody-else");
    reason = "IDENTITY_MISMATCH";
  }
  SECTION("no instance") {
    hello.mutable_hello()->clear_instance_id();
    reason = "FRAME_INVALID";
  }
  SECTION("a claim without a cluster") {
    hello.mutable_hello()->mutable_targets(0)->mutable_target()->clear_cluster_uid();
    reason = "CLAIM_INVALID";
  }
  SECTION("another frame first") {
    hello.mutable_heartbeat()->set_number(1);
    reason = "FRAME_INVALID";
  }

  ScriptedSession session(fx.Channel(identity));
  session.Send(hello);

  const pb::SessionError error = session.Wait(pb::ServerFrame::kSessionError).session_error();
  CHECK(error.error().reason() == reason);
  if (reason == "VERSION_UNSUPPORTED") {
    CHECK(error.error().metadata().at("server") == "v1.0..v1.1");
    CHECK(error.error().metadata().at("adapter") == "v1.7..v1.9");
    CHECK(error.reconnect_after().seconds() == 300);
  }
  CHECK(ReasonOf(session.End()) == reason);
  CHECK_FALSE(fx.Adapter(identity.adapter_id).connected);
}

TEST_CASE("a stream without a Hello is ended", "[hub]") {
  hub::HubOptions options;
  options.hello_timeout = 100ms;
  HubFixture fx(options);

  ScriptedSession session(fx.Channel(fx.NewAdapter()));

  const grpc::Status status = session.End();
  CHECK(status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  CHECK(ReasonOf(status) == "HELLO_TIMEOUT");
}

TEST_CASE("heartbeats are answered, and a session without them is ended", "[hub]") {
  hub::HubOptions options;
  options.lease_ttl = 3s;
  HubFixture fx(options);
  const Identity identity = fx.NewAdapter();
  const auto session = fx.Connect(identity);
  pb::AdapterFrame heartbeat;
  heartbeat.mutable_heartbeat()->set_number(1);
  REQUIRE(session->Send(heartbeat));
  CHECK(session->Wait(pb::ServerFrame::kHeartbeatAck).heartbeat_ack().number() == 1);

  CHECK(ReasonOf(session->End()) == "LEASE_EXPIRED");
  CHECK(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));
}

TEST_CASE("one process an identity", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  auto first = fx.Connect(identity, HubFixture::Hello("one"));

  SECTION("another living process waits") {
    ScriptedSession second(fx.Channel(identity));
    second.Send(HubFixture::Hello("two"));
    CHECK(second.Wait(pb::ServerFrame::kSessionError).session_error().error().reason() == "INSTANCE_CONFLICT");
    CHECK(fx.Adapter(identity.adapter_id).instance_id == "one");
  }
  SECTION("it is admitted once the older stream is gone") {
    first->Cut();
    REQUIRE(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));
    const auto second = fx.Connect(identity, HubFixture::Hello("two"));
    CHECK(fx.Adapter(identity.adapter_id).instance_id == "two");
  }
  SECTION("the same process takes over from its own broken stream") {
    const auto second = fx.Connect(identity, HubFixture::Hello("one"));
    CHECK(ReasonOf(first->End()) == "SESSION_REPLACED");
    CHECK(fx.Adapter(identity.adapter_id).connected);
    CHECK(fx.Adapter(identity.adapter_id).session_id == fx.welcome.session_id());
  }
  SECTION("a process that proves the older one dead takes over") {
    pb::AdapterFrame hello = HubFixture::Hello("two");
    hello.mutable_hello()->set_replaces_instance_id("one");
    const auto second = fx.Connect(identity, hello);
    CHECK(ReasonOf(first->End()) == "SESSION_REPLACED");
  }
}

TEST_CASE("frames that cannot be used are nacked and the session goes on", "[hub]") {
  HubFixture fx;
  const auto session = fx.Connect(fx.NewAdapter());
  pb::AdapterFrame frame;
  std::string reason;
  std::string about;
  SECTION("an unknown frame") {
    frame.GetReflection()->MutableUnknownFields(&frame)->AddLengthDelimited(77, "new");
    reason = "UNSUPPORTED_FRAME";
    about = "field:77";
  }
  SECTION("an empty frame") {
    reason = "UNSUPPORTED_FRAME";
  }
  SECTION("a second Hello") {
    frame = HubFixture::Hello();
    reason = "FRAME_INVALID";
    about = "hello";
  }
  SECTION("an offer reply that says nothing") {
    frame.mutable_offer_reply()->set_task_id("t");
    reason = "FRAME_INVALID";
    about = "t";
  }
  SECTION("a frame above the limit") {
    frame.mutable_task_result()->set_output_json(std::string(2 * 1024 * 1024 + 1, ' '));
    reason = "FRAME_TOO_LARGE";
    about = "task_result";
  }
  SECTION("a text above its limit") {
    frame.mutable_task_update()->set_task_id(std::string(257, 'x'));
    reason = "FRAME_INVALID";
    about = "task_update";
  }
  SECTION("an output that is no JSON") {
    frame.mutable_task_result()->set_task_id("t");
    frame.mutable_task_result()->set_output_json("{\"a\":1,\"a\":2}");
    reason = "FRAME_INVALID";
    about = "t";
  }
  SECTION("a manifest that breaks the contract") {
    frame.mutable_capabilities()->set_digest("d");
    frame.mutable_capabilities()->set_mesh_type("linkerd");
    reason = "MANIFEST_INVALID";
    about = "capabilities";
  }

  REQUIRE(session->Send(frame));

  const pb::Nack nack = session->Wait(pb::ServerFrame::kNack).nack();
  CHECK(nack.error().reason() == reason);
  CHECK(nack.error().error_class() == pb::ERROR_CLASS_INVALID);
  CHECK(nack.about() == about);
  pb::AdapterFrame heartbeat;
  heartbeat.mutable_heartbeat()->set_number(5);
  REQUIRE(session->Send(heartbeat));
  CHECK(session->Wait(pb::ServerFrame::kHeartbeatAck).heartbeat_ack().number() == 5);
}

TEST_CASE("a flood of unusable frames ends the session", "[hub]") {
  hub::HubOptions options;
  options.max_nacks = 3;
  HubFixture fx(options);
  const auto session = fx.Connect(fx.NewAdapter());

  for (int i = 0; i < 10; ++i) session->Send(pb::AdapterFrame());

  const grpc::Status status = session->End();
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(ReasonOf(status) == "NACK_LIMIT");
}

TEST_CASE("a frame above gRPC's own limit ends the stream, which then resumes", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  const auto session = fx.Connect(identity);
  pb::AdapterFrame frame;
  frame.mutable_task_result()->set_output_json(std::string(5 * 1024 * 1024, ' '));

  session->Send(frame);

  CHECK_FALSE(session->End().ok());
  REQUIRE(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));
  fx.Connect(identity);
}

TEST_CASE("capabilities make operation types and are not asked for again", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  auto session = fx.Connect(identity);
  pb::AdapterFrame frame;
  pb::Capabilities& capabilities = *frame.mutable_capabilities();
  capabilities.set_digest("d1");
  capabilities.set_mesh_type("istio");
  pb::OperationDescriptor& operation = *capabilities.add_operations();
  operation.set_type("istio.install");
  operation.set_category(pb::OPERATION_CATEGORY_INSTALL);
  operation.set_idempotency(pb::IDEMPOTENCY_NATURAL);
  operation.mutable_max_duration()->set_seconds(600);
  operation.set_parameters_schema(R"({"type":"object","properties":{"profile":{"type":"string"}}})");

  REQUIRE(session->Send(frame));

  REQUIRE(Eventually([&] { return fx.inventory.FindOperationType("default", "istio.install").has_value(); }));
  const auto type = fx.inventory.FindOperationType("default", "istio.install")->type;
  CHECK(type.category == "INSTALL");
  CHECK(type.max_duration_ms == 600'000);
  session->HalfClose();
  CHECK(session->End().ok());
  REQUIRE(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));
  pb::AdapterFrame hello = HubFixture::Hello();
  hello.mutable_hello()->set_capabilities_digest("d1");
  session = fx.Connect(identity, hello);
  CHECK_FALSE(fx.welcome.send_capabilities());
}

TEST_CASE("a revoked adapter's session ends and it does not come back", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  const auto session = fx.Connect(identity);

  REQUIRE(fx.inventory.RevokeAdapter("default", identity.adapter_id, fx.Adapter(identity.adapter_id).version));

  CHECK(ReasonOf(session->End()) == "ADAPTER_REVOKED");
  ScriptedSession again(fx.Channel(identity));
  again.Send(HubFixture::Hello());
  CHECK(again.Wait(pb::ServerFrame::kSessionError).session_error().error().reason() == "ADAPTER_REVOKED");
}

TEST_CASE("a drain asks adapters to reconnect, refuses new ones and ends in time", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  const auto session = fx.Connect(identity);

  std::thread drain([&] { fx.hub->Drain(3s); });
  CHECK(session->Wait(pb::ServerFrame::kDrain).drain().reconnect_after().seconds() == 1);
  ScriptedSession second(fx.Channel(identity));
  CHECK(ReasonOf(second.End()) == "DRAINING");
  session->HalfClose();
  CHECK(session->End().ok());
  drain.join();
  CHECK(fx.hub->Counts()[0] == std::pair<std::string, std::uint64_t>("sessions", 0));
}

TEST_CASE("stopping ends what is open, and a second hub cannot take the port of a running one", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  const auto session = fx.Connect(identity);
  hub::HubOptions options;
  options.listen = fx.hub->address();
  const auto second =
      hub::Hub::Start(options, *fx.engine, fx.inventory, fx.enrollment, fx.authority, fx.sealer, *fx.store, fx.clock);
  REQUIRE_FALSE(second);
  CHECK(second.error().reason() == "HUB_LISTEN_FAILED");

  fx.hub->Stop();

  CHECK(ReasonOf(session->End()) == "DRAINING");
  CHECK_FALSE(fx.Adapter(identity.adapter_id).connected);
}

TEST_CASE("a standby adapter is told when it is to serve", "[hub]") {
  HubFixture fx;
  const auto first = fx.Connect(fx.NewAdapter());
  REQUIRE(first->Wait(pb::ServerFrame::kInventoryDirective).inventory_directive().enabled());
  const auto second = fx.Connect(fx.NewAdapter(), HubFixture::Hello("two"));
  CHECK_FALSE(second->Wait(pb::ServerFrame::kInventoryDirective).inventory_directive().enabled());

  first->Cut();

  CHECK(second->Wait(pb::ServerFrame::kInventoryDirective).inventory_directive().enabled());
}
