#include "tests/protocol/hub/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;

namespace {

/// One inventory stream, used from the test's thread only; each wait ends with the call's deadline.
struct Stream {
  Stream(HubFixture& fx, const Identity& identity) : stub(pb::AdapterData::NewStub(fx.Channel(identity))) {
    context.set_deadline(std::chrono::system_clock::now() + 60s);
    stream = stub->SyncInventory(&context);
  }
  ~Stream() { context.TryCancel(); }

  void Open(const std::string& session_id, const std::string& have = "", bool kinds = true) {
    pb::InventoryFrame frame;
    pb::InventoryOpen& open = *frame.mutable_open();
    open.set_session_id(session_id);
    open.mutable_target()->set_cluster_uid(kCluster);
    if (kinds) {
      open.add_kinds()->set_kind("Deployment");
      open.mutable_kinds(0)->set_api_version("apps/v1");
    }
    open.mutable_have()->set_position(have);
    stream->Write(frame);
  }
  void Begin(std::uint64_t epoch) {
    pb::InventoryFrame frame;
    frame.mutable_snapshot_begin()->set_epoch(epoch);
    stream->Write(frame);
  }
  void Upsert(const std::string& name, const std::string& body = "{}") {
    pb::InventoryFrame frame;
    pb::InventoryItem& item = *frame.mutable_upsert();
    pb::ObjectKey& key = *item.mutable_ref()->mutable_key();
    key.set_api_version("apps/v1");
    key.set_kind("Deployment");
    key.set_namespace_("istio-system");
    key.set_name(name);
    item.set_digest("d-" + name);
    item.set_body_json(body);
    item.set_health(pb::HEALTH_HEALTHY);
    if (name == "istiod") {
      item.mutable_mesh()->set_mesh_key("istio-system/default");
      item.mutable_mesh()->set_version("1.27.0");
    }
    stream->Write(frame);
  }
  void Remove(const std::string& name) {
    pb::InventoryFrame frame;
    pb::ObjectKey& key = *frame.mutable_remove()->mutable_key();
    key.set_api_version("apps/v1");
    key.set_kind("Deployment");
    key.set_namespace_("istio-system");
    key.set_name(name);
    stream->Write(frame);
  }
  void EndSnapshot(std::uint64_t epoch, std::uint64_t count, const std::string& position) {
    pb::InventoryFrame frame;
    frame.mutable_snapshot_end()->set_epoch(epoch);
    frame.mutable_snapshot_end()->set_count(count);
    frame.mutable_snapshot_end()->mutable_bookmark()->set_position(position);
    stream->Write(frame);
  }
  void Bookmark(const std::string& position) {
    pb::InventoryFrame frame;
    frame.mutable_bookmark()->set_position(position);
    stream->Write(frame);
  }
  /// The next reply of this kind; credits on the way are added up.
  pb::InventoryReply Wait(pb::InventoryReply::BodyCase kind) {
    pb::InventoryReply reply;
    while (stream->Read(&reply)) {
      if (reply.has_credit()) credit += reply.credit().items();
      if (reply.body_case() == kind) return reply;
    }
    const grpc::Status status = stream->Finish();
    FAIL("the stream ended: " << status.error_message() << " " << ReasonOf(status));
    return reply;
  }

  std::unique_ptr<pb::AdapterData::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<pb::InventoryFrame, pb::InventoryReply>> stream;
  std::uint64_t credit = 0;
};

}  // namespace

TEST_CASE("a snapshot, then changes, then a resume from the durable bookmark", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  auto session = fx.Connect(identity);
  {
    Stream stream(fx, identity);
    stream.Open(fx.welcome.session_id());
    const pb::InventoryOpened opened = stream.Wait(pb::InventoryReply::kOpened).opened();
    CHECK(opened.snapshot_required());
    CHECK(opened.credit().items() == 2'000);
    stream.Begin(1);
    stream.Upsert("istiod");
    stream.Upsert("gone-later");
    stream.EndSnapshot(1, 2, "p1");
    CHECK(stream.Wait(pb::InventoryReply::kDurable).durable().bookmark().position() == "p1");
    REQUIRE(fx.Meshes().size() == 1);
    CHECK(fx.Objects().size() == 2);

    stream.Begin(2);
    stream.Upsert("istiod");
    stream.EndSnapshot(2, 1, "p2");
    CHECK(stream.Wait(pb::InventoryReply::kDurable).durable().items() == 3);
    CHECK(fx.Objects().size() == 1);

    stream.Upsert("added");
    stream.Remove("istiod");
    stream.Bookmark("p3");
    CHECK(stream.Wait(pb::InventoryReply::kDurable).durable().bookmark().position() == "p3");
    CHECK(stream.credit == 5);
    REQUIRE(fx.Objects().size() == 1);
    CHECK(fx.Objects()[0].name == "added");
    CHECK(fx.Meshes().empty());
  }
  session->Cut();
  REQUIRE(Eventually([&] { return !fx.Adapter(identity.adapter_id).connected; }));
  CHECK(fx.Objects()[0].stale);

  session = fx.Connect(identity);
  Stream again(fx, identity);
  again.Open(fx.welcome.session_id(), "p3");
  const pb::InventoryOpened opened = again.Wait(pb::InventoryReply::kOpened).opened();
  CHECK_FALSE(opened.snapshot_required());
  CHECK(opened.resume_from().position() == "p3");
  CHECK_FALSE(fx.Objects()[0].stale);
}

TEST_CASE("an inventory stream that breaks the rules is ended with a reason", "[hub]") {
  hub::HubOptions options;
  options.inventory_batch = 10;
  options.inventory_credit = 10;
  HubFixture fx(options);
  const Identity identity = fx.NewAdapter();
  const auto session = fx.Connect(identity);
  Stream stream(fx, identity);
  std::string reason;
  SECTION("a session of nobody") {
    stream.Open("no-session");
    reason = "SESSION_UNKNOWN";
  }
  SECTION("no open first") {
    stream.Begin(1);
    reason = "FRAME_INVALID";
  }
  SECTION("items before the snapshot") {
    stream.Open(fx.welcome.session_id());
    stream.Wait(pb::InventoryReply::kOpened);
    stream.Upsert("a");
    reason = "FRAME_INVALID";
  }
  SECTION("a snapshot that holds less than it says") {
    stream.Open(fx.welcome.session_id());
    stream.Wait(pb::InventoryReply::kOpened);
    stream.Begin(1);
    stream.Upsert("a");
    stream.EndSnapshot(1, 2, "p");
    reason = "SNAPSHOT_INCOMPLETE";
  }
  SECTION("a body that is no JSON") {
    stream.Open(fx.welcome.session_id());
    stream.Wait(pb::InventoryReply::kOpened);
    stream.Begin(1);
    stream.Upsert("a", "{");
    reason = "INVENTORY_ITEM_INVALID";
  }

  CHECK(stream.Wait(pb::InventoryReply::kError).error().reason() == reason);
  CHECK(ReasonOf(stream.stream->Finish()) == reason);
  CHECK(fx.Objects().size() <= 1);
}

TEST_CASE("an inventory stream ends with its session", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  const auto session = fx.Connect(identity);
  Stream stream(fx, identity);
  stream.Open(fx.welcome.session_id());
  stream.Wait(pb::InventoryReply::kOpened);

  session->Cut();

  pb::InventoryReply reply;
  CHECK_FALSE(stream.stream->Read(&reply));
  CHECK(ReasonOf(stream.stream->Finish()) == "SESSION_ENDED");
}

TEST_CASE("all advertised kinds wait for the manifest that is on its way", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  const auto session = fx.Connect(identity);
  Stream stream(fx, identity);
  stream.Open(fx.welcome.session_id(), "", false);
  pb::AdapterFrame frame;
  frame.mutable_capabilities()->set_digest("d1");
  frame.mutable_capabilities()->set_mesh_type("istio");
  pb::InventoryKind& kind = *frame.mutable_capabilities()->add_inventory_kinds();
  kind.set_api_version("apps/v1");
  kind.set_kind("Deployment");

  REQUIRE(session->Send(frame));

  stream.Wait(pb::InventoryReply::kOpened);
  stream.Begin(1);
  stream.Upsert("istiod");
  stream.EndSnapshot(1, 1, "p1");
  stream.Wait(pb::InventoryReply::kDurable);
  CHECK(fx.Meshes().size() == 1);
}

TEST_CASE("a large snapshot flows under credit", "[hub]") {
  hub::HubOptions options;
  options.inventory_batch = 50;
  options.inventory_credit = 100;
  HubFixture fx(options);
  const Identity identity = fx.NewAdapter();
  const auto session = fx.Connect(identity);
  Stream stream(fx, identity);
  stream.Open(fx.welcome.session_id());
  std::uint64_t allowed = stream.Wait(pb::InventoryReply::kOpened).opened().credit().items();
  stream.Begin(1);
  for (std::uint64_t sent = 0; sent < 600; ++sent) {
    while (sent >= allowed + stream.credit) stream.Wait(pb::InventoryReply::kCredit);
    stream.Upsert("d" + std::to_string(sent));
  }
  stream.EndSnapshot(1, 600, "p1");
  stream.Wait(pb::InventoryReply::kDurable);

  CHECK(fx.Objects().size() == 600);
  CHECK(stream.credit == 600);
}
