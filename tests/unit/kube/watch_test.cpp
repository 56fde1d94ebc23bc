#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>

#include "adapters/kube/fence.h"
#include "adapters/kube/reflector.h"
#include "tests/unit/kube/fake_api.h"

using namespace meshplay::kube;
using namespace meshplay::testing;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string kWatchMaps = std::string("GET ") + kMapsPath;
const std::string kLease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/meshplay-istio";

std::string Event(const char* type, const json& object) {
  return json{{"type", type}, {"object", object}}.dump() + "\n";
}

// Sends the events and ends the watch, or keeps it open.
Script Watching(std::vector<std::string> events, bool keep_open = false) {
  Script script;
  script.instead = [events, keep_open](Wire& wire) {
    wire.BeginChunked(200);
    for (const std::string& event : events) wire.Chunk(event);
    if (keep_open) {
      wire.WaitForPeerToClose();
    } else {
      wire.EndChunked();
    }
  };
  return script;
}

Script Listing(const std::string& resource_version, std::vector<json> items) {
  return {200, {{"metadata", {{"resourceVersion", resource_version}}}, {"items", items}}};
}

const auto kExpired = Event("ERROR", StatusBody(410, "Expired"));

// What a reflector told, in short words.
class Heard {
 public:
  ReflectorHandlers Handlers() {
    ReflectorHandlers handlers;
    handlers.replaced = [this](const std::vector<json>& objects) { Add("list " + std::to_string(objects.size())); };
    handlers.changed = [this](ChangeKind kind, const json& object) {
      Add((kind == ChangeKind::kDeleted ? "gone " : "set ") + NameOf(object));
    };
    handlers.failed = [this](const meshplay::Error& error, std::chrono::milliseconds) { Add(error.reason()); };
    return handlers;
  }
  bool WaitFor(const std::vector<std::string>& words) {
    std::unique_lock lock(mutex_);
    const bool same = changed_.wait_for(lock, 60s, [&] { return words_.size() >= words.size(); });
    CHECK(words_ == words);
    return same;
  }

 private:
  void Add(const std::string& word) {
    const std::lock_guard lock(mutex_);
    words_.push_back(word);
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> words_;
};

ReflectorOptions Quick() {
  ReflectorOptions options;
  options.selection.name_space = "shop";
  options.backoff_base = 2ms;
  options.backoff_cap = 5ms;
  return options;
}

}  // namespace

TEST_CASE("a watch delivers changes and says where it ended", "[kube]") {
  FakeApi api;
  api.On(kWatchMaps, {Watching({Event("ADDED", ConfigMap("a", "5")), Event("DELETED", ConfigMap("a", "6"))})});
  std::vector<std::string> names;
  const auto outcome =
      api.Client()->Watch(kConfigMapKind, {"shop"}, {.resource_version = "4"}, [&](const Change& change) {
        names.push_back(NameOf(change.object));
        return true;
      });
  REQUIRE(outcome);
  CHECK(outcome->end == WatchEnd::kServerClosed);
  CHECK(outcome->last_resource_version == "6");
  CHECK(names.size() == 2);
  CHECK(api.Seen(kWatchMaps).back().target ==
        std::string(kMapsPath) + "?watch=1&resourceVersion=4&allowWatchBookmarks=true&timeoutSeconds=300");
}

TEST_CASE("a watch that is too old expires, as an event or as an answer", "[kube]") {
  FakeApi api;
  api.On(kWatchMaps, {Watching({kExpired}), {410, StatusBody(410, "Expired")}});
  const auto client = api.Client();
  for (int i = 0; i < 2; ++i) {
    const auto outcome =
        client->Watch(kConfigMapKind, {"shop"}, {.resource_version = "1"}, [](const Change&) { return true; });
    REQUIRE(outcome);
    CHECK(outcome->end == WatchEnd::kExpired);
  }
}

TEST_CASE("a watch event over the limit is an error", "[kube]") {
  FakeApi api;
  json large = ConfigMap("a");
  large["data"] = {{"k", std::string(3'000, 'x')}};
  api.On(kWatchMaps, {Watching({Event("ADDED", large)})});
  ClientOptions options = FakeApi::QuickRetries();
  options.max_watch_event_bytes = 2'000;
  const auto outcome = api.Client(options)->Watch(kConfigMapKind, {"shop"}, {}, [](const Change&) { return true; });
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().reason() == "TARGET_ANSWER_TOO_LARGE");
}

TEST_CASE("a stop ends a silent watch", "[kube]") {
  FakeApi api;
  api.On(kWatchMaps, {Watching({}, true)});
  const auto client = api.Client();
  std::stop_source source;
  auto watch = std::async(std::launch::async, [&] {
    return client->Watch(kConfigMapKind, {"shop"}, {}, [](const Change&) { return true; }, {source.get_token()});
  });
  REQUIRE(api.server().WaitForRequests(3));
  source.request_stop();
  REQUIRE(watch.wait_for(60s) == std::future_status::ready);
  CHECK(watch.get().error().reason() == "CANCELLED");
}

TEST_CASE("a reflector lists, watches, resumes after a cut and lists again after 410", "[kube]") {
  FakeApi api;
  Script cut;
  cut.instead = [](Wire& wire) {
    wire.BeginChunked(200);
    wire.Chunk(Event("MODIFIED", ConfigMap("a", "11")));
    wire.Cut();
  };
  api.On(kWatchMaps, {Listing("10", {ConfigMap("a")}), cut, Watching({Event("DELETED", ConfigMap("a", "12"))}),
                      Watching({kExpired}), Listing("20", {}), Watching({}, true)});
  const auto client = api.Client();
  Heard heard;
  {
    Reflector reflector(*client, kConfigMapKind, heard.Handlers(), Quick());
    CHECK(heard.WaitFor({"list 1", "set a", "gone a", "list 0"}));
    CHECK(api.server().WaitForRequests(8));
    reflector.Stop();
    reflector.Stop();
  }
  const auto seen = api.Seen(kWatchMaps);
  CHECK(seen[2].target.find("resourceVersion=11&") != std::string::npos);
  CHECK(seen[3].target.find("resourceVersion=12&") != std::string::npos);
  CHECK(seen[5].target.find("resourceVersion=20&") != std::string::npos);
}

TEST_CASE("a reflector tells failures and goes on", "[kube]") {
  FakeApi api;
  api.On(kWatchMaps, {{403, StatusBody(403, "Forbidden", "User \"x\" cannot list")},
                      Listing("1", {}),
                      {403, StatusBody(403, "Forbidden", "User \"x\" cannot watch")},
                      Watching({Event("ADDED", ConfigMap("b", "2"))}, true)});
  const auto client = api.Client();
  Heard heard;
  Reflector reflector(*client, kConfigMapKind, heard.Handlers(), Quick());
  CHECK(heard.WaitFor({"TARGET_FORBIDDEN", "list 0", "TARGET_FORBIDDEN", "set b"}));
}

TEST_CASE("delete and wait follows one incarnation to its end", "[kube]") {
  FakeApi api;
  json ending = ConfigMap("a", "5");
  ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  ending["metadata"]["finalizers"] = {"x.io/hold"};
  api.On(std::string("DELETE ") + kMapPath, {{200, ending}});
  api.On(std::string("GET ") + kMapPath, {{200, ConfigMap("a")}, {200, ending}});
  api.On(kWatchMaps, {Watching({Event("DELETED", ending)})});
  CHECK(api.Client()->DeleteAndWait(kMap, {}, 60s));
  CHECK(json::parse(api.Seen(std::string("DELETE ") + kMapPath)[0].body)["preconditions"]["uid"] == "uid-a");

  api.On(std::string("GET ") + kMapPath, {{200, ConfigMap("a")}, {200, ending}});
  api.On(kWatchMaps, {Watching({})});
  const auto held = api.Client()->DeleteAndWait(kMap, {}, 2s);
  REQUIRE_FALSE(held);
  CHECK(held.error().reason() == "OBJECT_NOT_GONE_IN_TIME");
  CHECK(held.error().metadata().at("finalizers") == "x.io/hold");

  json reborn = ConfigMap("a", "9");
  reborn["metadata"]["uid"] = "another";
  api.On(std::string("GET ") + kMapPath, {{200, ConfigMap("a")}, {200, reborn}});
  CHECK(api.Client()->DeleteAndWait(kMap, {}, 60s));
}

TEST_CASE("a fence is raised by compare-and-swap and a higher one refuses", "[kube]") {
  FakeApi api;
  json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                {"kind", "Lease"},
                {"metadata",
                 {{"name", "meshplay-istio"},
                  {"namespace", "kube-system"},
                  {"resourceVersion", "3"},
                  {"annotations", {{kFenceAnnotation, "7"}}}}}};
  const FenceClaim claim{"istio", 8, "adapter-1"};

  SECTION("raised, after a lost race") {
    api.On("GET " + kLease, {{200, lease}});
    api.On("PUT " + kLease, {{409, StatusBody(409, "Conflict")}, {200, lease}});
    CHECK(RaiseFence(*api.Client(), claim).value() == 7);
    const json body = json::parse(api.Seen("PUT " + kLease)[0].body);
    CHECK(AnnotationOf(body, kFenceAnnotation) == "8");
    CHECK(ResourceVersionOf(body) == "3");
    CHECK(body["spec"]["holderIdentity"] == "adapter-1");
  }
  SECTION("the same number again") {
    lease["metadata"]["annotations"][kFenceAnnotation] = "8";
    api.On("GET " + kLease, {{200, lease}});
    CHECK(RaiseFence(*api.Client(), claim).value() == 8);
    CHECK(api.Seen("PUT " + kLease).empty());
  }
  SECTION("fenced") {
    lease["metadata"]["annotations"][kFenceAnnotation] = "9";
    api.On("GET " + kLease, {{200, lease}});
    const auto raised = RaiseFence(*api.Client(), claim);
    REQUIRE_FALSE(raised);
    CHECK(raised.error().reason() == "FENCED");
    CHECK(raised.error().metadata().at("seen") == "9");
    CHECK(ReadFence(*api.Client(), "istio").value() == 9);
  }
  SECTION("first of all") {
    api.On("GET " + kLease, {{404, StatusBody(404, "NotFound", "", {{"name", "meshplay-istio"}})}});
    const std::string post = "POST /apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
    api.On(post, {{201, lease}});
    CHECK(RaiseFence(*api.Client(), claim).value() == 0);
    CHECK(NameOf(json::parse(api.Seen(post)[0].body)) == "meshplay-istio");
    CHECK(ReadFence(*api.Client(), "istio").value() == 0);
  }
  SECTION("no number") {
    lease["metadata"]["annotations"][kFenceAnnotation] =
        GENERATE(as<std::string>{}, "", "x", "-1", "7 ", "99999999999999999999");
    api.On("GET " + kLease, {{200, lease}});
    CHECK(RaiseFence(*api.Client(), claim).error().reason() == "FENCE_UNREADABLE");
    CHECK(ReadFence(*api.Client(), "istio").error().reason() == "FENCE_UNREADABLE");
  }
}
