#include "adapters/kube/client.h"

#include <catch2/catch.hpp>
#include <future>

#include "tests/unit/kube/fake_api.h"

using namespace meshplay::kube;
using namespace meshplay::testing;
using namespace std::chrono_literals;
using meshplay::ErrorCode;
using nlohmann::json;

namespace {

const std::string kGetMap = std::string("GET ") + kMapPath;
const std::string kListMaps = std::string("GET ") + kMapsPath;
const std::string kPatchMap = std::string("PATCH ") + kMapPath;
const std::string kPostMaps = std::string("POST ") + kMapsPath;
const std::string kDeleteMap = std::string("DELETE ") + kMapPath;

Script NotThere() {
  return {404, StatusBody(404, "NotFound", "gone", {{"name", "a"}, {"kind", "configmaps"}})};
}

}  // namespace

TEST_CASE("get sends our identity and returns the object", "[kube]") {
  FakeApi api;
  api.On(kGetMap, {{200, ConfigMap("a")}});
  const auto client = api.Client();

  const auto object = client->Get(kMap);

  REQUIRE(object);
  CHECK(NameOf(*object) == "a");
  CHECK(api.Seen(kGetMap).at(0).headers.at("authorization") == "Bearer t0ken");
  REQUIRE(client->Get(kMap));
  CHECK(api.Seen("GET /apis").size() == 1);
}

TEST_CASE("absence is an error of Get and a value of Find", "[kube]") {
  FakeApi api;
  api.On(kGetMap, {NotThere()});
  const auto client = api.Client();
  CHECK(client->Get(kMap).error().reason() == "OBJECT_NOT_FOUND");
  CHECK_FALSE(client->Find(kMap).value());
  CHECK_FALSE(client->Find({{"x.io", "v1", "Thing"}, "", "a"}).value());
}

TEST_CASE("a kind that appears later is found by asking again", "[kube]") {
  FakeApi api;
  const auto client = api.Client();
  const Gvk thing{"x.io", "v1", "Thing"};
  CHECK(client->Resolve(thing).error().reason() == "KIND_UNKNOWN");
  CHECK_FALSE(client->FindKind("x.io", "Thing").value());

  api.On("GET /apis", {{200, json::parse(R"({"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"x.io"},
    "versions":[{"version":"v1","resources":[{"resource":"things","responseKind":{"kind":"Thing"},
    "scope":"Cluster","verbs":["get"]}]}]}]})")}});
  const auto type = client->Resolve(thing);
  REQUIRE(type);
  CHECK(type->plural == "things");
  CHECK(client->FindKind("x.io", "Thing").value()->gvk == thing);
}

TEST_CASE("a server without aggregated discovery is asked group by group", "[kube]") {
  FakeApi api;
  api.On("GET /api", {{200, {{"kind", "APIVersions"}, {"versions", {"v1"}}}}});
  api.On("GET /api/v1", {{200, json::parse(R"({"groupVersion":"v1","resources":[
    {"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["get"]}]})")}});
  api.On("GET /apis", {{200, json::parse(R"({"kind":"APIGroupList","groups":[
    {"name":"apps","versions":[{"version":"v1beta1"},{"version":"v1"}],"preferredVersion":{"version":"v1"}},
    {"name":"dead.io","versions":[{"version":"v1"}],"preferredVersion":{"version":"v1"}}]})")}});
  for (const char* version : {"v1", "v1beta1"}) {
    api.On(std::string("GET /apis/apps/") + version,
           {{200,
             {{"groupVersion", std::string("apps/") + version},
              {"resources", {{{"name", "deployments"}, {"kind", "Deployment"}, {"namespaced", true}}}}}}});
  }
  api.On("GET /apis/dead.io/v1", {{503, StatusBody(503, "ServiceUnavailable")}});
  const auto client = api.Client();

  CHECK(client->ResourceTypes().value().size() == 3);
  CHECK(client->FindKind("apps", "Deployment").value()->gvk.version == "v1");
  CHECK(client->StaleGroups().value() == std::vector<std::string>{"dead.io/v1"});
}

TEST_CASE("a list is fetched in pages and each item knows its kind", "[kube]") {
  FakeApi api;
  json first = {{"metadata", {{"resourceVersion", "10"}, {"continue", "t/1"}}},
                {"items", {{{"metadata", {{"name", "a"}}}}}}};
  json second = {{"metadata", {{"resourceVersion", "10"}}}, {"items", {{{"metadata", {{"name", "b"}}}}}}};
  api.On(kListMaps, {{200, first}, {200, second}});

  const auto list = api.Client()->List(kConfigMapKind, {"shop", "app=x,tier!=y", ""});

  REQUIRE(list);
  REQUIRE(list->items.size() == 2);
  CHECK(GvkOf(list->items[1]) == kConfigMapKind);
  CHECK(list->resource_version == "10");
  CHECK(api.Seen(kListMaps)[0].target == std::string(kMapsPath) + "?labelSelector=app%3Dx%2Ctier%21%3Dy&limit=500");
  CHECK(api.Seen(kListMaps)[1].target.find("continue=t%2F1") != std::string::npos);
}

TEST_CASE("a page token that expires starts the list over in one piece", "[kube]") {
  FakeApi api;
  json page = {{"metadata", {{"resourceVersion", "10"}, {"continue", "t"}}},
               {"items", {{{"metadata", {{"name", "old"}}}}}}};
  json whole = {{"metadata", {{"resourceVersion", "20"}}}, {"items", {{{"metadata", {{"name", "new"}}}}}}};
  api.On(kListMaps, {{200, page}, {410, StatusBody(410, "Expired")}, {200, whole}});

  const auto list = api.Client()->List(kConfigMapKind, {"shop"});

  REQUIRE(list);
  REQUIRE(list->items.size() == 1);
  CHECK(NameOf(list->items[0]) == "new");
  CHECK(api.Seen(kListMaps)[2].target == kMapsPath);
}

TEST_CASE("apply is strict, names its manager and tells what is new", "[kube]") {
  FakeApi api;
  api.On(kPatchMap, {{201, ConfigMap("a")}, {200, ConfigMap("a")}});
  const auto client = api.Client();

  const auto made = client->Apply(ConfigMap("a"), {.field_manager = "meshplay-istio"});
  const auto same = client->Apply(ConfigMap("a"), {.field_manager = "meshplay-istio", .force = true, .dry_run = true});

  REQUIRE(made);
  REQUIRE(same);
  CHECK(made->created);
  CHECK_FALSE(same->created);
  const auto seen = api.Seen(kPatchMap);
  CHECK(seen[0].target == std::string(kMapPath) + "?fieldManager=meshplay-istio&fieldValidation=Strict&force=false");
  CHECK(seen[1].target ==
        std::string(kMapPath) + "?fieldManager=meshplay-istio&fieldValidation=Strict&force=true&dryRun=All");
  CHECK(seen[0].headers.at("content-type") == "application/apply-patch+yaml");
  CHECK_FALSE(client->Apply(ConfigMap("a"), {}));
  CHECK(client->Apply(json::object(), {.field_manager = "x"}).error().reason() == "OBJECT_INVALID");
}

TEST_CASE("an apply is sent again after 429, 5xx, a cut connection", "[kube]") {
  FakeApi api;
  api.On(kPatchMap, {{429, StatusBody(429, "TooManyRequests")},
                     {503, StatusBody(503, "ServiceUnavailable")},
                     {0, {}, {}, Cut},
                     {200, ConfigMap("a")}});
  const auto written = api.Client()->Apply(ConfigMap("a"), {.field_manager = "m"});
  REQUIRE(written);
  CHECK(api.Seen(kPatchMap).size() == 4);
}

TEST_CASE("attempts end at their number", "[kube]") {
  FakeApi api;
  api.On(kGetMap, {{503, StatusBody(503, "ServiceUnavailable")}});
  const auto object = api.Client()->Get(kMap);
  REQUIRE_FALSE(object);
  CHECK(object.error().reason() == "TARGET_SERVER_ERROR");
  CHECK(api.Seen(kGetMap).size() == 4);
}

TEST_CASE("a create whose answer got lost is not sent again, one that was throttled is", "[kube]") {
  FakeApi api;
  api.On(kPostMaps, {{429, StatusBody(429, "TooManyRequests")}, {0, {}, {}, Cut}, {201, ConfigMap("a")}});
  const auto made = api.Client()->Create(ConfigMap("a"));
  REQUIRE_FALSE(made);
  CHECK(made.error().reason() == "TARGET_UNREACHABLE");
  CHECK(made.error().metadata().at("request_sent") == "yes");
  CHECK(api.Seen(kPostMaps).size() == 2);
}

TEST_CASE("an update is sent again only with a resource version", "[kube]") {
  FakeApi api;
  const std::string put = std::string("PUT ") + kMapPath;
  api.On(put, {{0, {}, {}, Cut}, {200, ConfigMap("a")}});
  CHECK(api.Client()->Update(ConfigMap("a")));

  api.On(put, {{0, {}, {}, Cut}, {200, ConfigMap("a")}});
  json blind = ConfigMap("a");
  blind["metadata"].erase("resourceVersion");
  CHECK(api.Client()->Update(blind).error().reason() == "TARGET_UNREACHABLE");
}

TEST_CASE("Retry-After is obeyed, or told when it does not fit", "[kube]") {
  FakeApi api;
  api.On(kGetMap, {{429, StatusBody(429, "TooManyRequests"), {{"Retry-After", "1"}}}, {200, ConfigMap("a")}});
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(api.Client()->Get(kMap));
  CHECK(std::chrono::steady_clock::now() - start >= 1s);

  api.On(kGetMap, {{429, StatusBody(429, "TooManyRequests"), {{"Retry-After", "60"}}}});
  const auto throttled = api.Client()->Get(kMap);
  REQUIRE_FALSE(throttled);
  CHECK(throttled.error().reason() == "TARGET_THROTTLED");
  CHECK(throttled.error().retry_after() == 60s);
}

TEST_CASE("a slow server costs no more than the timeout of the call", "[kube]") {
  FakeApi api;
  api.On(kGetMap, {{0, {}, {}, Hang}});
  const auto client = api.Client();
  REQUIRE(client->ResourceTypes());
  const auto start = std::chrono::steady_clock::now();
  const auto object = client->Get(kMap, {.timeout = 200ms});
  REQUIRE_FALSE(object);
  CHECK(object.error().code() == ErrorCode::kDeadlineExceeded);
  CHECK(object.error().reason() == "TARGET_TIMEOUT");
  CHECK(std::chrono::steady_clock::now() - start < 30s);
}

TEST_CASE("a stop ends a pause between attempts", "[kube]") {
  FakeApi api;
  api.On(kGetMap, {{429, StatusBody(429, "TooManyRequests"), {{"Retry-After", "40"}}}});
  const auto client = api.Client();
  std::stop_source source;
  auto call =
      std::async(std::launch::async, [&] { return client->Get(kMap, {.stop = source.get_token(), .timeout = 60s}); });
  REQUIRE(api.server().WaitForRequests(3));
  const auto start = std::chrono::steady_clock::now();
  source.request_stop();
  CHECK(call.get().error().reason() == "CANCELLED");
  CHECK(std::chrono::steady_clock::now() - start < 30s);
}

TEST_CASE("delete sends its preconditions and tells three ends apart", "[kube]") {
  FakeApi api;
  json ending = ConfigMap("a");
  ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  api.On(kDeleteMap, {{200, StatusBody(200, "")}, {200, ending}, NotThere(), {409, StatusBody(409, "Conflict")}});
  const auto client = api.Client();
  const DeleteOptions options{.uid = "u", .resource_version = "7", .propagation = Propagation::kForeground};

  CHECK(client->Delete(kMap, options).value() == DeleteEnd::kGone);
  CHECK(client->Delete(kMap, options).value() == DeleteEnd::kWaitingForFinalizers);
  CHECK(client->Delete(kMap, options).value() == DeleteEnd::kAlreadyAbsent);
  CHECK(client->Delete(kMap, options).error().reason() == "OBJECT_CONFLICT");
  CHECK(client->Delete({{"x.io", "v1", "Thing"}, "", "a"}).value() == DeleteEnd::kAlreadyAbsent);
  const json body = json::parse(api.Seen(kDeleteMap)[0].body);
  CHECK(body["preconditions"] == json{{"uid", "u"}, {"resourceVersion", "7"}});
  CHECK(body["propagationPolicy"] == "Foreground");
}

TEST_CASE("names that would leave their path segment never reach the server", "[kube]") {
  FakeApi api;
  const auto client = api.Client();
  for (const char* name : {"", "..", "a/../../secrets/b", "a%2fb"}) {
    CHECK(client->Get({kConfigMapKind, "shop", name}).error().reason() == "OBJECT_NAME_INVALID");
  }
  CHECK(client->List(kConfigMapKind, {"../kube-system"}).error().reason() == "OBJECT_NAME_INVALID");
  CHECK(api.server().seen().empty());
}

TEST_CASE("the cluster tells version, identity and readiness", "[kube]") {
  FakeApi api;
  api.On("GET /version", {{200, {{"gitVersion", "v1.37.2"}, {"major", "1"}, {"minor", "37+"}, {"platform", "linux"}}}});
  api.On("GET /api/v1/namespaces/kube-system", {{200, {{"metadata", {{"uid", "cluster-uid"}}}}}});
  api.On("GET /readyz", {{500, "not yet"}, {200, "ok"}, {403, StatusBody(403, "Forbidden", "User \"x\" cannot")}});
  const auto client = api.Client();
  CHECK(client->Version()->minor == 37);
  CHECK(client->ClusterUid().value() == "cluster-uid");
  CHECK_FALSE(client->Ready().value());
  CHECK(client->Ready().value());
  CHECK(client->Ready().error().reason() == "TARGET_FORBIDDEN");
}

TEST_CASE("access questions are asked one by one", "[kube]") {
  FakeApi api;
  const std::string path = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  api.On(path, {{201, {{"status", {{"allowed", true}}}}}, {201, {{"status", {{"allowed", false}}}}}});
  const auto answers =
      api.Client()->CanI({{"create", "", "pods/exec", "shop"}, {"delete", "apps", "deployments", "", "web"}});
  REQUIRE(answers);
  CHECK(answers->at(0).allowed);
  CHECK_FALSE(answers->at(1).allowed);
  const json asked = json::parse(api.Seen(path)[0].body)["spec"]["resourceAttributes"];
  CHECK(asked["resource"] == "pods");
  CHECK(asked["subresource"] == "exec");
}

TEST_CASE("the answer of a pod is told from that of the API server", "[kube]") {
  FakeApi api;
  const std::string base = "GET /api/v1/namespaces/shop/pods/";
  api.On(base + "web:8080/proxy/status", {{503, "pod says no", {{"Content-Type", "text/plain"}}}});
  api.On(base + "https:web:8443/proxy/",
         {{404, StatusBody(404, "NotFound", "pods \"web\" not found", {{"name", "web"}})}});
  const auto client = api.Client();

  const auto own = client->PodProxyGet("shop", "web", "8080", "/status");
  REQUIRE(own);
  CHECK(own->status == 503);
  CHECK(own->body == "pod says no");
  CHECK(own->content_type == "text/plain");
  CHECK(api.Seen(base + "web:8080/proxy/status").size() == 1);
  CHECK(client->PodProxyGet("shop", "web", "https:8443", "/").error().reason() == "OBJECT_NOT_FOUND");
  CHECK(client->PodProxyGet("shop", "web", "80/../x", "/").error().reason() == "OBJECT_NAME_INVALID");
}
