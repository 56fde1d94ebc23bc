// The REST door over real services in one process: what a socket can do to it, and event streams.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <nlohmann/json.hpp>

#include "libs/http/client.h"
#include "server/rest/rest_door.h"
#include "tests/unit/services/fixture.h"

using namespace meshplay;
using meshplay::testing::Must;
using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 60s;

/// A raw client: what it sends and reads is up to the test.
class Wire {
 public:
  Wire(const std::string& address, int receive_buffer = 0) {
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  ~Wire() { ::close(descriptor_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// False when the peer takes no more.
  bool Send(const std::string& text) const {
    return ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  bool HasAnswer(std::chrono::milliseconds within) const {
    pollfd wait{descriptor_, POLLIN, 0};
    return ::poll(&wait, 1, static_cast<int>(within.count())) > 0;
  }
  /// Reads until `done(all)` or the peer closes (true) or patience ends (false).
  bool ReadUntil(const std::function<bool(const std::string&)>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done(text_)) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd wait{descriptor_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
      char piece[16'384];
      const auto size = ::recv(descriptor_, piece, sizeof piece, 0);
      if (size <= 0) {
        closed_ = true;
        return done(text_);
      }
      text_.append(piece, static_cast<std::size_t>(size));
    }
    return true;
  }
  bool ReadUntil(const std::string& part) {
    return ReadUntil([&part](const std::string& text) { return text.find(part) != std::string::npos; });
  }
  bool WaitForClose() {
    ReadUntil([](const std::string&) { return false; });
    return closed_;
  }
  const std::string& text() const { return text_; }
  std::size_t Count(const std::string& part) const {
    std::size_t count = 0;
    for (std::size_t at = text_.find(part); at != std::string::npos; at = text_.find(part, at + 1)) ++count;
    return count;
  }

 private:
  int descriptor_ = -1;
  std::string text_;
  bool closed_ = false;
};

struct DoorFixture : testing::ServicesFixture {
  explicit DoorFixture(const std::function<void(rest::RestOptions&)>& change = {}) {
    rest::RestOptions options;
    options.listen = "127.0.0.1:0";
    if (change) change(options);
    door = Must(rest::RestDoor::Start(api, options, "{}"));
  }
  std::string admin = Must(tokens.EnsureFirstToken())->Reveal();
  std::unique_ptr<rest::RestDoor> door;

  std::string Head(const std::string& line, const std::string& more = "") const {
    return line + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + admin + "\r\n" + more + "\r\n";
  }
  std::string Follow(const std::string& since, const std::string& more = "") const {
    return Head("GET /v1/events?kind=test.&since=" + since, "Accept: text/event-stream\r\n" + more);
  }
  std::string Now() {
    v1::ListEventsRequest request;
    return Call<v1::ListEventsResponse>("Events.ListEvents", request)->sync_token();
  }
};

/// A busy machine may be late now and then; a door that only looks from time to time is late at every try, since each
/// begins right after what it told last.
bool OneInTime(const std::function<void(int)>& attempt) {
  for (int number = 0; number < 30; ++number) {
    const auto before = std::chrono::steady_clock::now();
    attempt(number);
    if (std::chrono::steady_clock::now() - before < 250ms) return true;
  }
  return false;
}

std::string StatusLine(const Wire& wire) {
  return wire.text().substr(0, wire.text().find("\r\n"));
}

}  // namespace

TEST_CASE("requests on one connection are answered in order, pipelined ones too") {
  DoorFixture fx;
  Wire wire(fx.door->address());
  wire.Send(fx.Head("GET /version") + fx.Head("HEAD /v1/clusters") + fx.Head("GET /healthz", "Connection: close\r\n"));
  CHECK(wire.WaitForClose());
  CHECK(wire.Count("HTTP/1.1 200") == 3);
  CHECK(wire.text().find("\"status\":\"ok\"") != std::string::npos);
  CHECK(wire.text().find("\"clusters\"") == std::string::npos);  // HEAD has no body
}

TEST_CASE("what is no HTTP or too large is refused with its own problem, and the door goes on") {
  DoorFixture fx;
  const std::string long_text(20'000, 'a');
  std::string many;
  for (int i = 0; i < 120; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
      {"garbage\r\n\r\n", "HTTP/1.1 400", "HTTP_INVALID"},
      {"GET / HTTP/1.1\r\nbad header\r\n\r\n", "HTTP/1.1 400", "HTTP_INVALID"},
      {fx.Head("GET /v1/clusters", "X-Long: " + long_text + "\r\n"), "HTTP/1.1 431", "HEADERS_TOO_LARGE"},
      {fx.Head("GET /v1/clusters", many), "HTTP/1.1 431", "HEADERS_TOO_LARGE"},
      {fx.Head("GET /v1/clusters?filter=" + long_text.substr(0, 9'000)), "HTTP/1.1 414", "URL_TOO_LONG"},
      {fx.Head("GET /v1/clusters?filter=" + long_text), "HTTP/1.1 414", "URL_TOO_LONG"},
      {fx.Head("POST /v1/tokens", "Content-Type: application/json\r\nContent-Length: 1048577\r\n"), "HTTP/1.1 413",
       "BODY_TOO_LARGE"},
      {fx.Head("POST /v1/tokens", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n") + "110000\r\n" +
           std::string(0x110000, ' ') + "\r\n0\r\n\r\n",
       "HTTP/1.1 413", "BODY_TOO_LARGE"},
      {fx.Head("POST /v1/tokens", "Content-Length: 5\r\nContent-Length: 6\r\n"), "HTTP/1.1 400", "HTTP_INVALID"},
  };
  for (const auto& [request, status, reason] : cases) {
    CAPTURE(request.substr(0, 60), reason);
    Wire wire(fx.door->address());
    wire.Send(request);
    CHECK(wire.ReadUntil(reason));
    CHECK(StatusLine(wire).starts_with(status));
    CHECK(wire.text().find("X-Request-Id: ") != std::string::npos);
    CHECK(wire.text().find("\"remediation\":\"\"") == std::string::npos);
  }
  Wire wire(fx.door->address());
  wire.Send(fx.Head("GET /version"));
  CHECK(wire.ReadUntil("HTTP/1.1 200"));
}

TEST_CASE("a client that sends far more than it may reads its refusal, and one that never ends is cut") {
  DoorFixture fx([](rest::RestOptions& options) { options.max_drain_bytes = 12 * 1024 * 1024; });
  const std::string piece(1024 * 1024, ' ');
  {
    Wire wire(fx.door->address());
    wire.Send(fx.Head("POST /v1/tokens", "Content-Type: application/json\r\nContent-Length: 10485760\r\n"));
    for (int i = 0; i < 10; ++i) CHECK(wire.Send(piece));
    CHECK(wire.ReadUntil("BODY_TOO_LARGE"));
  }
  Wire endless(fx.door->address());
  endless.Send(fx.Head("POST /v1/tokens", "Content-Type: application/json\r\nContent-Length: 1073741824\r\n"));
  int sent = 0;
  while (sent < 1024 && endless.Send(piece)) ++sent;
  CHECK(sent < 64);
}

TEST_CASE("a client that waits for leave to send its body gets it") {
  DoorFixture fx;
  Wire wire(fx.door->address());
  const std::string body = R"({"name":"ci","roles":["viewer"]})";
  wire.Send(fx.Head("POST /v1/tokens", "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: " +
                                           std::to_string(body.size()) + "\r\n"));
  REQUIRE(wire.ReadUntil("HTTP/1.1 100"));
  wire.Send(body);
  CHECK(wire.ReadUntil("HTTP/1.1 201"));
}

TEST_CASE("a peer that says nothing, or half a request, is let go after the header time") {
  DoorFixture fx([](rest::RestOptions& options) { options.header_timeout = 200ms; });
  Wire silent(fx.door->address());
  Wire half(fx.door->address());
  half.Send("GET /v1/clus");
  CHECK(silent.WaitForClose());
  CHECK(half.WaitForClose());
}

TEST_CASE("connections above the limit are closed") {
  DoorFixture fx([](rest::RestOptions& options) { options.max_connections = 2; });
  Wire first(fx.door->address());
  Wire second(fx.door->address());
  for (Wire* wire : {&first, &second}) {
    wire->Send(fx.Head("GET /version"));
    CHECK(wire->ReadUntil("HTTP/1.1 200"));
  }
  Wire third(fx.door->address());
  CHECK(third.WaitForClose());
  CHECK(third.text().empty());
}

TEST_CASE("while every worker is busy, calls are 503 and health still answers") {
  DoorFixture fx([](rest::RestOptions& options) {
    options.workers = 1;
    options.worker_queue = 1;
  });
  fx.Connect();
  const std::string body =
      R"({"type":"istio.install","target":{"cluster":"kind-dev"},"parameters":{"version":"1.30.3"}})";
  const auto create = [&](const std::string& key) {
    return fx.Head("POST /v1/operations", "Content-Type: application/json\r\nPrefer: wait=20\r\nIdempotency-Key: " +
                                              key + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") +
           body;
  };
  // The engine's scheduler does not run here: each of these waits its whole time. Whichever of the others come after
  // the worker and the place in the queue are taken are refused.
  std::vector<std::unique_ptr<Wire>> calls;
  for (const char* key : {"a", "b", "c", "d"}) {
    calls.push_back(std::make_unique<Wire>(fx.door->address()));
    calls.back()->Send(create(key));
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  Wire* refused = nullptr;
  while (refused == nullptr && std::chrono::steady_clock::now() < deadline) {
    for (const auto& call : calls) {
      if (call->HasAnswer(5ms)) refused = call.get();
    }
  }
  REQUIRE(refused != nullptr);
  REQUIRE(refused->ReadUntil("OVERLOADED"));
  CHECK(StatusLine(*refused).starts_with("HTTP/1.1 503"));
  CHECK(refused->text().find("Retry-After: 1") != std::string::npos);
  Wire health(fx.door->address());
  health.Send(fx.Head("GET /healthz"));
  CHECK(health.ReadUntil("\"ok\""));
  fx.api.BeginStop();  // ends the waits
}

TEST_CASE("an event stream tells what is there at once, and what comes soon") {
  DoorFixture fx;
  fx.AddEvent("thing/1", "test.one");
  std::unique_ptr<Wire> first;
  CHECK(OneInTime([&](int) {
    first = std::make_unique<Wire>(fx.door->address());
    first->Send(fx.Head("GET /v1/events?kind=test.", "Accept: text/event-stream\r\n"));
    REQUIRE(first->ReadUntil("event: test.one"));
  }));
  Wire& wire = *first;
  CHECK(wire.text().find("Content-Type: text/event-stream") != std::string::npos);
  CHECK(OneInTime([&](int number) {
    const std::string kind = "test.two" + std::to_string(number);
    fx.AddEvent("thing/1", kind);
    REQUIRE(wire.ReadUntil("event: " + kind));
  }));
  fx.AddEvent("thing/1", "other.three");
  fx.AddEvent("thing/1", "test.four");
  REQUIRE(wire.ReadUntil("event: test.four"));
  CHECK(wire.text().find("other.three") == std::string::npos);
}

TEST_CASE("a stream resumes after Last-Event-ID without hole or duplicate, also over many pages") {
  DoorFixture fx;
  for (int i = 0; i < 1'700; ++i) fx.AddEvent("thing/" + std::to_string(i), "test.e");
  Wire whole(fx.door->address());
  whole.Send(fx.Head("GET /v1/events?kind=test.", "Accept: text/event-stream\r\n"));
  REQUIRE(whole.ReadUntil("\"subject\":\"thing/1699\""));
  CHECK(whole.Count("event: test.e\n") == 1'700);
  const std::size_t at = whole.text().find("\"subject\":\"thing/799\"");
  const std::size_t id = whole.text().rfind("id: ", at) + 4;
  const std::string last = whole.text().substr(id, whole.text().find('\n', id) - id);
  Wire rest(fx.door->address());
  rest.Send(fx.Head("GET /v1/events?kind=test.", "Accept: text/event-stream\r\nLast-Event-ID: " + last + "\r\n"));
  REQUIRE(rest.ReadUntil("\"subject\":\"thing/1699\""));
  CHECK(rest.Count("event: test.e\n") == 900);
  CHECK(rest.text().find("\"subject\":\"thing/799\"") == std::string::npos);
  CHECK(rest.text().find("\"subject\":\"thing/800\"") != std::string::npos);
}

TEST_CASE("a stream from another epoch or from the future is reset and ends") {
  DoorFixture fx;
  fx.AddEvent("thing/1");
  const std::string epoch = fx.Now().substr(0, fx.Now().find('.'));
  for (const std::string& since : {std::string("99.1"), epoch + ".999999"}) {
    CAPTURE(since);
    Wire wire(fx.door->address());
    wire.Send(fx.Follow(since));
    CHECK(wire.WaitForClose());
    CHECK(wire.Count("event: reset\n") == 1);
    CHECK(wire.text().find("\"newest\":\"" + epoch) != std::string::npos);
  }
  Wire wire(fx.door->address());
  wire.Send(fx.Follow("rubbish"));
  CHECK(wire.ReadUntil("SYNC_TOKEN_INVALID"));
  CHECK(StatusLine(wire).starts_with("HTTP/1.1 400"));
}

TEST_CASE("a quiet stream is pinged") {
  DoorFixture fx([](rest::RestOptions& options) { options.sse_ping = 100ms; });
  Wire wire(fx.door->address());
  wire.Send(fx.Follow(fx.Now()));
  CHECK(wire.ReadUntil(": ping\n\n"));
}

TEST_CASE("a reader that does not read is cut, and the others see everything") {
  DoorFixture fx([](rest::RestOptions& options) { options.max_subscriber_bytes = 128 * 1024; });
  Wire slow(fx.door->address(), 4'096);
  Wire quick(fx.door->address());
  slow.Send(fx.Follow(fx.Now()));
  quick.Send(fx.Follow(fx.Now()));
  REQUIRE(slow.ReadUntil("\r\n\r\n"));
  REQUIRE(quick.ReadUntil("\r\n\r\n"));
  const std::string subject = "thing/" + std::string(20'000, 'x') + "/";
  constexpr int kEvents = 600;  // 12 MB: more than any socket buffer holds
  for (int i = 0; i < kEvents; ++i) {
    fx.AddEvent(subject + std::to_string(i), "test.e");
    const std::string mark = "/" + std::to_string(i) + "\"";
    REQUIRE(quick.ReadUntil([&mark](const std::string& text) {
      return text.find(mark, text.size() > 1'000 ? text.size() - 1'000 : 0) != std::string::npos;
    }));
  }
  CHECK(quick.Count("event: test.e\n") == kEvents);
  CHECK(slow.WaitForClose());
  CHECK(slow.Count("event: test.e\n") < kEvents);
}

TEST_CASE("fifty readers get the same events") {
  DoorFixture fx;
  std::vector<std::unique_ptr<Wire>> wires;
  const std::string now = fx.Now();
  for (int i = 0; i < 50; ++i) {
    wires.push_back(std::make_unique<Wire>(fx.door->address()));
    wires.back()->Send(fx.Follow(now));
  }
  for (const auto& wire : wires) REQUIRE(wire->ReadUntil("\r\n\r\n"));
  for (int i = 0; i < 100; ++i) fx.AddEvent("thing/" + std::to_string(i), "test.e");
  for (const auto& wire : wires) {
    REQUIRE(wire->ReadUntil("\"subject\":\"thing/99\""));
    CHECK(wire->Count("event: test.e\n") == 100);
  }
}

TEST_CASE("a stream ends when its token is revoked, and only that stream") {
  DoorFixture fx;
  const auto made = Must(fx.tokens.Create(Must(fx.tokens.Verify(fx.admin)), "reader", {"viewer"}, 3'600s, "r"));
  const std::string now = fx.Now();
  Wire revoked(fx.door->address());
  revoked.Send("GET /v1/events?kind=test.&since=" + now + " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n" +
               "Authorization: Bearer " + made.token.Reveal() + "\r\n\r\n");
  Wire kept(fx.door->address());
  kept.Send(fx.Follow(now));
  REQUIRE(revoked.ReadUntil("\r\n\r\n"));
  REQUIRE(kept.ReadUntil("\r\n\r\n"));
  Must(fx.tokens.Revoke(Must(fx.tokens.Verify(fx.admin)), made.record.id, "r"));
  CHECK(revoked.WaitForClose());
  fx.AddEvent("thing/1", "test.after");
  CHECK(kept.ReadUntil("event: test.after"));
  CHECK(revoked.text().find("test.after") == std::string::npos);
}

TEST_CASE("Stop ends idle connections and event streams well within its bound") {
  DoorFixture fx;
  Wire idle(fx.door->address());
  idle.Send(fx.Head("GET /version"));
  REQUIRE(idle.ReadUntil("HTTP/1.1 200"));
  Wire stream(fx.door->address());
  stream.Send(fx.Follow(fx.Now()));
  REQUIRE(stream.ReadUntil("\r\n\r\n"));
  fx.api.BeginStop();
  const auto before = std::chrono::steady_clock::now();
  fx.door->Stop(120s);
  CHECK(std::chrono::steady_clock::now() - before < 60s);
  CHECK(idle.WaitForClose());
  CHECK(stream.WaitForClose());
}

TEST_CASE("an address that cannot be served is refused with a reason") {
  testing::ServicesFixture fx;
  const auto reason = [&fx](const std::function<void(rest::RestOptions&)>& change) {
    rest::RestOptions options;
    options.listen = "127.0.0.1:0";
    change(options);
    return testing::ReasonOf(rest::RestDoor::Start(fx.api, options, "{}"));
  };
  for (const char* address : {"nowhere", "127.0.0.1:", "127.0.0.1:80x", "127.0.0.1:65536", "host.example:1"}) {
    CAPTURE(address);
    CHECK(reason([&](rest::RestOptions& options) { options.listen = address; }) == "LISTEN_ADDRESS_INVALID");
  }
  CHECK(reason([](rest::RestOptions& options) { options.listen = "0.0.0.0:0"; }) == "PLAIN_HTTP_REFUSED");
  CHECK(reason([](rest::RestOptions& options) { options.key_path = "/nowhere"; }) == "TLS_MATERIAL_INVALID");
  DoorFixture other;
  CHECK(reason([&](rest::RestOptions& options) { options.listen = other.door->address(); }) == "LISTEN_FAILED");
}
