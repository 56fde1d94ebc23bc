#include <catch2/catch.hpp>

#include "tests/unit/engine/engine_fixture.h"

using meshplay::ErrorCode;
using meshplay::engine::Actor;
using meshplay::engine::Approval;
using meshplay::engine::ErrorClass;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::testing::EngineFixture;
using namespace std::chrono_literals;

TEST_CASE("the same idempotency key and content give the first operation again", "[engine][submit]") {
  EngineFixture fx;
  auto request = fx.Request();
  request.idempotency_key = "k1";
  request.fingerprint = "f1";
  const auto first = fx.core->Submit(request);
  const auto second = fx.core->Submit(request);
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(first->replayed);
  CHECK(second->replayed);
  CHECK(second->operation.id == first->operation.id);
  CHECK(fx.EventKinds(first->operation.id) == std::vector<std::string>{"queued"});
}

TEST_CASE("an idempotency key with other content is refused", "[engine][submit]") {
  EngineFixture fx;
  auto request = fx.Request();
  request.idempotency_key = "k1";
  request.fingerprint = "f1";
  REQUIRE(fx.core->Submit(request));
  request.fingerprint = "f2";
  const auto refused = fx.core->Submit(request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::kAlreadyExists);
  CHECK(refused.error().reason() == "IDEMPOTENCY_KEY_REUSED");
}

TEST_CASE("idempotency keys of other principals and of last week do not matter", "[engine][submit]") {
  EngineFixture fx;
  auto request = fx.Request();
  request.idempotency_key = "k1";
  request.fingerprint = "f1";
  const auto first = fx.core->Submit(request);
  request.fingerprint = "f2";
  request.principal = "bob";
  const auto other = fx.core->Submit(request);
  REQUIRE(other);
  CHECK_FALSE(other->replayed);

  fx.clock.Advance(73h);
  request.principal = "alice";
  const auto later = fx.core->Submit(request);
  REQUIRE(later);
  CHECK_FALSE(later->replayed);
}

TEST_CASE("requests out of bounds are refused and leave nothing", "[engine][submit]") {
  EngineFixture fx;
  auto large = fx.Request();
  large.parameters_json = std::string(1024 * 1024 + 1, 'x');
  CHECK(fx.core->Submit(large).error().reason() == "PARAMETERS_TOO_LARGE");
  auto priority = fx.Request();
  priority.priority = 3;
  CHECK(fx.core->Submit(priority).error().reason() == "PRIORITY_INVALID");
  auto kind = fx.Request();
  kind.kind = TaskKind::kInspect;
  CHECK(fx.core->Submit(kind).error().reason() == "KIND_INVALID");
  auto target = fx.Request();
  target.cluster_uid.clear();
  CHECK(fx.core->Submit(target).error().reason() == "TARGET_INVALID");
  CHECK(fx.store->NewestEventSeq() == 0);
}

TEST_CASE("a full queue refuses", "[engine][submit]") {
  meshplay::engine::EngineOptions options;
  options.max_queued = 2;
  EngineFixture fx(options);
  fx.Submit(fx.Request());
  const std::string second = fx.Submit(fx.Request());
  const auto refused = fx.core->Submit(fx.Request());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "QUEUE_FULL");
  CHECK(refused.error().code() == ErrorCode::kResourceExhausted);

  fx.Cancel(second);
  CHECK(fx.core->Submit(fx.Request()));
  fx.RestartServer();
  CHECK_FALSE(fx.core->Submit(fx.Request()));
}

TEST_CASE("an operation waits for approval and for its time", "[engine][submit]") {
  EngineFixture fx;
  fx.Serve("a1", "c1");
  fx.Connect("a1");
  auto request = fx.Request();
  request.needs_approval = true;
  const std::string id = fx.Submit(request);
  CHECK(fx.StateName(id) == "AWAITING_APPROVAL");
  fx.Advance(30min);

  SECTION("approved, it is offered with all of its time") {
    REQUIRE(fx.core->Approve(fx.actor, id, Approval::kApprove));
    fx.Beat();
    CHECK(fx.LastOffer().operation_id == id);
    CHECK(fx.LastOffer().time_budget > 59min);
    CHECK(fx.core->Approve(fx.actor, id, Approval::kApprove).error().reason() == "OPERATION_NOT_AWAITING_APPROVAL");
  }
  SECTION("rejected, it is over") {
    REQUIRE(fx.core->Approve(fx.actor, id, Approval::kReject));
    CHECK(fx.StateName(id) == "CANCELLED");
    CHECK(fx.Reason(id) == "APPROVAL_REJECTED");
  }
  SECTION("forgotten, it is over too") {
    fx.Advance(31min);
    CHECK(fx.StateName(id) == "CANCELLED");
    CHECK(fx.Reason(id) == "APPROVAL_TIMEOUT");
  }
}

TEST_CASE("not_before delays the offer", "[engine][submit]") {
  EngineFixture fx;
  fx.Serve("a1", "c1");
  fx.Connect("a1");
  auto request = fx.Request();
  request.not_before_unix_ms = fx.clock.NowUnixMs() + 60'000;
  fx.Submit(request);
  fx.Advance(55s);
  CHECK(fx.Link("a1").offers.empty());
  fx.Advance(6s);
  CHECK(fx.Link("a1").offers.empty());  // its lease is over
  fx.Beat();
  CHECK(fx.Link("a1").offers.size() == 1);
}

TEST_CASE("a retry is a new operation with the first one's idempotency key", "[engine][submit]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  CHECK(fx.core->Retry(fx.actor, offer.operation_id, "again").error().reason() == "OPERATION_NOT_FINISHED");
  fx.Accept(offer);
  fx.Fail(offer, 1, EngineFixture::MakeError("PREREQUISITE_MISSING", ErrorClass::kPrecondition));

  const auto again = fx.core->Retry(fx.actor, offer.operation_id, "again");
  REQUIRE(again);
  fx.Settle();
  CHECK(again->id != offer.operation_id);
  CHECK(again->retry_of == offer.operation_id);
  CHECK(fx.LastOffer().operation_id == again->id);
  CHECK(fx.LastOffer().idempotency_key == offer.operation_id);
  CHECK(fx.core->Retry(fx.actor, "nothing", "").error().reason() == "OPERATION_UNKNOWN");
}

TEST_CASE("another tenant's operation does not exist", "[engine][submit]") {
  EngineFixture fx;
  const std::string id = fx.Submit(fx.Request());
  CHECK(fx.core->Cancel(Actor{"other", "eve", "r"}, id, "").error().reason() == "OPERATION_UNKNOWN");
  CHECK(fx.StateName(id) == "QUEUED");
}

TEST_CASE("who asked for what is in the audit log, once", "[engine][submit]") {
  EngineFixture fx;
  auto request = fx.Request();
  request.idempotency_key = "k1";
  request.fingerprint = "f1";
  request.parameters_json = R"({"password":"hidden"})";
  const std::string id = fx.Submit(request);
  fx.Submit(request);
  fx.Cancel(id);
  std::vector<meshplay::store::AuditRecord> rows;
  REQUIRE(fx.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
    MP_TRY(rows, reader.ListAudit({}));
    return {};
  }));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].action == "Operations.CreateOperation");
  CHECK(rows[1].action == "Operations.CancelOperation");
  for (const auto& row : rows) {
    CHECK(row.object == "operation/" + id);
    CHECK(row.principal == "alice");
    CHECK(row.detail_json.find("hidden") == std::string::npos);
  }
}
