#include <catch2/catch.hpp>

#include "tests/protocol/sdk/scripted_hub.h"

namespace meshplay::testing {
namespace {

using namespace std::chrono_literals;

pb::InventoryItem Item(const std::string& name, const std::string& body = "{}") {
  pb::InventoryItem item;
  item.mutable_ref()->mutable_key()->set_kind("Deployment");
  item.mutable_ref()->mutable_key()->set_name(name);
  item.set_body_json(body);
  return item;
}

/// Two objects at first; the test changes them through `view`.
struct Fixture {
  Fixture() {
    mesh.watch = [this](sdk::InventoryView& given, std::stop_token stop) {
      given.Upsert(Item("a"));
      given.Upsert(Item("b"));
      given.MarkComplete();
      view = &given;
      std::mutex mutex;
      std::condition_variable_any wake;
      std::unique_lock lock(mutex);
      wake.wait(lock, stop, [] { return false; });
    };
  }
  std::shared_ptr<InventoryTalk> Opened(std::uint32_t items = 100) {
    auto talk = hub.NextInventory();
    pb::InventoryFrame frame;
    REQUIRE(talk->Wait([](const auto& seen) { return seen.has_open(); }, frame));
    CHECK(frame.open().session_id() == "session");
    pb::InventoryReply reply;
    reply.mutable_opened()->set_snapshot_required(true);
    reply.mutable_opened()->mutable_credit()->set_items(items);
    reply.mutable_opened()->mutable_credit()->set_bytes(1'000'000);
    talk->Send(reply);
    return talk;
  }
  static std::vector<std::string> Snapshot(InventoryTalk& talk) {
    std::vector<std::string> names;
    pb::InventoryFrame frame;
    REQUIRE(talk.Wait([](const auto& seen) { return seen.has_snapshot_begin(); }, frame));
    while (talk.Wait([](const auto& seen) { return seen.has_upsert() || seen.has_snapshot_end(); }, frame)) {
      if (frame.has_snapshot_end()) {
        CHECK(frame.snapshot_end().count() == names.size());
        return names;
      }
      names.push_back(frame.upsert().ref().key().name());
    }
    FAIL("the snapshot did not end");
    return names;
  }
  std::atomic<sdk::InventoryView*> view{nullptr};
  ScriptedHub hub;
  ScriptedMesh mesh;
};

TEST_CASE("A snapshot comes first, then changes and removals with a bookmark") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto session = f.hub.Welcome();
  auto talk = f.Opened();
  CHECK(Fixture::Snapshot(*talk) == std::vector<std::string>{"a", "b"});
  (*f.view).Remove(Item("a").ref());
  pb::InventoryFrame frame;
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_remove(); }, frame));
  CHECK(frame.remove().key().name() == "a");
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_bookmark(); }, frame));
  (*f.view).Upsert(Item("b"));  // the same: nothing to tell
  (*f.view).Upsert(Item("c"));
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_upsert(); }, frame));
  CHECK(frame.upsert().ref().key().name() == "c");
}

TEST_CASE("Without credit nothing is sent, and changes of a key go out once") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto session = f.hub.Welcome();
  auto talk = f.Opened(2);
  CHECK(Fixture::Snapshot(*talk).size() == 2);
  for (int i = 0; i < 50; ++i) (*f.view).Upsert(Item("c", "{\"version\":" + std::to_string(i) + "}"));
  pb::InventoryFrame frame;
  CHECK_FALSE(talk->Wait([](const auto& seen) { return seen.has_upsert(); }, frame, 150ms));
  pb::InventoryReply credit;
  credit.mutable_credit()->set_items(10);
  credit.mutable_credit()->set_bytes(1'000'000);
  talk->Send(credit);
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_upsert(); }, frame));
  CHECK(frame.upsert().body_json() == "{\"version\":49}");
  CHECK_FALSE(talk->Wait([](const auto& seen) { return seen.has_upsert(); }, frame, 150ms));
}

TEST_CASE("A new session and a forced snapshot start with a snapshot; a second 'enabled' changes nothing") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto session = f.hub.Welcome();
  auto talk = f.Opened();
  Fixture::Snapshot(*talk);
  pb::ServerFrame directive;
  directive.mutable_inventory_directive()->mutable_target()->set_cluster_uid(kCluster);
  directive.mutable_inventory_directive()->set_enabled(true);
  session->Send(directive);
  CHECK_FALSE(talk->WaitForEnd(150ms));
  directive.mutable_inventory_directive()->set_force_snapshot(true);
  session->Send(directive);
  talk = f.Opened();
  CHECK(Fixture::Snapshot(*talk).size() == 2);
  session->Cut();
  session = f.hub.Welcome();
  talk = f.Opened();
  CHECK(Fixture::Snapshot(*talk).size() == 2);
}

TEST_CASE("An object too large for a frame is told without its body and does not end the stream") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto session = f.hub.Welcome();
  auto talk = f.Opened();
  Fixture::Snapshot(*talk);
  (*f.view).Upsert(Item("large", std::string(5 * 1024 * 1024, 'x')));
  pb::InventoryFrame frame;
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_upsert(); }, frame));
  CHECK(frame.upsert().ref().key().name() == "large");
  CHECK(frame.upsert().body_json().empty());
}

}  // namespace
}  // namespace meshplay::testing
