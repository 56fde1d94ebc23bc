#include <catch2/catch.hpp>

#include "tests/integration/kube/cluster_fixture.h"

using namespace meshplay::kube;
using meshplay::testing::Cluster;
using meshplay::testing::Eventually;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

const ApplyOptions kOurs{.field_manager = "meshplay-it"};
const ApplyOptions kTheirs{.field_manager = "somebody-else"};

}  // namespace

TEST_CASE("apply creates, changes nothing when nothing changed, and respects other managers", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();

  ApplyOptions dry = kOurs;
  dry.dry_run = true;
  CHECK(client.Apply(cluster->ConfigMap("a"), dry)->created);
  CHECK_FALSE(client.Find(cluster->RefTo("a")).value());

  const auto made = client.Apply(cluster->ConfigMap("a"), kOurs);
  REQUIRE(made);
  CHECK(made->created);
  const auto same = client.Apply(cluster->ConfigMap("a"), kOurs);
  REQUIRE(same);
  CHECK_FALSE(same->created);
  CHECK(ResourceVersionOf(same->object) == ResourceVersionOf(made->object));

  const auto conflict = client.Apply(cluster->ConfigMap("a", "2"), kTheirs);
  REQUIRE_FALSE(conflict);
  CHECK(conflict.error().reason() == "FIELD_CONFLICT");
  CHECK(conflict.error().metadata().at("managers") == "meshplay-it");
  CHECK(conflict.error().metadata().at("fields") == ".data.key");

  ApplyOptions force = kTheirs;
  force.force = true;
  CHECK(TextAt(client.Apply(cluster->ConfigMap("a", "2"), force)->object, "/data/key") == "2");
  CHECK(client.Apply(cluster->ConfigMap("a"), kOurs).error().reason() == "FIELD_CONFLICT");
}

TEST_CASE("objects with mistakes are the caller's errors, not the server's", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();

  json unknown_field = cluster->ConfigMap("a");
  unknown_field["dada"] = json::object();
  json wrong_type = cluster->ConfigMap("a");
  wrong_type["data"]["key"] = {{"not", "text"}};
  json bad_value = {{"apiVersion", "v1"},
                    {"kind", "Service"},
                    {"metadata", {{"name", "web"}, {"namespace", cluster->name_space()}}},
                    {"spec", {{"ports", {{{"port", 70'000}}}}}}};
  for (const json& object : {unknown_field, wrong_type, bad_value}) {
    const auto refused = client.Apply(object, kOurs);
    INFO(object.dump());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason() == "OBJECT_INVALID");
    CHECK_FALSE(refused.error().metadata().at("server_message").empty());
  }
  CHECK(client.Apply(bad_value, kOurs).error().violations().at(0).pointer == "/spec/ports/0/port");
  CHECK(client.Create(unknown_field).error().reason() == "OBJECT_INVALID");
  CHECK(client.Apply(cluster->ConfigMap("Upper_Case"), kOurs).error().reason() == "OBJECT_NAME_INVALID");

  json nowhere = cluster->ConfigMap("a");
  nowhere["metadata"]["namespace"] = "no-such-namespace-" + cluster->unique();
  const auto lost = client.Apply(nowhere, kOurs);
  REQUIRE_FALSE(lost);
  CHECK(lost.error().reason() == "OBJECT_NOT_FOUND");
  CHECK(lost.error().metadata().at("kind") == "namespaces");
}

TEST_CASE("create, update and patches meet the state they were meant for", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();

  const auto first = client.Create(cluster->ConfigMap("a"));
  REQUIRE(first);
  CHECK(client.Create(cluster->ConfigMap("a")).error().reason() == "OBJECT_EXISTS");

  json changed = first->object;
  changed["data"]["key"] = "2";
  REQUIRE(client.Update(changed));
  CHECK(client.Update(changed).error().reason() == "OBJECT_CONFLICT");

  const auto merged = client.MergePatch(cluster->RefTo("a"), {{"data", {{"key", nullptr}, {"other", "3"}}}});
  REQUIRE(merged);
  CHECK(merged->object["data"] == json{{"other", "3"}});
  const json patch = {{{"op", "replace"}, {"path", "/data/other"}, {"value", "4"}}};
  CHECK(TextAt(client.JsonPatch(cluster->RefTo("a"), patch)->object, "/data/other") == "4");
  const json failing = {{{"op", "test"}, {"path", "/data/other"}, {"value", "9"}}};
  CHECK(client.JsonPatch(cluster->RefTo("a"), failing).error().reason() == "OBJECT_INVALID");
}

TEST_CASE("delete honours its preconditions and waits for finalizers", "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();
  json held = cluster->ConfigMap("held");
  held["metadata"]["finalizers"] = {"it.meshplay.dev/hold"};
  const auto made = client.Create(held);
  REQUIRE(made);
  REQUIRE(client.Create(cluster->ConfigMap("free")));

  CHECK(client.Delete(cluster->RefTo("free"), {.uid = "another"}).error().reason() == "OBJECT_CONFLICT");
  CHECK(client.Delete(cluster->RefTo("free")).value() == DeleteEnd::kGone);
  CHECK(client.Delete(cluster->RefTo("free")).value() == DeleteEnd::kAlreadyAbsent);
  CHECK(client.DeleteAndWait(cluster->RefTo("free"), {}, 10s));

  CHECK(client.Delete(cluster->RefTo("held")).value() == DeleteEnd::kWaitingForFinalizers);
  const auto late = client.DeleteAndWait(cluster->RefTo("held"), {}, 1s);
  REQUIRE_FALSE(late);
  CHECK(late.error().reason() == "OBJECT_NOT_GONE_IN_TIME");
  CHECK(late.error().metadata().at("finalizers") == "it.meshplay.dev/hold");

  REQUIRE(client.MergePatch(cluster->RefTo("held"), {{"metadata", {{"finalizers", nullptr}}}}));
  CHECK(client.DeleteAndWait(cluster->RefTo("held"), {}, 20s));
  CHECK_FALSE(client.Find(cluster->RefTo("held")).value());
}

TEST_CASE("a namespace that is being deleted, a quota and a pod security level refuse with their own reasons",
          "[kube]") {
  const auto cluster = Cluster::Connect();
  if (!cluster) return;
  Client& client = cluster->client();
  const ObjectRef own{{"", "v1", "Namespace"}, "", cluster->name_space()};

  const json quota = {{"apiVersion", "v1"},
                      {"kind", "ResourceQuota"},
                      {"metadata", {{"name", "small"}, {"namespace", cluster->name_space()}}},
                      {"spec", {{"hard", {{"services", "0"}}}}}};
  REQUIRE(client.Create(quota));
  const json service = {{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", {{"name", "web"}, {"namespace", cluster->name_space()}}},
                        {"spec", {{"ports", {{{"port", 80}}}}}}};
  ApplyOptions dry = kOurs;
  dry.dry_run = true;
  CHECK(Eventually([&] {
    const auto answer = client.Apply(service, dry);
    return !answer && answer.error().reason() == "QUOTA_EXCEEDED";
  }));

  REQUIRE(client.MergePatch(own, {{"metadata", {{"labels", {{"pod-security.kubernetes.io/enforce", "restricted"}}}}}}));
  const json pod = {{"apiVersion", "v1"},
                    {"kind", "Pod"},
                    {"metadata", {{"name", "root"}, {"namespace", cluster->name_space()}}},
                    {"spec", {{"containers", {{{"name", "c"}, {"image", "registry.k8s.io/pause:3.9"}}}}}}};
  CHECK(Eventually([&] {
    const auto answer = client.Create(pod, {.dry_run = true});
    return !answer && answer.error().reason() == "ADMISSION_DENIED";
  }));

  json held = cluster->ConfigMap("held");
  held["metadata"]["finalizers"] = {"it.meshplay.dev/hold"};
  REQUIRE(client.Create(held));
  CHECK(client.Delete(own).value() == DeleteEnd::kWaitingForFinalizers);
  const auto refused = client.Apply(cluster->ConfigMap("late"), kOurs);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "NAMESPACE_TERMINATING");
  REQUIRE(client.MergePatch(cluster->RefTo("held"), {{"metadata", {{"finalizers", nullptr}}}}));
  CHECK(client.DeleteAndWait(own, {}, 60s));
}
