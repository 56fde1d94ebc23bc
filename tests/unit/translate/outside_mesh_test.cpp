#include <catch2/catch.hpp>
#include <map>

#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/translate/emitters.h"

using meshplay::testing::AllEmitters;
using nlohmann::json;
namespace smi = meshplay::smi;
namespace translate = meshplay::translate;

namespace {

json Pods(const std::string& name, const std::string& account, const json& annotations, bool host_network) {
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", name}}},
          {"spec",
           {{"selector", {{"matchLabels", {{"app", name}}}}},
            {"template",
             {{"metadata", {{"labels", {{"app", name}}}, {"annotations", annotations}}},
              {"spec",
               {{"serviceAccountName", account},
                {"hostNetwork", host_network},
                {"containers", {{{"name", "c"}, {"ports", {{{"containerPort", 80}}}}}}}}}}}}}};
}

json ServiceOf(const std::string& name) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}}},
          {"spec", {{"selector", {{"app", name}}}, {"ports", {{{"name", "http"}, {"port", 80}}}}}}};
}

const std::vector<json> kDocuments = {
    {{"apiVersion", "access.smi-spec.io/v1alpha3"},
     {"kind", "TrafficTarget"},
     {"metadata", {{"name", "t"}}},
     {"spec",
      {{"destination", {{"kind", "ServiceAccount"}, {"name", "api"}, {"namespace", "shop"}}},
       {"rules", {{{"kind", "TCPRoute"}, {"name", "any"}}}},
       {"sources", {{{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "shop"}}}}}}},
    {{"apiVersion", "specs.smi-spec.io/v1alpha4"},
     {"kind", "TCPRoute"},
     {"metadata", {{"name", "any"}}},
     {"spec", {{"matches", {{"ports", json::array()}}}}}}};

smi::SmiReport ReportOf(const translate::TranslateEmitter& emitter, std::vector<json> cluster,
                        const translate::OptionMap& options = {}, const std::vector<json>& documents = kDocuments) {
  cluster.push_back(ServiceOf("api"));
  cluster.push_back(ServiceOf("web"));
  const auto emission = emitter.emit(smi::ParseDocuments(documents, {"shop"}),
                                     meshplay::facts::FactsFromObjects(cluster, {"shop"}), options);
  REQUIRE(emission.has_value());
  return emission->reports.at(0);
}

std::string PlaceOf(const smi::SmiReport& report) {
  for (const smi::Diagnostic& diagnostic : report.diagnostics) {
    if (diagnostic.code == "WORKLOAD_OUTSIDE_MESH") return diagnostic.pointer;
  }
  return {};
}

// The annotation by which a pod leaves each mesh; empty: there is none.
const std::map<std::string, json> kOptOuts = {
    {"istio", {{"sidecar.istio.io/inject", "false"}}},
    {"linkerd", {{"linkerd.io/inject", "disabled"}}},
    {"kuma", {{"kuma.io/sidecar-injection", "disabled"}}},
    {"consul", {{"consul.hashicorp.com/connect-inject", "false"}}},
    {"cilium", json::object()},
    {"osm", {{"openservicemesh.io/sidecar-injection", "disabled"}}},
    {"nginx-service-mesh", {{"injector.nsm.nginx.com/auto-inject", "false"}}},
};

}  // namespace

TEST_CASE("pods on the network of their node are never reported as guarded, nor as callers", "[translate]") {
  for (const auto& tried : AllEmitters()) {
    const translate::TranslateEmitter& emitter = tried.emitter;
    if (kOptOuts.count(emitter.name) == 0) continue;
    INFO(emitter.name);
    const json plain = json::object();
    const smi::SmiReport in = ReportOf(emitter, {Pods("api", "api", plain, false), Pods("web", "web", plain, false)});
    CHECK(PlaceOf(in).empty());

    const smi::SmiReport all = ReportOf(emitter, {Pods("api", "api", plain, true), Pods("web", "web", plain, false)});
    CHECK(all.level == smi::SupportLevel::kNone);
    CHECK(PlaceOf(all) == "/spec/destination");

    const smi::SmiReport some = ReportOf(
        emitter, {Pods("api", "api", plain, false), Pods("b", "api", plain, true), Pods("web", "web", plain, false)});
    CHECK(some.level != smi::SupportLevel::kFull);
    CHECK(PlaceOf(some) == "/spec/destination");

    const smi::SmiReport caller =
        ReportOf(emitter, {Pods("api", "api", plain, false), Pods("web", "web", plain, true)});
    CHECK(caller.level != smi::SupportLevel::kFull);
    CHECK(PlaceOf(caller) == "/spec/sources");
  }
}

TEST_CASE("pods that left their mesh are never reported as guarded", "[translate]") {
  std::size_t meshes = 0;
  for (const auto& tried : AllEmitters()) {
    const auto opt_out = kOptOuts.find(tried.emitter.name);
    if (opt_out == kOptOuts.end() || opt_out->second.empty()) continue;
    INFO(tried.emitter.name);
    ++meshes;
    const json plain = json::object();
    const smi::SmiReport left =
        ReportOf(tried.emitter, {Pods("api", "api", opt_out->second, false), Pods("web", "web", plain, false)});
    CHECK(left.level == smi::SupportLevel::kNone);
    CHECK(PlaceOf(left) == "/spec/destination");
    // Another mesh's word for it means nothing here.
    const json other = {{tried.emitter.name == "istio" ? "linkerd.io/inject" : "sidecar.istio.io/inject", "false"}};
    CHECK(
        PlaceOf(ReportOf(tried.emitter, {Pods("api", "api", other, false), Pods("web", "web", plain, false)})).empty());
  }
  CHECK(meshes == 6);
}

TEST_CASE("pods that Consul knows by another name than their Service's are not reported as guarded", "[translate]") {
  for (const auto& tried : AllEmitters()) {
    if (tried.emitter.name != "consul") continue;
    const auto named = [&](const char* name) {
      return ReportOf(tried.emitter, {Pods("api", "api", {{"consul.hashicorp.com/connect-service", name}}, false),
                                      Pods("web", "web", json::object(), false)});
    };
    CHECK(named("backend").level == smi::SupportLevel::kNone);
    CHECK(PlaceOf(named("api")).empty());
  }
}

TEST_CASE("a pod that is out of Istio's ambient mode is not reported as guarded there", "[translate]") {
  json out = Pods("api", "api", json::object(), false);
  out["spec"]["template"]["metadata"]["labels"]["istio.io/dataplane-mode"] = "none";
  const std::vector<json> cluster = {out, Pods("web", "web", json::object(), false)};
  const translate::TranslateEmitter istio = meshplay::istio::Emitter();
  CHECK(ReportOf(istio, cluster, {{"istio.dataplane", "ambient"}}).level == smi::SupportLevel::kNone);
  CHECK(PlaceOf(ReportOf(istio, cluster)).empty());
}

TEST_CASE("the place of what is outside leads into the object, whatever its version", "[translate]") {
  const json older = {
      {"apiVersion", "access.smi-spec.io/v1alpha1"},
      {"kind", "TrafficTarget"},
      {"metadata", {{"name", "t"}}},
      {"destination", {{"kind", "ServiceAccount"}, {"name", "api"}, {"namespace", "shop"}, {"port", 80}}},
      {"specs", {{{"kind", "TCPRoute"}, {"name", "any"}}}},
      {"sources", {{{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "shop"}}}}};
  const smi::SmiReport report = ReportOf(
      meshplay::istio::Emitter(), {Pods("api", "api", json::object(), true), Pods("web", "web", json::object(), false)},
      {}, {older, kDocuments[1]});
  CHECK(PlaceOf(report) == "/destination");
}
