#include "adapters/linkerd/emitter/emit.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cases.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace linkerd = meshplay::linkerd;
namespace smi = meshplay::smi;

namespace {

// Each "-" with 8 hexadecimal digits that ends a part of a name is written "-HASH".
std::string WithoutHashes(std::string text) {
  for (std::size_t i = 0; i + 9 <= text.size(); ++i) {
    const bool ends = i + 9 == text.size() || text[i + 9] == '-';
    const bool hash =
        text[i] == '-' && ends && text.substr(i + 1, 8).find_first_not_of("0123456789abcdef") == std::string::npos;
    if (hash) text.replace(i + 1, 8, "HASH");
  }
  return text;
}

json WithoutHashes(const json& value) {
  if (value.is_string()) return WithoutHashes(value.get<std::string>());
  json out = value;
  for (json& item : out) {
    if (item.is_structured() || item.is_string()) item = WithoutHashes(item);
  }
  return out;
}

json Plain(const json& object) {
  return {{"kind", object["kind"]},
          {"name", object["metadata"]["namespace"].get<std::string>() + "/" +
                       WithoutHashes(object["metadata"]["name"].get<std::string>())},
          {"spec", WithoutHashes(object["spec"])}};
}

json Plain(const smi::SmiReport& report) {
  json codes = json::array();
  for (const auto& diagnostic : report.diagnostics) {
    // Every guarded destination has it; a test of its own looks at it.
    if (diagnostic.code != "PORTS_UNGUARDED") codes.push_back(diagnostic.code);
  }
  return {{"source", report.source.kind + " " + report.source.name},
          {"level", smi::SupportLevelName(report.level)},
          {"codes", codes}};
}

meshplay::translate::Emission Emit(const json& c) {
  const smi::DocumentSet set = smi::ParseDocuments(ListAt(c, "documents"), {"shop"});
  smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(ListAt(c, "cluster"), {"shop"});
  facts.mesh_version = c.value("mesh_version", std::string());
  linkerd::EmitOptions options;
  const json wanted = c.value("options", json::object());
  for (const auto& [name, value] : wanted.items()) {
    REQUIRE(linkerd::SetOption(options, name, value.get<std::string>()).has_value());
  }
  auto emission = linkerd::EmitSmi(set, facts, options);
  REQUIRE(emission.has_value());
  return *emission;
}

}  // namespace

TEST_CASE("SMI becomes the Linkerd objects and reports of the design's cases", "[linkerd][emit]") {
  for (const json& c : LoadCases("linkerd.yaml")) {
    INFO(c["name"].get<std::string>());

    const auto emission = Emit(c);

    json objects = json::array();
    for (const json& object : emission.objects) objects.push_back(Plain(object));
    CHECK(objects == json(ListAt(c, "objects")));
    json reports = json::array();
    for (const auto& report : emission.reports) {
      const bool target = report.source.kind == "TrafficTarget" || report.source.kind == "TrafficSplit";
      if (target || report.level != smi::SupportLevel::kFull) reports.push_back(Plain(report));
    }
    CHECK(reports == json(ListAt(c, "reports")));
  }
}

TEST_CASE("every guarded destination is told that undeclared ports are not, and no other one", "[linkerd][emit]") {
  const auto told = [](const json& c) {
    const auto emission = Emit(c);
    for (const smi::Diagnostic& diagnostic : emission.reports.back().diagnostics) {
      if (diagnostic.code != "PORTS_UNGUARDED") continue;
      CHECK(diagnostic.severity == smi::Severity::kWarning);
      CHECK(diagnostic.pointer == "/spec/destination");
      return true;
    }
    return false;
  };
  json c = LoadCases("linkerd.yaml").front();
  CHECK(told(c));
  c.erase("cluster");
  CHECK_FALSE(told(c));
}

TEST_CASE("the order of documents and cluster objects does not change the objects", "[linkerd][emit]") {
  for (const json& c : LoadCases("linkerd.yaml")) {
    INFO(c["name"].get<std::string>());
    json reversed = c;
    std::reverse(reversed["documents"].begin(), reversed["documents"].end());
    if (reversed.contains("cluster")) std::reverse(reversed["cluster"].begin(), reversed["cluster"].end());
    CHECK(Emit(c).objects == Emit(reversed).objects);
  }
}

TEST_CASE("a baseline of a namespace names its first 32 targets, and stays when one of them is refused",
          "[linkerd][emit]") {
  const auto pods = [](const std::string& name) {
    return json{{"apiVersion", "apps/v1"},
                {"kind", "Deployment"},
                {"metadata", {{"name", name}}},
                {"spec",
                 {{"selector", {{"matchLabels", {{"app", name}}}}},
                  {"template",
                   {{"metadata", {{"labels", {{"app", name}}}}},
                    {"spec",
                     {{"serviceAccountName", name},
                      {"containers", json::array({{{"name", "c"}, {"ports", {{{"containerPort", 80}}}}}})}}}}}}}};
  };
  json c = {{"options", {{"mode", "strict"}}}, {"cluster", json::array({pods("idle")})}, {"documents", json::array()}};
  for (int i = 10; i < 50; ++i) {
    const std::string name = "t" + std::to_string(i);
    c["cluster"].push_back(pods(name));
    c["documents"].push_back(
        {{"apiVersion", "access.smi-spec.io/v1alpha3"},
         {"kind", "TrafficTarget"},
         {"metadata", {{"name", name}}},
         {"spec",
          {{"destination", {{"kind", "ServiceAccount"}, {"name", name}}},
           {"rules", {{{"kind", "TCPRoute"}, {"name", "p"}}}},
           {"sources", {{{"kind", "ServiceAccount"}, {"name", "idle"}, {"namespace", "shop"}}}}}}});
  }
  const auto sources = [](const meshplay::translate::Emission& emission) {
    for (const json& object : emission.objects) {
      const json& metadata = object["metadata"];
      if (metadata["name"] == "smi-idle-80")
        return metadata["annotations"]["meshplay.dev/smi-sources"].get<std::string>();
    }
    return std::string();
  };
  const std::string named = sources(Emit(c));
  CHECK(named.starts_with("TrafficTarget/shop/t10,"));
  CHECK(named.ends_with(",TrafficTarget/shop/t41"));
  CHECK(std::count(named.begin(), named.end(), ',') == 31);
  c["cluster"].push_back({{"apiVersion", "policy.linkerd.io/v1beta3"},
                          {"kind", "Server"},
                          {"metadata", {{"name", "smi-t10-80"}}},
                          {"spec", {{"podSelector", {{"matchLabels", {{"app", "other"}}}}}, {"port", 80}}}});
  CHECK(sources(Emit(c)).find("TrafficTarget/shop/t41") != std::string::npos);
}

TEST_CASE("options have their documented names and values", "[linkerd][options]") {
  linkerd::EmitOptions options;
  CHECK(linkerd::SetOption(options, "linkerd.profile", "true").has_value());
  CHECK(options.profile);
  CHECK(linkerd::SetOption(options, "linkerd.profile", "yes").error().reason() == "SMI_OPTION_INVALID");
  CHECK(linkerd::SetOption(options, "mode", "strict").has_value());
  CHECK(options.strict);
  CHECK(linkerd::SetOption(options, "mode", "lax").error().reason() == "SMI_OPTION_INVALID");
  CHECK(linkerd::SetOption(options, "pathAnchor", "full").has_value());
  CHECK(linkerd::SetOption(options, "trustDomain", "cluster.local").has_value());
  CHECK(linkerd::SetOption(options, "trustDomain", "east.example").has_value());
  CHECK(linkerd::SetOption(options, "kuma.identity", "mesh").error().reason() == "SMI_OPTION_UNKNOWN");
}
