#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>

#include "adapters/kube/fence.h"
#include "adapters/kube/readiness.h"
#include "adapters/kube/reflector.h"
#include "tests/integration/kube/cluster_fixture.h"

using namespace meshplay::kube;
using meshplay::testing::Cluster;
using meshplay::testing::Eventually;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

const Gvk kConfigMapKind{"", "v1", "ConfigMap"};

json WidgetDefinition(const std::string& group) {
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", "widgets." + group}}},
          {"spec",
           {{"group", group},
            {"scope", "Namespaced"},
            {"names", {{"plural", "widgets"}, {"kind", "Widget"}}},
            {"versions",
             {{{"name", "v1"},
               {"served", true},
               {"storage", true},
               {"schema", {{"openAPIV3Schema", {{"type", "object"}}}}}}}}}}};
}

}  // namespace

TEST_CASE("the cluster tells who it is and what it serves", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();
  CHECK(client.Ready().value());
  CHECK(client.Version()->minor >= 25);
  CHECK(client.ClusterUid()->size() == 36);
  CHECK(client.FindKind("apps", "Deployment").value()->gvk == Gvk{"apps", "v1", "Deployment"});
  CHECK(client.Resolve({"", "v1", "Namespace"})->namespaced == false);
  CHECK_FALSE(client.FindKind("x.io", "Nothing").value());
  CHECK(client.ResourceTypes()->size() > 40);
}

TEST_CASE("a list in pages holds every object once", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  for (int i = 0; i < 12; ++i) {
    json object = cluster->ConfigMap("page-" + std::to_string(i));
    object["metadata"]["labels"] = {{"parity", i % 2 == 0 ? "even" : "odd"}};
    REQUIRE(cluster->client().Create(object));
  }
  ClientOptions options;
  options.list_page_size = 5;
  const auto client = cluster->ClientAs("", options);

  const auto even = client->List(kConfigMapKind, {cluster->name_space(), "parity=even"});
  const auto all = client->List(kConfigMapKind, {cluster->name_space(), "parity"});

  REQUIRE(even);
  CHECK(even->items.size() == 6);
  REQUIRE(all);
  std::set<std::string> names;
  for (const json& item : all->items) names.insert(NameOf(item));
  CHECK(all->items.size() == 12);
  CHECK(names.size() == 12);
  CHECK_FALSE(all->resource_version.empty());
}

TEST_CASE("a watch goes on from a list and sees each change in order", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();
  const Selection selection{cluster->name_space(), "", "metadata.name=a"};
  const auto list = client.List(kConfigMapKind, selection);
  REQUIRE(list);
  REQUIRE(client.Create(cluster->ConfigMap("a")));
  REQUIRE(client.MergePatch(cluster->RefTo("a"), {{"data", {{"key", "2"}}}}));
  REQUIRE(client.Delete(cluster->RefTo("a")));

  std::vector<ChangeKind> kinds;
  const auto outcome =
      client.Watch(kConfigMapKind, selection, {.resource_version = list->resource_version, .server_timeout = 20s},
                   [&](const Change& change) {
                     if (change.kind != ChangeKind::kBookmark) kinds.push_back(change.kind);
                     return change.kind != ChangeKind::kDeleted;
                   });

  REQUIRE(outcome);
  CHECK(outcome->end == WatchEnd::kHandlerStopped);
  CHECK(kinds == std::vector<ChangeKind>{ChangeKind::kAdded, ChangeKind::kModified, ChangeKind::kDeleted});

  const auto quiet = client.Watch(kConfigMapKind, selection,
                                  {.resource_version = outcome->last_resource_version, .server_timeout = 1s},
                                  [](const Change&) { return true; });
  REQUIRE(quiet);
  CHECK(quiet->end == WatchEnd::kServerClosed);
}

TEST_CASE("a new kind is found, an old resource version of it expires, a reflector survives that", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();
  const std::string group = "it-" + cluster->unique() + ".meshplay.dev";
  const Gvk widget{group, "v1", "Widget"};
  const ObjectRef definition{{"apiextensions.k8s.io", "v1", "CustomResourceDefinition"}, "", "widgets." + group};
  CHECK(client.Resolve(widget).error().reason() == "KIND_UNKNOWN");

  std::mutex mutex;
  std::vector<std::string> told;
  const auto tell = [&](const std::string& word) {
    const std::lock_guard lock(mutex);
    told.push_back(word);
  };
  const auto was_told = [&](const std::string& word) {
    return Eventually([&] {
      const std::lock_guard lock(mutex);
      return std::find(told.begin(), told.end(), word) != told.end();
    });
  };
  ReflectorHandlers handlers;
  handlers.replaced = [&](const std::vector<json>& objects) { tell("list " + std::to_string(objects.size())); };
  handlers.changed = [&](ChangeKind, const json& object) { tell(NameOf(object)); };
  handlers.failed = [&](const meshplay::Error& error, std::chrono::milliseconds) { tell(error.reason()); };
  ReflectorOptions options;
  options.backoff_base = 50ms;
  options.backoff_cap = 200ms;
  Reflector reflector(client, widget, handlers, options);
  CHECK(was_told("KIND_UNKNOWN"));

  REQUIRE(client.Create(WidgetDefinition(group)));
  CHECK(Eventually([&] { return JudgeHealth(client.Get(definition).value()).health == Health::kHealthy; }));
  CHECK(Eventually([&] { return client.Resolve(widget).has_value(); }));
  CHECK(was_told("list 0"));
  CHECK(Eventually([&] {
    return client
        .Apply({{"apiVersion", group + "/v1"},
                {"kind", "Widget"},
                {"metadata", {{"name", "w"}, {"namespace", cluster->name_space()}}}},
               {.field_manager = "meshplay-it"})
        .has_value();
  }));
  CHECK(was_told("w"));

  // The server's memory of this kind begins with the definition.
  const auto expired =
      client.Watch(widget, {}, {.resource_version = "1", .server_timeout = 5s}, [](const Change&) { return true; });
  REQUIRE(expired);
  CHECK(expired->end == WatchEnd::kExpired);

  reflector.Stop();
  CHECK(client.DeleteAndWait(definition, {}, 30s));
  CHECK_FALSE(client.Find({widget, cluster->name_space(), "w"}).value());
}

TEST_CASE("of many that raise a fence at once the highest wins", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();
  const std::string mesh = "it-" + cluster->unique();
  CHECK(ReadFence(client, mesh).value() == 0);
  CHECK(RaiseFence(client, {mesh, 1, "one"}).value() == 0);
  CHECK(RaiseFence(client, {mesh, 1, "one"}).value() == 1);

  std::vector<std::future<meshplay::Result<std::uint64_t>>> claims;
  for (std::uint64_t fence = 2; fence <= 9; ++fence) {
    claims.push_back(std::async(std::launch::async, [&, fence] {
      return RaiseFence(client, {mesh, fence, "claim " + std::to_string(fence)});
    }));
  }
  for (auto& claim : claims) {
    const auto raised = claim.get();
    if (!raised) CHECK(raised.error().reason() == "FENCED");
  }
  CHECK(ReadFence(client, mesh).value() == 9);
  const auto late = RaiseFence(client, {mesh, 8, "late"});
  REQUIRE_FALSE(late);
  CHECK(late.error().reason() == "FENCED");
  CHECK(late.error().metadata().at("seen") == "9");

  const ObjectRef lease{{"coordination.k8s.io", "v1", "Lease"}, kFenceNamespace, kFenceLeasePrefix + mesh};
  CHECK(TextAt(client.Get(lease).value(), "/spec/holderIdentity") == "claim 9");
  REQUIRE(client.MergePatch(lease, {{"metadata", {{"annotations", {{kFenceAnnotation, "nine"}}}}}}));
  CHECK(RaiseFence(client, {mesh, 10, "x"}).error().reason() == "FENCE_UNREADABLE");
  CHECK(client.Delete(lease).value() == DeleteEnd::kGone);
}

TEST_CASE("a user without rights is refused and knows it beforehand", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  const auto nobody = cluster->ClientAs("nobody-" + cluster->unique());
  CHECK(nobody->List(kConfigMapKind, {cluster->name_space()}).error().reason() == "TARGET_FORBIDDEN");
  CHECK(nobody->Apply(cluster->ConfigMap("a"), {.field_manager = "x"}).error().reason() == "TARGET_FORBIDDEN");
  CHECK(
      nobody->Watch(kConfigMapKind, {cluster->name_space()}, {}, [](const Change&) { return true; }).error().reason() ==
      "TARGET_FORBIDDEN");
  const std::vector<AccessQuestion> questions = {{"create", "", "configmaps", cluster->name_space()},
                                                 {"create", "", "pods/exec", cluster->name_space()}};
  const auto denied = nobody->CanI(questions);
  const auto granted = cluster->client().CanI(questions);
  REQUIRE(denied);
  REQUIRE(granted);
  REQUIRE(denied->size() == 2);
  REQUIRE(granted->size() == 2);
  for (const AccessAnswer& answer : *denied) CHECK_FALSE(answer.allowed);
  for (const AccessAnswer& answer : *granted) CHECK(answer.allowed);
}

TEST_CASE("credentials and certificates that do not fit are told apart", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Access stranger = cluster->access();
  stranger.client_certificate_pem.clear();
  stranger.client_key_pem = {};
  stranger.token = meshplay::Secret("no-such-token");
  const auto unknown = Client::Create(stranger).value()->ClusterUid();
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().reason() == "TARGET_UNAUTHENTICATED");

  Access elsewhere = cluster->access();
  elsewhere.tls_server_name = "not-the-api-server.example.com";
  const auto untrusted = Client::Create(elsewhere).value()->ClusterUid();
  REQUIRE_FALSE(untrusted);
  CHECK(untrusted.error().reason() == "TARGET_UNREACHABLE");
  CHECK(untrusted.error().metadata().at("cause") == "TLS_PEER_UNTRUSTED");
  CHECK(untrusted.error().metadata().at("request_sent") == "no");
}

TEST_CASE("a deployment becomes healthy, and a pod that is not there is said to be so", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();
  const json deployment = json::parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},
    "spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
    "spec":{"containers":[{"name":"c","image":"registry.k8s.io/pause:3.9"}]}}}})");
  json placed = deployment;
  placed["metadata"]["namespace"] = cluster->name_space();
  const auto made = client.Apply(placed, {.field_manager = "meshplay-it"});
  REQUIRE(made);
  CHECK(JudgeHealth(made->object).health == Health::kProgressing);
  HealthVerdict verdict;
  CHECK(Eventually([&] {
    verdict = JudgeHealth(client.Get(RefOf(placed)).value());
    return verdict.health == Health::kHealthy;
  }));
  INFO(verdict.message);

  CHECK(client.PodProxyGet(cluster->name_space(), "absent", "80", "/").error().reason() == "OBJECT_NOT_FOUND");
  CHECK(client.Exec({cluster->name_space(), "absent", "", {"true"}}).error().reason() == "OBJECT_NOT_FOUND");
}
