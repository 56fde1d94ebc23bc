#include <future>

#include "tests/unit/services/fixture.h"

using meshplay::testing::Must;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace v1 = meshplay::v1;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<meshplay::services::Api::EventCursor> Open(ServicesFixture& fx, const std::string& since,
                                                           const std::string& subject = "") {
  v1::WatchEventsRequest request;
  request.set_since(since);
  request.set_subject(subject);
  return Must(fx.api.OpenEvents(ServicesFixture::As("viewer"), request));
}

meshplay::Result<v1::ListEventsResponse> List(ServicesFixture& fx, const std::string& since, int size = 0) {
  v1::ListEventsRequest request;
  request.set_since(since);
  request.set_page_size(size);
  return fx.Call<v1::ListEventsResponse>("Events.ListEvents", request);
}

}  // namespace

TEST_CASE("the event list goes on from its own sync token without hole or repeat", "[services][events]") {
  ServicesFixture fx;
  for (int i = 0; i < 7; ++i) fx.AddEvent("mesh/" + std::to_string(i));
  std::string since;
  std::vector<std::string> subjects;
  for (int page = 0; page < 4; ++page) {
    const auto answer = Must(List(fx, since, 3));
    for (const auto& event : answer.events()) subjects.push_back(event.subject());
    since = answer.sync_token();
  }
  REQUIRE(subjects.size() == 7);
  for (int i = 0; i < 7; ++i) CHECK(subjects[static_cast<std::size_t>(i)] == "mesh/" + std::to_string(i));
  CHECK(Must(List(fx, since)).events_size() == 0);
}

TEST_CASE("sync tokens that cannot be served are refused", "[services][events]") {
  ServicesFixture fx;
  fx.AddEvent("mesh/1");
  const std::string here = Must(List(fx, "")).sync_token();
  const std::string epoch = here.substr(0, here.find('.'));
  for (const char* bad : {"x", "1", ".", "1.x", "-1.1", "1.1.1"})
    CHECK(ReasonOf(List(fx, bad)) == "SYNC_TOKEN_INVALID");
  CHECK(ReasonOf(List(fx, epoch + ".999")) == "SYNC_TOKEN_EXPIRED");
  CHECK(ReasonOf(List(fx, "987654.1")) == "SYNC_TOKEN_EXPIRED");
  CHECK(ReasonOf(List(fx, here, -1)) == "PAGE_SIZE_INVALID");
}

TEST_CASE("a cursor gives what is there, then what comes", "[services][events]") {
  ServicesFixture fx;
  fx.AddEvent("mesh/1");
  const auto cursor = Open(fx, "");
  const auto first = Must(cursor->Next(0ms));
  REQUIRE(first.events_size() == 1);
  CHECK(first.events(0).id() == cursor->position());
  CHECK(Must(cursor->Next(0ms)).events_size() == 0);

  auto waiting = std::async(std::launch::async, [&cursor] { return cursor->Next(20s); });
  fx.AddEvent("mesh/2");
  const auto second = Must(waiting.get());
  REQUIRE(second.events_size() == 1);
  CHECK(second.events(0).subject() == "mesh/2");
}

TEST_CASE("a cursor reads in pages of 500", "[services][events]") {
  ServicesFixture fx;
  for (int i = 0; i < 501; ++i) fx.AddEvent("mesh/1");
  const auto cursor = Open(fx, "");
  CHECK(Must(cursor->Next(0ms)).events_size() == 500);
  CHECK(Must(cursor->Next(0ms)).events_size() == 1);
}

TEST_CASE("silence under a filter gives a bookmark once, then nothing", "[services][events]") {
  ServicesFixture fx;
  fx.AddEvent("mesh/1");
  const auto cursor = Open(fx, "", "operation/");
  fx.AddEvent("mesh/2");
  const auto frame = Must(cursor->Next(1ms));
  CHECK(frame.events_size() == 0);
  REQUIRE_FALSE(frame.bookmark().empty());
  CHECK(frame.bookmark() == cursor->position());
  CHECK(Must(cursor->Next(1ms)).bookmark().empty());

  const auto resumed = Open(fx, frame.bookmark(), "");
  CHECK(Must(resumed->Next(0ms)).events_size() == 0);
}

TEST_CASE("a token of another epoch, from the future or too old gives a reset", "[services][events]") {
  ServicesFixture fx;
  fx.AddEvent("mesh/1");
  const std::string here = Open(fx, "")->position();
  const std::string epoch = here.substr(0, here.find('.'));
  const auto reason = [&fx](const std::string& since) {
    const auto frame = Must(Open(fx, since)->Next(0ms));
    CHECK(frame.has_reset() == (frame.events_size() == 0));
    return frame.has_reset() ? frame.reset().reason() : std::string();
  };
  CHECK(reason("987654.1") == "EPOCH_CHANGED");
  CHECK(reason(epoch + ".999") == "FROM_THE_FUTURE");

  for (int i = 0; i < 5; ++i) fx.AddEvent("mesh/1");
  fx.clock.Advance(1h);
  Must(fx.store->Write([&fx](meshplay::store::Transaction& unit) -> meshplay::Status {
    MP_TRY([[maybe_unused]] const auto gone, unit.DeleteExpired(fx.clock.NowUnixMs(), 0, 0, 0, 3));
    return {};
  }));
  CHECK(reason(epoch + ".1") == "TOO_OLD");
  CHECK(reason(epoch + ".3").empty());

  v1::WatchEventsRequest request;
  request.set_since("nonsense");
  CHECK(ReasonOf(fx.api.OpenEvents(ServicesFixture::As("viewer"), request)) == "SYNC_TOKEN_INVALID");
  CHECK(ReasonOf(fx.api.OpenEvents(ServicesFixture::As("platform-admin"), request)) == "PERMISSION_DENIED");
}

TEST_CASE("a cursor ends with the token of its reader and with the server", "[services][events]") {
  ServicesFixture fx;
  const auto first = Must(fx.tokens.EnsureFirstToken());
  const auto made = Must(fx.tokens.Create(Must(fx.tokens.Verify(first->Reveal())), "ci", {"viewer"}, 60s, "r"));
  meshplay::services::CallContext context;
  context.caller = Must(fx.tokens.Verify(made.token.Reveal()));
  const auto expiring = Must(fx.api.OpenEvents(context, v1::WatchEventsRequest()));
  CHECK(ReasonOf(expiring->Next(0ms)) == "OK");
  fx.clock.Advance(60s);
  CHECK(ReasonOf(expiring->Next(0ms)) == "TOKEN_EXPIRED");

  context.caller.expires_unix_ms = 0;
  const auto revoked = Must(fx.api.OpenEvents(context, v1::WatchEventsRequest()));
  Must(fx.tokens.Revoke(Must(fx.tokens.Verify(first->Reveal())), made.record.id, "r"));
  CHECK(ReasonOf(revoked->Next(0ms)) == "TOKEN_INVALID");

  const auto stopped = Open(fx, "");
  fx.store->Stop();
  CHECK(ReasonOf(stopped->Next(20s)) == "STOPPING");
}

TEST_CASE("the audit log is a chain that pages in order", "[services][events]") {
  ServicesFixture fx;
  for (int i = 0; i < 5; ++i) {
    v1::CreateSecretRequest secret;
    secret.set_name("s" + std::to_string(i));
    (*secret.mutable_data())["k"] = "hunter2";
    Must(fx.Call<v1::SecretName>("Secrets.CreateSecret", secret));
  }
  v1::ListAuditRequest request;
  request.set_page_size(2);
  std::vector<v1::AuditEntry> entries;
  for (int page = 0; page < 3; ++page) {
    const auto answer =
        Must(fx.Call<v1::ListAuditResponse>("Events.ListAudit", request, ServicesFixture::As("auditor")));
    entries.insert(entries.end(), answer.entries().begin(), answer.entries().end());
    request.set_page_token(answer.next_page_token());
  }
  REQUIRE(entries.size() == 5);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    CHECK(entries[i].object() == "secret/s" + std::to_string(i));
    CHECK(entries[i].hash().size() == 64);
    CHECK(entries[i].detail_json().find("hunter2") == std::string::npos);
    if (i > 0) CHECK(entries[i].hash() != entries[i - 1].hash());
  }
}
