#include "libs/smi/resolve.h"

#include <catch2/catch.hpp>

#include "libs/smi/parse.h"
#include "libs/smi/validate.h"

using nlohmann::json;
namespace smi = meshplay::smi;

namespace {

json Target(const json& rules) {
  return {{"apiVersion", "access.smi-spec.io/v1alpha3"},
          {"kind", "TrafficTarget"},
          {"metadata", {{"name", "t"}, {"namespace", "shop"}}},
          {"spec",
           {{"destination", {{"kind", "ServiceAccount"}, {"name", "api"}}},
            {"rules", rules},
            {"sources", {{{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "shop"}}}}}}};
}

json Rule(const char* kind, const char* name) {
  return {{"kind", kind}, {"name", name}};
}

json Group(const char* name, const char* path) {
  return {{"apiVersion", "specs.smi-spec.io/v1alpha4"},
          {"kind", "HTTPRouteGroup"},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", {{"matches", {{{"name", "m"}, {"pathRegex", path}}}}}}};
}

json Route(const char* kind, const char* name, const json& ports) {
  return {{"apiVersion", "specs.smi-spec.io/v1alpha4"},
          {"kind", kind},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", {{"matches", {{"ports", ports}}}}}};
}

struct Resolved {
  std::optional<smi::Grant> grant;
  std::vector<smi::Diagnostic> diagnostics;
};

Resolved Resolve(const std::vector<json>& documents) {
  const smi::DocumentSet set = smi::ParseDocuments(documents);
  const smi::ClusterFacts facts;
  const smi::FactsIndex index(facts);
  const smi::Resolver resolver(set, index, smi::Validate(set, &index));
  Resolved out;
  out.grant = resolver.ResolveTarget(set.targets.at(0), out.diagnostics);
  if (out.grant.has_value()) out.grant->target = nullptr;  // The set ends here.
  return out;
}

smi::Workload MakeWorkload(const char* name, const char* account, const smi::Labels& labels) {
  smi::Workload workload;
  workload.kind = "Deployment";
  workload.namespace_name = "shop";
  workload.name = name;
  workload.service_account = account;
  workload.labels = labels;
  workload.selector = labels;
  return workload;
}

}  // namespace

TEST_CASE("a TCPRoute beside an HTTPRouteGroup restricts its ports", "[smi][resolve]") {
  const Resolved out = Resolve({Target({Rule("HTTPRouteGroup", "r"), Rule("TCPRoute", "p")}), Group("r", "/a"),
                                Route("TCPRoute", "p", {8081, 8080})});

  REQUIRE(out.grant.has_value());
  CHECK(out.grant->http->size() == 1);
  CHECK(out.grant->tcp.scope == smi::PortScope::kListed);
  CHECK(out.grant->tcp.ports == std::vector<int>{8080, 8081});
}

TEST_CASE("a missing HTTPRouteGroup does not turn its TCPRoute into an allow of all bytes", "[smi][resolve]") {
  const Resolved out =
      Resolve({Target({Rule("HTTPRouteGroup", "gone"), Rule("TCPRoute", "p")}), Route("TCPRoute", "p", {8080})});

  REQUIRE(out.grant.has_value());
  CHECK_FALSE(out.grant->AllowsTcp());
  CHECK(out.grant->reduced);
}

TEST_CASE("a missing TCPRoute does not open all ports to its HTTPRouteGroup", "[smi][resolve]") {
  const Resolved out = Resolve({Target({Rule("HTTPRouteGroup", "r"), Rule("TCPRoute", "gone")}), Group("r", "/a")});

  REQUIRE(out.grant.has_value());
  CHECK_FALSE(out.grant->AllowsTcp());
  CHECK(out.grant->reduced);
}

TEST_CASE("an invalid group counts as missing", "[smi][resolve]") {
  const Resolved out = Resolve({Target(json::array({Rule("HTTPRouteGroup", "r")})), Group("r", "/(a")});

  REQUIRE(out.grant.has_value());
  CHECK_FALSE(out.grant->AllowsTcp());
  REQUIRE(out.diagnostics.size() == 1);
  CHECK(out.diagnostics[0].code == "REFERENCE_UNRESOLVED");
}

TEST_CASE("rules are a union and ports without a list are all ports", "[smi][resolve]") {
  const Resolved out =
      Resolve({Target({Rule("TCPRoute", "some"), Rule("TCPRoute", "all"), Rule("UDPRoute", "u")}),
               Route("TCPRoute", "some", {1}), Route("TCPRoute", "all", json::array()), Route("UDPRoute", "u", {53})});

  REQUIRE(out.grant.has_value());
  CHECK(out.grant->tcp.scope == smi::PortScope::kAny);
  CHECK(out.grant->udp.ports == std::vector<int>{53});
  CHECK_FALSE(out.grant->http.has_value());
}

TEST_CASE("a UDPRoute alone allows no TCP", "[smi][resolve]") {
  const Resolved out = Resolve({Target(json::array({Rule("UDPRoute", "u")})), Route("UDPRoute", "u", json::array())});

  REQUIRE(out.grant.has_value());
  CHECK_FALSE(out.grant->AllowsTcp());
}

TEST_CASE("the port of old versions restricts every rule", "[smi][resolve]") {
  json old = Target({Rule("HTTPRouteGroup", "r")});
  old["apiVersion"] = "access.smi-spec.io/v1alpha2";
  old["spec"]["rules"] = json::array({Rule("HTTPRouteGroup", "r")});
  old["spec"]["destination"]["port"] = 8080;

  const Resolved out = Resolve({old, Group("r", "/a")});

  REQUIRE(out.grant.has_value());
  CHECK(out.grant->tcp.scope == smi::PortScope::kListed);
  CHECK(out.grant->tcp.ports == std::vector<int>{8080});
}

TEST_CASE("a selector that takes pods of another account is not used", "[smi][resolve]") {
  smi::ClusterFacts facts;
  facts.workloads = {MakeWorkload("api", "api", {{"app", "api"}}),
                     MakeWorkload("job", "other", {{"app", "api"}, {"role", "job"}})};
  const smi::FactsIndex index(facts);
  std::vector<smi::Diagnostic> diagnostics;

  CHECK(smi::SelectWorkloads(index, {"shop", "api", ""}, "/spec/destination", diagnostics).selections.empty());
  REQUIRE(diagnostics.size() == 1);
  CHECK(diagnostics[0].code == "SELECTOR_OVERLAP");
  diagnostics.clear();
  CHECK(smi::SelectWorkloads(index, {"shop", "other", ""}, "", diagnostics).selections.size() == 1);
  CHECK(diagnostics.empty());
}

TEST_CASE("T17 a named target port needs a container port of that name and transport", "[smi][resolve]") {
  smi::ServicePort port;
  port.port = 80;
  port.target_port_name = "foo";

  CHECK(smi::ResolveTargetPort(port, {}) == std::nullopt);
  CHECK(smi::ResolveTargetPort(port, {{"bar", 1, false}, {"foo", 3000, true}}) == std::nullopt);
  port.protocol = smi::PortProtocol::kUdp;
  CHECK(smi::ResolveTargetPort(port, {{"foo", 3000, true}}) == 3000);
  port.target_port_name.clear();
  port.target_port = 3000;
  CHECK(smi::ResolveTargetPort(port, {}) == 3000);
}

TEST_CASE("workloads of two kinds that share a name are two selections with names of their own", "[smi][resolve]") {
  smi::ClusterFacts facts;
  facts.workloads = {MakeWorkload("web", "api", {{"app", "a"}}), MakeWorkload("web", "api", {{"app", "b"}})};
  facts.workloads[0].kind = "Deployment";
  facts.workloads[1].kind = "StatefulSet";
  const smi::FactsIndex index(facts);
  std::vector<smi::Diagnostic> diagnostics;
  const auto selected = smi::SelectWorkloads(index, {"shop", "api", ""}, "", diagnostics).selections;
  REQUIRE(selected.size() == 2);
  CHECK(selected[0].name == "web");
  CHECK(selected[1].name == "web/statefulset");
}

TEST_CASE("Service ports become the pod ports of the workloads that the Service selects", "[smi][resolve]") {
  smi::ClusterFacts facts;
  facts.workloads = {MakeWorkload("a", "api", {{"app", "a"}}), MakeWorkload("b", "api", {{"app", "b"}})};
  const auto service = [](const char* name, const smi::Labels& selector, int target) {
    smi::Service out;
    out.namespace_name = "shop";
    out.name = name;
    out.selector = selector;
    out.ports = {{"http", 80, target, "", smi::PortProtocol::kHttp}};
    return out;
  };
  facts.services = {service("a", {{"app", "a"}}, 8080), service("a2", {{"app", "a"}}, 8081)};
  const smi::FactsIndex index(facts);
  const smi::Identity account{"shop", "api", ""};
  std::vector<smi::Diagnostic> diagnostics;
  const auto selected = smi::SelectWorkloads(index, account, "", diagnostics).selections;
  REQUIRE(selected.size() == 2);

  const auto first = smi::ResolvePodPorts(index, account, selected[0], {80, 9000});
  CHECK(first.ports == std::vector<int>{8080, 8081, 9000});
  CHECK(first.assumed == std::vector<int>{9000});
  CHECK(smi::ResolvePodPorts(index, account, selected[1], {80}).ports.empty());
}
