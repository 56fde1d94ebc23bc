#include <catch2/catch.hpp>

#include "tests/protocol/sdk/scripted_hub.h"

namespace meshplay::testing {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Heartbeats are numbered from 1, one by one, and tell the free slots") {
  ScriptedHub hub;
  hub.ttl = 3s;
  ScriptedMesh mesh;
  RunningAdapter adapter(mesh, hub.EnrollFile());
  auto talk = hub.Welcome();
  for (std::uint64_t number = 1; number <= 5; ++number) {
    pb::AdapterFrame frame;
    REQUIRE(talk->Wait([](const auto& seen) { return seen.has_heartbeat(); }, frame));
    CHECK(frame.heartbeat().number() == number);
    CHECK(frame.heartbeat().lease_id() == "lease");
    CHECK(frame.heartbeat().free_slots() == 4);
    pb::ServerFrame ack;
    ack.mutable_heartbeat_ack()->set_number(number);
    ack.mutable_heartbeat_ack()->mutable_ttl()->set_seconds(3);
    talk->Send(ack);
  }
}

TEST_CASE("A frame from the future is answered with Nack and the session goes on") {
  ScriptedHub hub;
  ScriptedMesh mesh;
  RunningAdapter adapter(mesh, hub.EnrollFile());
  auto talk = hub.Welcome();
  pb::ServerFrame unknown;
  pb::ServerFrame::GetReflection()->MutableUnknownFields(&unknown)->AddLengthDelimited(99, "");
  talk->Send(unknown);
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_nack(); }, frame));
  CHECK(frame.nack().error().reason() == "UNSUPPORTED_FRAME");
  CHECK(frame.nack().about() == "field:99");
  pb::ServerFrame ask;
  ask.mutable_capabilities_request();
  talk->Send(ask);
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_capabilities(); }, frame));
  CHECK(frame.capabilities().mesh_type() == "test");
}

TEST_CASE("After a drain the adapter comes back when it was told to, and its task runs on") {
  ScriptedHub hub;
  ScriptedMesh mesh;
  mesh.run = [](sdk::TaskContext& task) {
    return task.BeginMutating() ? sdk::Succeeded() : task.Stopped(pb::SIDE_EFFECTS_NONE);
  };
  RunningAdapter adapter(mesh, hub.EnrollFile());
  auto talk = hub.Welcome();
  talk->Send(Offer("task-1"));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_task_update(); }, frame));
  pb::ServerFrame drain;
  drain.mutable_drain()->mutable_reconnect_after()->set_nanos(200'000'000);
  talk->Send(drain);
  REQUIRE(talk->WaitForEnd());
  pb::Hello hello;
  talk = hub.Welcome(&hello);
  REQUIRE(hello.tasks_size() == 1);
  CHECK(hello.previous_session_id() == "session");
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_task_update(); }, frame));
  talk->Send(Ack(frame));
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_task_result(); }, frame));
}

TEST_CASE("A second instance waits as long as it is told and tries again") {
  ScriptedHub hub;
  ScriptedMesh mesh;
  RunningAdapter adapter(mesh, hub.EnrollFile());
  pb::Hello hello;
  auto talk = hub.NextSession(hello);
  pb::ServerFrame conflict;
  conflict.mutable_session_error()->mutable_error()->set_reason("INSTANCE_CONFLICT");
  conflict.mutable_session_error()->mutable_error()->set_error_class(pb::ERROR_CLASS_CONFLICT);
  conflict.mutable_session_error()->mutable_reconnect_after()->set_nanos(300'000'000);
  const auto told = std::chrono::steady_clock::now();
  talk->Send(conflict);
  talk->Cut();
  hub.Welcome();
  CHECK(std::chrono::steady_clock::now() - told >= 300ms);
}

TEST_CASE("A stop ends the waiting task first, then says Goodbye and names what was not started") {
  ScriptedHub hub;
  ScriptedMesh mesh;
  mesh.run = [](sdk::TaskContext& task) {
    return task.BeginMutating() ? sdk::Succeeded() : task.Stopped(pb::SIDE_EFFECTS_NONE);
  };
  RunningAdapter adapter(mesh, hub.EnrollFile());
  auto talk = hub.Welcome();
  talk->Send(Offer("task-1"));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_task_update(); }, frame));
  adapter.StopSoon();
  bool result_seen = false;
  REQUIRE(talk->Wait(
      [&](const auto& seen) {
        result_seen = result_seen || seen.has_task_result();
        return seen.has_goodbye();
      },
      frame));
  CHECK_FALSE(result_seen);
  REQUIRE(frame.goodbye().unstarted_task_ids_size() == 1);
  CHECK(frame.goodbye().unstarted_task_ids(0) == "task-1");
  CHECK(adapter.Stop() == 0);
}

TEST_CASE("An adapter that fails to name its clusters keeps its session") {
  ScriptedHub hub;
  ScriptedMesh mesh;
  mesh.throw_in_targets = true;
  RunningAdapter adapter(mesh, hub.EnrollFile());
  pb::Hello hello;
  hub.Welcome(&hello);
  CHECK(hello.targets_size() == 0);
  CHECK(adapter.Stop() == 0);
}

}  // namespace
}  // namespace meshplay::testing
