#include <catch2/catch.hpp>

#include "adapters/kube/internal/discovery.h"
#include "adapters/kube/internal/exec_channels.h"
#include "adapters/kube/internal/paths.h"
#include "adapters/kube/internal/watch_lines.h"

using namespace meshplay::kube;
using meshplay::ErrorCode;
using nlohmann::json;

namespace {

std::string Message(unsigned char channel, const std::string& data) {
  return std::string(1, static_cast<char>(channel)) + data;
}

const Gvk kConfigMap{"", "v1", "ConfigMap"};

}  // namespace

TEST_CASE("lines come out whole however the bytes arrive", "[kube]") {
  const std::string text = "one\n\ntwo\nthree\n";
  const std::size_t piece = GENERATE(range(1, 16));
  LineSplitter splitter(5);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const auto outcome = splitter.Feed(std::string_view(text).substr(at, piece), [&](std::string_view line) {
      lines.emplace_back(line);
      return true;
    });
    REQUIRE(outcome == LineSplitter::Outcome::kGoOn);
  }
  CHECK(lines == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("a line over the limit ends the stream before it fills the memory", "[kube]") {
  LineSplitter splitter(5);
  const auto take = [](std::string_view) { return true; };
  CHECK(splitter.Feed("abc", take) == LineSplitter::Outcome::kGoOn);
  CHECK(splitter.Feed("def", take) == LineSplitter::Outcome::kTooLong);
}

TEST_CASE("watch events become changes with their kind filled in", "[kube]") {
  std::vector<std::pair<ChangeKind, json>> got;
  const std::function<bool(const Change&)> handler = [&](const Change& change) {
    got.emplace_back(change.kind, change.object);
    return got.size() < 4;
  };
  WatchReader reader(kConfigMap, "1", handler);
  CHECK(reader.OnLine(R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"2"}}})"));
  CHECK(reader.OnLine(R"({"type":"BOOKMARK","object":{"kind":"ConfigMap","metadata":{"resourceVersion":"9"}}})"));
  CHECK(reader.outcome().last_resource_version == "9");
  CHECK(reader.OnLine(R"({"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"10"}}})"));
  CHECK_FALSE(reader.OnLine(R"({"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"11"}}})"));
  CHECK(reader.outcome().end == WatchEnd::kHandlerStopped);
  CHECK(reader.outcome().last_resource_version == "11");
  REQUIRE(got.size() == 4);
  CHECK(got[0].first == ChangeKind::kAdded);
  CHECK(GvkOf(got[0].second) == kConfigMap);
  CHECK(got[1].first == ChangeKind::kBookmark);
  CHECK(got[3].first == ChangeKind::kDeleted);
}

TEST_CASE("an expired watch is an outcome, other error events are errors", "[kube]") {
  const std::function<bool(const Change&)> handler = [](const Change&) { return true; };
  WatchReader expired(kConfigMap, "1", handler);
  CHECK_FALSE(expired.OnLine(R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}})"));
  CHECK(expired.outcome().end == WatchEnd::kExpired);
  CHECK_FALSE(expired.error());

  WatchReader broken(kConfigMap, "1", handler);
  CHECK_FALSE(broken.OnLine(R"({"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}})"));
  REQUIRE(broken.error());
  CHECK(broken.error()->reason() == "TARGET_SERVER_ERROR");

  for (const char* line : {"not json", R"({"type":"NEW","object":{}})", R"({"type":"ADDED","object":7})", "[]"}) {
    WatchReader senseless(kConfigMap, "1", handler);
    CHECK_FALSE(senseless.OnLine(line));
    REQUIRE(senseless.error());
    CHECK(senseless.error()->reason() == "TARGET_ANSWER_INVALID");
  }
}

TEST_CASE("an exec's output and exit code are collected", "[kube]") {
  ExecReader reader(100);
  REQUIRE(reader.OnMessage(Message(1, "out")));
  REQUIRE(reader.OnMessage(Message(2, "err")));
  REQUIRE(reader.OnMessage(Message(1, "put")));
  REQUIRE(reader.OnMessage(Message(255, "\x01")));
  REQUIRE(reader.OnMessage(""));
  CHECK_FALSE(reader.done());

  SECTION("success") {
    REQUIRE(reader.OnMessage(Message(3, R"({"status":"Success"})")));
    CHECK(reader.Finish()->exit_code == 0);
  }
  SECTION("another code") {
    REQUIRE(reader.OnMessage(Message(3, R"({"status":"Failure","reason":"NonZeroExitCode",
      "details":{"causes":[{"reason":"ExitCode","message":"42"}]}})")));
    CHECK(reader.Finish()->exit_code == 42);
  }
  CHECK(reader.Finish()->stdout_text == "output");
  CHECK(reader.Finish()->stderr_text == "err");
}

TEST_CASE("an exec that did not start, printed too much or was cut is an error", "[kube]") {
  ExecReader reader(10);
  const auto failed =
      reader.OnMessage(Message(3, R"({"status":"Failure","reason":"InternalError","message":"no such file"})"));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().reason() == "EXEC_FAILED");

  REQUIRE(reader.OnMessage(Message(1, "1234567890")));
  const auto large = reader.OnMessage(Message(2, "x"));
  REQUIRE_FALSE(large);
  CHECK(large.error().reason() == "EXEC_OUTPUT_TOO_LARGE");

  const auto cut = reader.Finish();
  REQUIRE_FALSE(cut);
  CHECK(cut.error().reason() == "TARGET_UNREACHABLE");
}

TEST_CASE("aggregated discovery keeps order, marks the preferred version and leaves dead groups out", "[kube]") {
  const json document = json::parse(R"({"kind":"APIGroupDiscoveryList","items":[
    {"metadata":{"name":"apps"},"versions":[
      {"version":"v1","freshness":"Current","resources":[
        {"resource":"deployments","responseKind":{"kind":"Deployment"},"scope":"Namespaced","verbs":["get","list"],
         "subresources":[{"subresource":"scale"}]},
        {"resource":"broken"},7]},
      {"version":"v1beta1","resources":[{"resource":"deployments","responseKind":{"kind":"Deployment"},
        "scope":"Namespaced","verbs":["get"]}]}]},
    {"metadata":{"name":"metrics.k8s.io"},"versions":[{"version":"v1beta1","freshness":"Stale"}]}]})");
  ServedResources served;
  ReadAggregated(document, served);
  REQUIRE(served.types.size() == 2);
  CHECK(served.types[0].gvk == Gvk{"apps", "v1", "Deployment"});
  CHECK(served.types[0].plural == "deployments");
  CHECK(served.types[0].namespaced);
  CHECK(served.types[0].preferred_version);
  CHECK(served.types[0].Can("list"));
  CHECK_FALSE(served.types[0].Can("delete"));
  CHECK_FALSE(served.types[1].preferred_version);
  CHECK(served.stale_groups == std::vector<std::string>{"metrics.k8s.io/v1beta1"});
}

TEST_CASE("the old discovery form is read without subresources", "[kube]") {
  const json document = json::parse(R"({"kind":"APIResourceList","groupVersion":"v1","resources":[
    {"name":"pods","kind":"Pod","namespaced":true,"verbs":["get"]},{"name":"pods/exec","kind":"PodExecOptions"},
    {"name":"nodes","kind":"Node","namespaced":false,"verbs":["get"]}]})");
  ServedResources served;
  ReadResourceList(document, true, served);
  REQUIRE(served.types.size() == 2);
  CHECK(served.types[0].gvk == Gvk{"", "v1", "Pod"});
  CHECK(served.types[1].plural == "nodes");
  CHECK_FALSE(served.types[1].namespaced);
}

TEST_CASE("paths follow the API's rules and nothing escapes its segment", "[kube]") {
  const ResourceType deployments{{"apps", "v1", "Deployment"}, "deployments", true, {}, true};
  const ResourceType nodes{{"", "v1", "Node"}, "nodes", false, {}, true};
  CHECK(ResourcePath(deployments, "shop") == "/apis/apps/v1/namespaces/shop/deployments");
  CHECK(ResourcePath(deployments, "") == "/apis/apps/v1/deployments");
  CHECK(ResourcePath(nodes, "shop") == "/api/v1/nodes");
  CHECK(ResourcePath(deployments, "a/b?") == "/apis/apps/v1/namespaces/a%2Fb%3F/deployments");
  CHECK(Query({{"a", "x=1,y"}, {"empty", ""}, {"b", "2"}}) == "?a=x%3D1%2Cy&b=2");
  CHECK(Query({}).empty());
  for (const char* bad : {"", ".", "..", "a/b", "a%2fb"}) CHECK_FALSE(CheckPathName(bad));
  CHECK_FALSE(CheckPathName(std::string(254, 'a')));
  CHECK(CheckPathName("system:node.a"));
}
