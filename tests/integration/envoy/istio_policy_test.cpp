#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "adapters/istio/emitter/emit.h"
#include "libs/base/process.h"
#include "libs/smi/parse.h"
#include "tests/integration/envoy/mesh.h"
#include "tests/integration/envoy/proxy.h"
#include "tests/integration/envoy/tls_caller.h"
#include "tests/unit/istio_emitter/istio_interpreter.h"

using meshplay::test::Identities;
using meshplay::test::NameOf;
using meshplay::test::OnTheWire;
using meshplay::test::Proxy;
using meshplay::test::TlsCaller;
using meshplay::testing::Below;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::Request;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 150;
constexpr int kConnectionsEach = 4;
constexpr int kRequestsEach = 10;

std::vector<json> Emit(const std::vector<json>& documents, bool filter) {
  const auto facts = meshplay::test::ApiFacts();
  istio::EmitOptions options;
  options.envoy_filter = filter;
  auto emission = istio::EmitSmi(smi::ParseDocuments(documents), facts, options);
  REQUIRE(emission.has_value());
  return emission->objects;
}

// From here to FilterOf: what istiod makes of an AuthorizationPolicy, as its authorization generator does it for the
// fields that Meshplay writes (the last test case compares the two). Envoy then tells what that means.
template <class Make>
json AnyOf(const char* word, const char* items, const json& values, const Make& make) {
  json list = json::array();
  for (const json& value : values) list.push_back(make(value));
  return {{word, {{items, std::move(list)}}}};
}

json TextMatcher(const std::string& value) {
  if (value.starts_with("*")) return {{"suffix", value.substr(1)}};
  if (value.ends_with("*")) return {{"prefix", value.substr(0, value.size() - 1)}};
  return {{"exact", value}};
}

json HeaderMatcher(const std::string& name, const std::string& value) {
  if (value == "*") return {{"header", {{"name", name}, {"present_match", true}}}};
  return {{"header", {{"name", name}, {"string_match", TextMatcher(value)}}}};
}

json PathMatcher(std::string value) {
  if (value == "*") return {{"url_path", {{"path", {{"safe_regex", {{"regex", ".+"}}}}}}}};
  if (value.find("{*") == std::string::npos) return {{"url_path", {{"path", TextMatcher(value)}}}};
  for (std::size_t at = 0; (at = value.find_first_of("{}", at)) != std::string::npos;) value.erase(at, 1);
  return {{"uri_template",
           {{"name", "uri-template"},
            {"typed_config",
             {{"@type", "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"},
              {"path_template", value}}}}}};
}

json PermissionOf(const json& rule) {
  json all = json::array({{{"any", true}}});
  const json operation = rule.contains("to") ? rule["to"][0]["operation"] : json::object();
  const auto add = [&](const char* field, const auto& make) {
    if (operation.contains(field)) all.push_back(AnyOf("or_rules", "rules", operation[field], make));
  };
  add("ports", [](const json& port) { return json{{"destination_port", std::stoi(port.get<std::string>())}}; });
  add("methods", [](const json& method) { return HeaderMatcher(":method", method); });
  add("paths", [](const json& path) { return PathMatcher(path); });
  return {{"and_rules", {{"rules", std::move(all)}}}};
}

json PrincipalOf(const json& rule) {
  json names = json::array();
  for (const json& from : rule.at("from")) {
    for (const json& name : from["source"]["principals"]) names.push_back("spiffe://" + name.get<std::string>());
  }
  json all = json::array({AnyOf("or_ids", "ids", names, [](const json& name) {
    return json{{"authenticated", {{"principal_name", {{"exact", name}}}}}};
  })});
  for (const json& condition : rule.value("when", json::array())) {
    const std::string key = condition["key"];
    const std::string header = key.substr(key.find('[') + 1, key.size() - key.find('[') - 2);
    all.push_back(
        AnyOf("or_ids", "ids", condition["values"], [&](const json& value) { return HeaderMatcher(header, value); }));
  }
  return {{"and_ids", {{"ids", std::move(all)}}}};
}

json FilterOf(const std::vector<json>& objects) {
  json policies = json::object();
  for (const json& object : objects) {
    if (object["kind"] != "AuthorizationPolicy") continue;
    for (const json& rule : object["spec"].value("rules", json::array())) {
      policies["rule-" + std::to_string(policies.size())] = {{"permissions", json::array({PermissionOf(rule)})},
                                                             {"principals", json::array({PrincipalOf(rule)})}};
    }
  }
  return {{"name", "envoy.filters.http.rbac"},
          {"typed_config",
           {{"@type", "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"},
            {"rules", {{"action", "ALLOW"}, {"policies", std::move(policies)}}}}}};
}

// What a permission or a principal asks for together, in any order.
std::multiset<std::string> Parts(const json& policy, const char* list, const char* word, const char* items) {
  REQUIRE(policy[list].size() == 1);
  const json& all = policy[list][0][word][items];
  std::multiset<std::string> out;
  for (const json& part : all) {
    // Says nothing beside others.
    if (part != json{{"any", true}} || all.size() == 1) out.insert(part.dump());
  }
  return out;
}

json Both(const std::vector<json>& objects) {
  json filters = json::array({FilterOf(objects)});
  for (const json& object : objects) {
    if (object["kind"] == "EnvoyFilter") filters.push_back(object["spec"]["configPatches"][0]["patch"]["value"]);
  }
  return filters;
}

}  // namespace

TEST_CASE("Envoy reads Istio's policies as our interpreter does, and with the filter beside them exactly as SMI",
          "[envoy]") {
  const Identities identities("cluster.local");
  const meshplay::test::Backend backend;
  std::mt19937 random(20'261'129);
  std::vector<RandomPolicy> policies;
  std::vector<std::vector<json>> alone;
  std::map<std::string, Proxy::Chain> chains;
  while (policies.size() < kPolicies) {
    RandomPolicy policy(random);
    alone.push_back(Emit(policy.Documents(), false));
    chains[NameOf(policies.size(), "alone")].http_filter = FilterOf(alone.back());
    chains[NameOf(policies.size(), "both")].http_filter = Both(Emit(policy.Documents(), true));
    policies.push_back(std::move(policy));
  }
  const auto proxy = Proxy::Start(chains, identities.authority(), backend.port());
  if (proxy == nullptr) return;

  int allowed = 0;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    for (int connection = 0; connection < kConnectionsEach; ++connection) {
      const Request who = RandomRequest(random);
      TlsCaller by_policy(proxy->port(), who.port, NameOf(i, "alone"), identities.Of(who.source_account));
      TlsCaller by_both(proxy->port(), who.port, NameOf(i, "both"), identities.Of(who.source_account));
      for (int k = 0; k < kRequestsEach; ++k) {
        Request request = RandomRequest(random);
        request.is_http = true;
        request.source_account = who.source_account;
        request.port = who.port;
        const std::string wire = OnTheWire(request, Below(random, 3) == 0 ? "?x=/api&y=/u/7/o" : "");
        const bool policy_allows = meshplay::testing::IstioAllows(alone[i], request);
        const bool smi_allows = policies[i].Allows(request);
        if (policy_allows) ++allowed;
        const int alone_status = by_policy.Send(wire).status;
        const int both_status = by_both.Send(wire).status;
        if (alone_status == (policy_allows ? 200 : 403) && both_status == (smi_allows ? 200 : 403)) continue;
        FAIL("policies alone: " << alone_status << ", our interpreter: " << policy_allows
                                << "; with the filter: " << both_status << ", SMI: " << smi_allows << "\n"
                                << wire << meshplay::testing::Text(request) << "\n"
                                << json(policies[i].Documents()).dump(1) << "\n"
                                << json(alone[i]).dump(1));
      }
    }
  }
  CHECK(allowed > kPolicies * kConnectionsEach * kRequestsEach / 20);
}

// Not part of a run: the program takes minutes to build. CONTRIBUTING.md has the command.
TEST_CASE("istiod's own generator makes of policies the filters that these tests give to Envoy", "[.istio-authz]") {
  const char* generator = std::getenv("MESHPLAY_TEST_ISTIO_AUTHZ");
  REQUIRE(generator != nullptr);
  std::mt19937 random(20'261'129);
  std::vector<json> objects;
  for (int i = 0; i < 4 * kPolicies; ++i) {
    for (json& object : Emit(RandomPolicy(random).Documents(), false)) {
      if (object["kind"] == "AuthorizationPolicy") objects.push_back(std::move(object));
    }
  }
  meshplay::ProcessSpec spec;
  spec.argv = {generator};
  for (const json& object : objects) spec.stdin_text += object.dump() + "\n";
  const auto outcome = meshplay::RunProcess(spec);
  REQUIRE(outcome.has_value());
  INFO(outcome->stderr_text);
  REQUIRE(outcome->exit_code == 0);
  std::istringstream lines(outcome->stdout_text);
  std::size_t rules = 0;
  for (const json& object : objects) {
    std::string line;
    REQUIRE(std::getline(lines, line));
    const json theirs = json::parse(line);
    INFO(object.dump(1) << line);
    const json wanted = object["spec"].value("rules", json::array());
    REQUIRE(theirs.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i, ++rules) {
      const json ours = {{"permissions", json::array({PermissionOf(wanted[i])})},
                         {"principals", json::array({PrincipalOf(wanted[i])})}};
      CHECK(Parts(ours, "permissions", "and_rules", "rules") == Parts(theirs[i], "permissions", "and_rules", "rules"));
      CHECK(Parts(ours, "principals", "and_ids", "ids") == Parts(theirs[i], "principals", "and_ids", "ids"));
    }
  }
  CHECK(rules > 300);
}
