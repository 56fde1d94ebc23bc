#include <catch2/catch.hpp>
#include <chrono>
#include <set>

#include "adapters/linkerd/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cases.h"
#include "tests/unit/smi/mutator.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::Document;
using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using meshplay::testing::Mutator;
using meshplay::translate::Emission;
using nlohmann::json;
namespace linkerd = meshplay::linkerd;
namespace smi = meshplay::smi;

namespace {

Emission Emit(const std::vector<json>& documents, const std::vector<json>& cluster,
              const linkerd::EmitOptions& options) {
  const auto set = smi::ParseDocuments(documents, {"shop"});
  auto emission = linkerd::EmitSmi(set, meshplay::facts::FactsFromObjects(cluster, {"shop"}), options);
  REQUIRE(emission.has_value());
  CHECK(emission->reports.size() == smi::AllHeads(set).size() + set.unreadable.size());
  return *emission;
}

// What must hold of any objects, whatever they were made from.
void CheckClosed(const Emission& emission) {
  std::set<std::string> names;
  for (const json& object : emission.objects) {
    const std::string name = object["metadata"]["name"];
    CHECK(name.size() <= 253);
    names.insert(object["kind"].get<std::string>() + "/" + object["metadata"]["namespace"].get<std::string>() + "/" +
                 name);
  }
  CHECK(names.size() == emission.objects.size());
  for (const json& object : emission.objects) {
    const json& spec = object["spec"];
    const std::string home = std::string("/") + object["metadata"]["namespace"].get<std::string>() + "/";
    if (object["kind"] == "Server") {
      CHECK_FALSE(spec["podSelector"]["matchLabels"].empty());
      CHECK(spec["port"] >= 1);
      CHECK(spec["port"] <= 65535);
    } else if (object["kind"] == "MeshTLSAuthentication") {
      CHECK(spec.size() == 1);
      CHECK_FALSE(spec.begin().value().empty());
      for (const json& id : spec.value("identities", json::array()))
        CHECK(id.get<std::string>().starts_with("spiffe://"));
    } else if (object["kind"] == "AuthorizationPolicy") {
      REQUIRE(spec["requiredAuthenticationRefs"].size() == 1);
      const json& reference = spec["requiredAuthenticationRefs"][0];
      CHECK(names.count(reference["kind"].get<std::string>() + home + reference["name"].get<std::string>()) == 1);
    } else if (object["kind"] == "HTTPRoute") {
      for (const json& rule : spec["rules"]) {
        // Only a split's rule for the rest, or for everything, has no matches.
        CHECK((rule.contains("backendRefs") || !rule.value("matches", json::array()).empty()));
        CHECK(rule.value("matches", json::array()).size() <= 64);
      }
    }
  }
}

json Workload(const std::string& account, const json& ports) {
  json containers = json::array({{{"name", "c"}, {"ports", ports}}});
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", "api"}, {"namespace", "shop"}}},
          {"spec",
           {{"selector", {{"matchLabels", {{"app", "api"}}}}},
            {"template",
             {{"metadata", {{"labels", {{"app", "api"}}}}},
              {"spec", {{"serviceAccountName", account}, {"containers", containers}}}}}}}};
}

json Target(const std::string& name, const std::string& account, const std::string& group, const std::string& caller) {
  return Document("access", "v1alpha3", "TrafficTarget", name,
                  {{"destination", {{"kind", "ServiceAccount"}, {"name", account}}},
                   {"rules", {{{"kind", "HTTPRouteGroup"}, {"name", group}}}},
                   {"sources", {{{"kind", "ServiceAccount"}, {"name", caller}, {"namespace", "shop"}}}}});
}

json Group(const std::string& name, const json& match) {
  json spec = {{"matches", json::array({match})}};
  return Document("specs", "v1alpha4", "HTTPRouteGroup", name, spec);
}

}  // namespace

TEST_CASE("whatever the documents hold, Linkerd gets findings and closed policies", "[linkerd][hostile]") {
  Mutator mutator(11);
  std::vector<json> cases = LoadCases("linkerd.yaml");
  for (const char* file : {"validate.yaml", "parse.yaml", "convert.yaml", "kuma.yaml"}) {
    for (json& c : LoadCases(file)) cases.push_back(std::move(c));
  }
  for (const json& c : cases) {
    INFO(c["name"]);
    for (int round = 0; round < 10; ++round) {
      json documents = ListAt(c, "documents");
      json cluster = ListAt(c, "cluster");
      const int mutations = 1 + mutator.Below(4);
      for (int i = 0; i < mutations; ++i) mutator.Mutate(mutator.Below(3) == 0 ? cluster : documents);
      if (!documents.is_array()) documents = json::array({documents});
      if (!cluster.is_array()) cluster = json::array({cluster});
      linkerd::EmitOptions options;
      options.profile = mutator.Below(3) == 0;
      options.strict = mutator.Below(2) == 0;
      CheckClosed(Emit(documents.get<std::vector<json>>(), cluster.get<std::vector<json>>(), options));
    }
  }
}

TEST_CASE("names stay within their limit and apart however long the objects' names are", "[linkerd][hostile]") {
  // 253 characters in parts of 63.
  const auto long_name = [](char c) {
    const std::string part(63, c);
    return part + "." + part + "." + part + "." + std::string(60, c);
  };
  const std::string account = long_name('a');
  std::vector<json> documents = {Group("g", {{"name", "m"}, {"pathRegex", "/x"}, {"methods", {"GET"}}})};
  for (const char* end : {"x", "y"}) {
    documents.push_back(Target(long_name('t') + end, account, "g", std::string("caller-") + end));
  }
  const Emission emission =
      Emit(documents, {Workload(account, {{{"containerPort", 80}}, {{"containerPort", 81}}})}, {});
  CheckClosed(emission);
  // Two authentications; for each port a Server, a route and two policies.
  CHECK(emission.objects.size() == 2 + 2 * 4);
  json bytes = documents;
  bytes[0] = Document("specs", "v1alpha4", "TCPRoute", "g", {{"matches", {{"ports", json::array()}}}});
  for (std::size_t i = 1; i < bytes.size(); ++i) bytes[i]["spec"]["rules"][0]["kind"] = "TCPRoute";
  const Emission by_port =
      Emit(bytes.get<std::vector<json>>(), {Workload(account, {{{"containerPort", 80}}, {{"containerPort", 81}}})}, {});
  CheckClosed(by_port);
  CHECK(by_port.objects.size() == 2 + 2 * 3);
}

TEST_CASE("objects in the cluster may lack anything", "[linkerd][hostile]") {
  const json c = LoadCases("linkerd.yaml").front();
  std::vector<json> documents = ListAt(c, "documents");
  documents.push_back(Document("split", "v1alpha4", "TrafficSplit", "s",
                               {{"service", "api"}, {"backends", {{{"service", "api"}, {"weight", 1}}}}}));
  for (const char* kind : {"Server", "HTTPRoute", "AuthorizationPolicy", "ServiceProfile"}) {
    for (const char* rest :
         {R"({})", R"({"metadata": 1, "spec": 2})", R"({"spec": {"parentRefs": 3, "podSelector": 4}})",
          R"({"spec": {"parentRefs": [5, {"kind": "Service", "name": "api", "namespace": "shop"}]}})",
          R"({"metadata": {"labels": 6, "annotations": 7},
                                 "spec": {"podSelector": {"matchLabels": 8}, "port": 8080, "targetRef": 9}})"}) {
      INFO(kind << rest);
      json object = json::parse(rest);
      object["kind"] = kind;
      for (const char* version : {"policy.linkerd.io/v1beta3", "gateway.networking.k8s.io/v1", "linkerd.io/v1alpha2"}) {
        object["apiVersion"] = version;
        std::vector<json> cluster = ListAt(c, "cluster");
        cluster.push_back(object);
        for (const bool profile : {false, true}) {
          linkerd::EmitOptions options;
          options.profile = profile;
          CheckClosed(Emit(documents, cluster, options));
        }
      }
    }
  }
}

TEST_CASE("no text of one match can pass for two of another", "[linkerd][hostile]") {
  const json two = {{"a", "x[12]"}, {"b", "y"}};
  for (const char* value : {"x[12]\nb\t1y", "x[12]1:b1:11:11:y"}) {
    const Emission emission =
        Emit({Group("g0", {{"name", "m"}, {"headers", two}}), Target("t0", "api", "g0", "web"),
              Group("g1", {{"name", "m"}, {"headers", {{"a", value}}}}), Target("t1", "api", "g1", "admin")},
             {Workload("api", {{{"containerPort", 80}}})}, {});
    std::string route;
    for (const json& object : emission.objects) {
      if (object["kind"] != "HTTPRoute" || object["spec"]["rules"][0]["matches"][0]["headers"].size() != 2) continue;
      route = object["metadata"]["name"];
    }
    REQUIRE_FALSE(route.empty());
    const auto open_to = std::count_if(emission.objects.begin(), emission.objects.end(), [&](const json& object) {
      return object["kind"] == "AuthorizationPolicy" && object["spec"]["targetRef"]["name"] == route;
    });
    CHECK(open_to == 1);
  }
}

TEST_CASE("grants that all overlap end in a bounded number of routes, and say what is lost", "[linkerd][hostile]") {
  std::vector<json> documents;
  // Every two of them have something in common, and so have those common parts.
  for (int i = 0; i < 14; ++i) {
    const std::string n = std::to_string(i);
    documents.push_back(Group("g" + n, {{"name", "m"}, {"headers", {{"h" + n, "yes"}}}}));
    documents.push_back(Target("t" + n, "api", "g" + n, "caller-" + n));
  }
  const auto started = std::chrono::steady_clock::now();
  const Emission emission = Emit(documents, {Workload("api", {{{"containerPort", 80}}})}, {});
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(60));
  CheckClosed(emission);
  const auto routes = std::count_if(emission.objects.begin(), emission.objects.end(),
                                    [](const json& object) { return object["kind"] == "HTTPRoute"; });
  CHECK(routes <= 14 + 256);
  const auto& diagnostics = emission.reports.back().diagnostics;
  CHECK(std::any_of(diagnostics.begin(), diagnostics.end(),
                    [](const smi::Diagnostic& d) { return d.code == "OVERLAP_ORDER"; }));
  CHECK(emission.reports.back().level == smi::SupportLevel::kPartial);
}

TEST_CASE("many expressions and many paths are compared for a bounded time", "[linkerd][hostile]") {
  std::vector<json> documents;
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    const std::string regex = i % 2 == 0 ? "/(x[0-9]*|y)*" + n + "+" : std::string("/x") + n + "$";
    documents.push_back(Group("g" + n, {{"name", "m"}, {"pathRegex", regex}}));
    documents.push_back(Target("t" + n, "api", "g" + n, "caller-" + n));
  }
  const auto started = std::chrono::steady_clock::now();
  const Emission emission = Emit(documents, {Workload("api", {{{"containerPort", 80}}})}, {});
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(60));
  CheckClosed(emission);
  // What was not compared is reported.
  CHECK(smi::WorstLevel(emission.reports) == smi::SupportLevel::kPartial);
}

TEST_CASE("a thousand targets of one destination, or of a thousand, are translated in bounded time", "[linkerd]") {
  std::vector<json> documents;
  std::vector<json> cluster;
  const bool one_destination = GENERATE(false, true);
  for (int i = 0; i < 1000; ++i) {
    const std::string n = std::to_string(i);
    for (const char* half : {"a", "b"}) {
      documents.push_back(
          Group("g" + n + half, {{"name", "m"}, {"pathRegex", "/x/" + n + half}, {"methods", {"GET"}}}));
    }
    const std::string account = one_destination ? std::string("api") : std::string("sa") + n;
    json target = Target("t" + n, account, "g" + n + "a", one_destination ? "caller-" + n : "web");
    target["spec"]["rules"].push_back({{"kind", "HTTPRouteGroup"}, {"name", "g" + n + "b"}});
    documents.push_back(target);
    json workload = Workload(account, {{{"containerPort", 80}}});
    workload["metadata"]["name"] = "d" + n;
    workload["spec"]["selector"]["matchLabels"]["app"] = n;
    workload["spec"]["template"]["metadata"]["labels"]["app"] = n;
    if (!one_destination || i == 0) cluster.push_back(workload);
    cluster.push_back({{"apiVersion", "v1"},
                       {"kind", "Service"},
                       {"metadata", {{"name", "s" + n}, {"namespace", "shop"}}},
                       {"spec", {{"selector", {{"app", n}}}, {"ports", {{{"name", "http"}, {"port", 80}}}}}}});
    if (i % 2 == 0) {
      documents.push_back(
          Document("split", "v1alpha4", "TrafficSplit", "p" + n,
                   {{"service", "s" + n},
                    {"backends", {{{"service", std::string("s") + std::to_string(i + 1)}, {"weight", 1}}}}}));
    }
  }
  const auto set = smi::ParseDocuments(documents);
  const auto facts = meshplay::facts::FactsFromObjects(cluster);
  const auto started = std::chrono::steady_clock::now();
  const auto emission = linkerd::EmitSmi(set, facts, {});
  const auto took = std::chrono::steady_clock::now() - started;
  REQUIRE(emission.has_value());
  CHECK(emission->objects.size() > 5'000);
  CHECK(took < std::chrono::seconds(60));
}
