#include <catch2/catch.hpp>
#include <latch>

#include "tests/protocol/sdk/scripted_hub.h"

namespace meshplay::testing {
namespace {

bool IsResult(const pb::AdapterFrame& frame) {
  return frame.has_task_result();
}
bool IsReply(const pb::AdapterFrame& frame) {
  return frame.has_offer_reply();
}

pb::ServerFrame Question(const std::string& id) {
  pb::ServerFrame frame = Offer(id, 1, 0, "test.question");
  frame.mutable_task_offer()->set_kind(pb::TASK_KIND_QUERY);
  return frame;
}

TEST_CASE("A question is answered while every task slot is taken, and leaves nothing behind") {
  ScriptedHub hub;
  ScriptedMesh mesh;
  std::latch go_on(1);
  mesh.run = [&](sdk::TaskContext&) {
    go_on.wait();
    return sdk::Succeeded();
  };
  mesh.query = [](sdk::TaskContext& task) {
    pb::TaskResult result = sdk::Succeeded();
    result.set_output_json(task.offer().parameters_json());
    return result;
  };
  RunningAdapter adapter(mesh, hub.EnrollFile());
  auto talk = hub.Welcome();
  pb::AdapterFrame frame;
  for (int i = 1; i <= 4; ++i) {
    pb::ServerFrame offer = Offer("task-" + std::to_string(i), 1, 0);
    offer.mutable_task_offer()->set_kind(pb::TASK_KIND_PLAN);
    talk->Send(offer);
    REQUIRE(talk->Wait(IsReply, frame));
    REQUIRE(frame.offer_reply().has_accepted());
  }
  pb::ServerFrame fifth = Offer("task-5", 1, 0);
  fifth.mutable_task_offer()->set_kind(pb::TASK_KIND_PLAN);
  talk->Send(fifth);
  REQUIRE(talk->Wait(IsReply, frame));
  CHECK(frame.offer_reply().rejected().reason() == "BUSY");

  pb::ServerFrame question = Question("question-1");
  question.mutable_task_offer()->set_parameters_json(R"({"a":1})");
  talk->Send(question);
  REQUIRE(talk->Wait(IsReply, frame));
  CHECK(frame.offer_reply().has_accepted());
  REQUIRE(talk->Wait(IsResult, frame));
  CHECK(frame.task_result().task_id() == "question-1");
  CHECK(frame.task_result().output_json() == R"({"a":1})");
  CHECK(adapter.OutboxFiles() == 0);
  go_on.count_down();
  CHECK(adapter.Stop() == 0);
}

TEST_CASE("A question does not outlive its session") {
  ScriptedHub hub;
  ScriptedMesh mesh;
  std::latch go_on(1);
  std::latch asked(1);
  mesh.query = [&](sdk::TaskContext&) {
    asked.count_down();
    go_on.wait();
    return sdk::Succeeded();
  };
  RunningAdapter adapter(mesh, hub.EnrollFile());
  auto talk = hub.Welcome();
  talk->Send(Question("question-1"));
  asked.wait();
  talk->Cut();
  pb::Hello hello;
  talk = hub.Welcome(&hello);
  CHECK(hello.tasks_size() == 0);
  go_on.count_down();
  CHECK(adapter.Stop() == 0);
}

}  // namespace
}  // namespace meshplay::testing
