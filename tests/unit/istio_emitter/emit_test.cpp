#include "adapters/istio/emitter/emit.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cases.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

istio::EmitOptions Options() {
  istio::EmitOptions options;
  options.owner = "policy-7";
  return options;
}

json Case(const std::string& name) {
  for (const json& c : LoadCases("istio.yaml")) {
    if (c["name"].get<std::string>().starts_with(name)) return c;
  }
  throw std::runtime_error("no case " + name);
}

istio::Emission Emit(const json& c, const istio::EmitOptions& options) {
  const auto set = smi::ParseDocuments(ListAt(c, "documents"), {"shop"});
  auto emission = istio::EmitSmi(set, meshplay::facts::FactsFromObjects(ListAt(c, "cluster"), {"shop"}), options);
  REQUIRE(emission.has_value());
  return *emission;
}

}  // namespace

TEST_CASE("generated objects say whose they are and where they come from", "[istio][emit]") {
  const auto emission = Emit(Case("D-IST1"), Options());

  REQUIRE(emission.objects.size() == 2);
  const json& metadata = emission.objects[0]["metadata"];
  CHECK(emission.objects[0]["apiVersion"] == "security.istio.io/v1");
  CHECK(metadata["labels"]["app.kubernetes.io/managed-by"] == "meshplay");
  CHECK(metadata["labels"]["meshplay.dev/owner"] == "policy-7");
  CHECK(metadata["labels"]["meshplay.dev/smi-source"].get<std::string>().size() == 8);
  CHECK(metadata["annotations"]["meshplay.dev/smi-sources"] == "TrafficTarget/shop/api-access");
  CHECK(metadata["annotations"]["meshplay.dev/spec-hash"].get<std::string>().size() == 64);
  CHECK_FALSE(metadata.contains("ownerReferences"));
}

TEST_CASE("more rules than a policy takes stand in several", "[istio][emit]") {
  json c = Case("D-IST1");
  const auto group = std::find_if(c["documents"].begin(), c["documents"].end(),
                                  [](const json& document) { return document["kind"] == "HTTPRouteGroup"; });
  REQUIRE(group != c["documents"].end());
  json& matches = (*group)["spec"]["matches"];
  matches = json::array();
  for (int i = 0; i < 1025; ++i) {
    matches.push_back({{"name", "m" + std::to_string(i)}, {"pathRegex", "/p" + std::to_string(i) + "$"}});
  }
  const auto emission = Emit(c, Options());

  std::set<std::string> names;
  std::set<std::string> paths;
  for (const json& object : emission.objects) {
    if (object["kind"] != "AuthorizationPolicy") continue;
    names.insert(object["metadata"]["name"].get<std::string>());
    CHECK(object["spec"]["selector"]["matchLabels"] == json{{"app", "api"}});
    CHECK(object["spec"]["rules"].size() <= 512);
    for (const json& rule : object["spec"]["rules"]) paths.insert(rule["to"][0]["operation"]["paths"][0]);
  }
  CHECK(names.size() == 3);
  CHECK(names.count("smi-api-access") == 1);
  CHECK(paths.size() == 1025);
}

TEST_CASE("the order of documents and cluster objects does not change the objects", "[istio][emit]") {
  for (const json& c : LoadCases("istio.yaml")) {
    INFO(c["name"].get<std::string>());
    json reversed = c;
    std::reverse(reversed["documents"].begin(), reversed["documents"].end());
    std::reverse(reversed["cluster"].begin(), reversed["cluster"].end());
    CHECK(Emit(c, Options()).objects == Emit(reversed, Options()).objects);
  }
}

TEST_CASE("an object refers to its SMI object as owner only where both live together", "[istio][emit]") {
  json c = Case("D-IST1");
  c["documents"][2]["metadata"]["uid"] = "u-1";
  istio::EmitOptions options = Options();
  options.owner_references = true;

  const auto emission = Emit(c, options);

  const json& owner = emission.objects[0]["metadata"]["ownerReferences"][0];
  CHECK(owner["uid"] == "u-1");
  CHECK(owner["controller"] == true);
  CHECK(owner["apiVersion"] == "access.smi-spec.io/v1alpha3");

  json foreign = Case("a destination in another namespace");
  foreign["documents"][2]["metadata"]["uid"] = "u-2";
  const auto elsewhere = Emit(foreign, options);
  CHECK_FALSE(elsewhere.objects.at(0)["metadata"].contains("ownerReferences"));
}

TEST_CASE("an allow without a condition on the request comes from a TCPRoute for all ports only", "[istio][emit]") {
  for (const json& c : LoadCases("istio.yaml")) {
    INFO(c["name"].get<std::string>());
    bool has_open_route = false;
    for (const json& document : c["documents"]) {
      has_open_route =
          has_open_route || (document["kind"] == "TCPRoute" && document["spec"]["matches"]["ports"].empty());
    }
    for (const json& object : Emit(c, Options()).objects) {
      if (object["kind"] != "AuthorizationPolicy" || !object["spec"].contains("rules")) continue;
      for (const json& rule : object["spec"]["rules"]) {
        CHECK_FALSE(rule["from"].empty());
        if (!rule.contains("to")) CHECK(has_open_route);
      }
    }
  }
}

TEST_CASE("long names are cut and stay distinct", "[istio][emit]") {
  json c = Case("EX2");
  c["documents"] = json::array();
  for (const char* service : {"api", "api-v1"}) {
    c["documents"].push_back(
        {{"apiVersion", "split.smi-spec.io/v1alpha4"},
         {"kind", "TrafficSplit"},
         {"metadata",
          {{"name", std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') + "." +
                        std::string(60, 'd') + "." + service}}},
         {"spec", {{"service", service}, {"backends", {{{"service", "api-v2"}, {"weight", 1}}}}}}});
  }

  const auto emission = Emit(c, Options());

  REQUIRE(emission.objects.size() == 2);
  const std::string first = emission.objects[0]["metadata"]["name"];
  CHECK(first.size() <= 253);
  CHECK(first != emission.objects[1]["metadata"]["name"].get<std::string>());
}

TEST_CASE("a target named like the namespace baseline gets a name of its own", "[istio][emit]") {
  json c = Case("D-IST1");
  c["documents"][2]["metadata"]["name"] = "deny-all";
  istio::EmitOptions options = Options();
  options.mode = istio::BaselineMode::kStrict;

  const auto emission = Emit(c, options);

  REQUIRE(emission.objects.size() == 3);
  CHECK(emission.objects[0]["metadata"]["name"].get<std::string>().starts_with("smi-deny-all-"));
  CHECK(emission.objects[0]["spec"]["rules"].size() == 2);
  CHECK(emission.objects[2]["metadata"]["name"] == "smi-deny-all");
}

TEST_CASE("objects of two sources list both and refuse with both", "[istio][emit]") {
  json c = Case("strict mode");
  const auto emission = Emit(c, Options());
  CHECK(emission.objects.at(1)["metadata"]["annotations"]["meshplay.dev/smi-sources"] ==
        "TrafficTarget/shop/a,TrafficTarget/shop/b");

  c["cluster"].push_back({{"apiVersion", "security.istio.io/v1"},
                          {"kind", "PeerAuthentication"},
                          {"metadata", {{"name", "smi-api"}, {"namespace", "shop"}}}});
  const auto refused = Emit(c, Options());
  CHECK(refused.objects.empty());
  CHECK(refused.reports.back().diagnostics.back().code == "CONFLICT");
}

TEST_CASE("reports have the documented JSON shape", "[istio][emit]") {
  const json reports = smi::ToJson(Emit(Case("D-R UDPRoute"), Options()).reports);

  CHECK(reports[2]["source"] == json({{"apiVersion", "access.smi-spec.io/v1alpha3"},
                                      {"kind", "TrafficTarget"},
                                      {"namespace", "shop"},
                                      {"name", "a"}}));
  CHECK(reports[2]["level"] == "NONE");
  CHECK(reports[2]["diagnostics"][0]["code"] == "UDP_UNSUPPORTED");
  CHECK(reports[2]["diagnostics"][0]["severity"] == "WARNING");
  CHECK(reports[2]["diagnostics"][0]["meshFeature"] == "UDP");
  CHECK(reports[2]["generated"][0]["kind"] == "PeerAuthentication");
  CHECK_FALSE(reports[2]["explanation"].get<std::string>().empty());
}
