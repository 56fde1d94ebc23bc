#include "tests/unit/translate/random_world.h"

#include <algorithm>

#include "libs/facts/kubernetes_facts.h"

namespace meshplay::testing {
namespace {

using nlohmann::json;

std::ptrdiff_t At(int place) {
  return static_cast<std::ptrdiff_t>(place);
}

}  // namespace

RandomWorld::RandomWorld(unsigned seed) : random_(seed) {
  for (int i = 0; i < 12; ++i) documents_.push_back(Document());
  for (int i = 0; i < 6; ++i) cluster_.push_back(Workload());
  for (int i = 0; i < 6; ++i) cluster_.push_back(Service());
  cluster_.push_back(NamespaceObject());
}

json RandomWorld::Meta(const std::string& name) {
  json meta = {{"name", name}, {"namespace", Namespace()}};
  if (Chance(30)) meta["creationTimestamp"] = "2024-01-0" + std::to_string(1 + Pick(9)) + "T00:00:00Z";
  if (Chance(50)) meta["uid"] = Name("uid", 100);
  if (Chance(2)) meta["name"] = "Not A Name";
  return meta;
}

json RandomWorld::Subject() {
  if (Chance(15)) return {{"kind", "IdentityBinding"}, {"name", Name("b", 3)}, {"namespace", Namespace()}};
  json subject = {{"kind", Chance(97) ? "ServiceAccount" : "Group"}, {"name", Name("sa", 4)}};
  if (Chance(70)) subject["namespace"] = Namespace();
  return subject;
}

json RandomWorld::Target() {
  json rules = json::array();
  for (int i = Pick(3); i >= 0; --i) {
    json rule = {{"kind", "HTTPRouteGroup"}, {"name", Name("g", 4)}};
    if (Chance(25)) rule = {{"kind", Chance(70) ? "TCPRoute" : "UDPRoute"}, {"name", Name("p", 3)}};
    if (Chance(20)) rule["matches"] = json::array({Name("m", 3)});
    rules.push_back(std::move(rule));
  }
  json sources = json::array();
  for (int i = Pick(3); i >= 0; --i) sources.push_back(Subject());
  if (Chance(5)) sources = json::array();
  return {{"apiVersion", "access.smi-spec.io/v1alpha4"},
          {"kind", "TrafficTarget"},
          {"metadata", Meta(Name("t", 6))},
          {"spec", {{"destination", Subject()}, {"rules", rules}, {"sources", sources}}}};
}

json RandomWorld::Group() {
  static const std::vector<std::string> kPaths = {"", "/api", "/api/.*", "/u/[0-9]+", "/metrics$", "/a|/b", "/bad("};
  json matches = json::array();
  for (int i = Pick(3); i >= 0; --i) {
    json match = {{"name", Name("m", 4)}, {"pathRegex", kPaths[static_cast<std::size_t>(Pick(Chance(5) ? 7 : 6))]}};
    if (Chance(40)) match["methods"] = json::array({Chance(95) ? "GET" : "Get"});
    if (Chance(30)) match["headers"] = {{"x-a", Chance(50) ? "v[12]" : "v1"}};
    matches.push_back(std::move(match));
  }
  return {{"apiVersion", Chance(80) ? "specs.smi-spec.io/v1alpha4" : "specs.smi-spec.io/v1alpha3"},
          {"kind", "HTTPRouteGroup"},
          {"metadata", Meta(Name("g", 5))},
          {"spec", {{"matches", matches}}}};
}

json RandomWorld::PortRoute() {
  json ports = json::array();
  for (int i = Pick(3); i > 0; --i) ports.push_back(8080 + Pick(3));
  return {{"apiVersion", "specs.smi-spec.io/v1alpha4"},
          {"kind", Chance(70) ? "TCPRoute" : "UDPRoute"},
          {"metadata", Meta(Name("p", 3))},
          {"spec", {{"matches", {{"ports", ports}}}}}};
}

json RandomWorld::Binding() {
  json schemes = {{"serviceAccount", Name("sa", 4)}};
  if (Chance(50)) schemes = {{"podLabelSelector", {{"matchLabels", {{"app", Name("app", 4)}}}}}};
  if (Chance(10)) schemes["spiffeIdentities"] = json::array({"spiffe://other/ns/x/sa/y"});
  return {{"apiVersion", "access.smi-spec.io/v1alpha4"},
          {"kind", "IdentityBinding"},
          {"metadata", Meta(Name("b", 3))},
          {"spec", {{"schemes", schemes}}}};
}

json RandomWorld::Split() {
  json backends = json::array();
  for (int i = Pick(3); i >= 0; --i) {
    backends.push_back({{"service", Name("s", 7)}, {"weight", Chance(95) ? Pick(4) : -1}});
  }
  json spec = {{"service", Name("s", 5)}, {"backends", backends}};
  if (Chance(30)) spec["matches"] = json::array({{{"kind", "HTTPRouteGroup"}, {"name", Name("g", 5)}}});
  return {{"apiVersion", "split.smi-spec.io/v1alpha4"},
          {"kind", "TrafficSplit"},
          {"metadata", Meta(Name("x", 6))},
          {"spec", spec}};
}

json RandomWorld::Document() {
  const int kind = Pick(100);
  if (kind < 30) return Target();
  if (kind < 50) return Group();
  if (kind < 60) return PortRoute();
  if (kind < 68) return Binding();
  if (kind < 95) return Split();
  if (kind < 97) {
    return {{"apiVersion", "split.smi-spec.io/v1alpha9"}, {"kind", "TrafficSplit"}, {"metadata", Meta("u")}};
  }
  return {{"kind", "List"}, {"apiVersion", "v1"}, {"items", json::array({Target(), Split(), Group()})}};
}

json RandomWorld::Workload() {
  // Mostly one account an app: else selectors overlap and nothing is emitted.
  const std::string number = std::to_string(Pick(4));
  const std::string account = Chance(85) ? "sa" + number : Name("sa", 4);
  const json labels = {{"app", "app" + number}, {"tier", Name("t", 2)}};
  json selector = {{"app", labels["app"]}};
  if (Chance(5)) selector = {{"tier", labels["tier"]}};
  const json container = {{"name", "c"}, {"ports", json::array({{{"name", "http"}, {"containerPort", 8080}}})}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", Name("d", 8)}, {"namespace", Namespace()}}},
          {"spec",
           {{"selector", {{"matchLabels", selector}}},
            {"template",
             {{"metadata", {{"labels", labels}}},
              {"spec", {{"serviceAccountName", account}, {"containers", json::array({container})}}}}}}}};
}

json RandomWorld::Service() {
  json ports = json::array({{{"name", Chance(80) ? "http" : "tcp"}, {"port", 8080 + Pick(2)}}});
  if (Chance(20)) ports.push_back({{"name", "dns"}, {"port", 53}, {"protocol", "UDP"}});
  json service = {{"apiVersion", "v1"},
                  {"kind", "Service"},
                  {"metadata", {{"name", Chance(80) ? Name("s", 7) : Name("sa", 4)}, {"namespace", Namespace()}}},
                  {"spec", {{"selector", {{"app", Name("app", 4)}}}, {"ports", ports}}}};
  if (Chance(20)) service["metadata"]["labels"] = {{"istio.io/use-waypoint", Chance(70) ? "way" : "none"}};
  return service;
}

json RandomWorld::NamespaceObject() {
  json labels = {{"team", Name("t", 2)}};
  if (Chance(80)) labels["istio.io/use-waypoint"] = "way";
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", Namespace()}, {"labels", labels}}}};
}

json RandomWorld::Foreign() {
  const std::string home = Namespace();
  if (Chance(25)) {
    return {{"apiVersion", "gateway.networking.k8s.io/v1"},
            {"kind", "Gateway"},
            {"metadata",
             {{"name", "way"},
              {"namespace", home},
              {"labels", {{"istio.io/waypoint-for", Chance(70) ? "service" : "all"}}}}}};
  }
  if (Chance(15)) {
    return {{"apiVersion", "policy.linkerd.io/v1beta3"},
            {"kind", "Server"},
            {"metadata", {{"name", "theirs"}, {"namespace", home}}},
            {"spec", {{"podSelector", {{"matchLabels", {{"app", Name("app", 4)}}}}}, {"port", 8080}}}};
  }
  if (Chance(50)) {
    return {{"apiVersion", "networking.istio.io/v1"},
            {"kind", "VirtualService"},
            {"metadata", {{"name", Name("vs", 3)}, {"namespace", home}}},
            {"spec", {{"hosts", json::array({Name("s", 5) + ".shop.svc.cluster.local"})}}}};
  }
  return {{"apiVersion", "security.istio.io/v1"},
          {"kind", "AuthorizationPolicy"},
          {"metadata", {{"name", Chance(70) ? Name("smi-t", 6) : "smi-deny-all"}, {"namespace", home}}},
          {"spec", json::object()}};
}

std::string RandomWorld::Edit() {
  const int what = Pick(100);
  if (what < 30) {
    documents_.insert(documents_.begin() + At(Pick(static_cast<int>(documents_.size()) + 1)), Document());
    return "added a document";
  }
  if (what < 50 && documents_.size() > 4) {
    documents_.erase(documents_.begin() + At(Pick(static_cast<int>(documents_.size()))));
    return "removed a document";
  }
  if (what < 65 && !documents_.empty()) {
    documents_[static_cast<std::size_t>(Pick(static_cast<int>(documents_.size())))] = Document();
    return "replaced a document";
  }
  if (what < 68) {
    std::shuffle(documents_.begin(), documents_.end(), random_);
    return "shuffled the documents";
  }
  if (what < 76) {
    cluster_.push_back(Chance(10) ? NamespaceObject() : Chance(50) ? Workload() : Service());
    return "added a workload, Service or namespace";
  }
  if (what < 84 && cluster_.size() > 4) {
    cluster_.erase(cluster_.begin() + At(Pick(static_cast<int>(cluster_.size()))));
    return "removed a workload, Service or namespace";
  }
  if (what < 92 && !cluster_.empty()) {
    json& changed = cluster_[static_cast<std::size_t>(Pick(static_cast<int>(cluster_.size())))];
    changed = changed["kind"] == "Service"     ? Service()
              : changed["kind"] == "Namespace" ? NamespaceObject()
                                               : Workload();
    return "replaced a workload, Service or namespace";
  }
  if (what < 96) {
    foreign_.push_back(Foreign());
    return "somebody made an object";
  }
  if (what < 99) {
    foreign_.clear();
    return "the objects of others are gone";
  }
  mesh_version_ = "2." + std::to_string(15 + Pick(3));
  return "the mesh has another version";
}

smi::ClusterFacts RandomWorld::Facts() const {
  smi::ClusterFacts facts = facts::FactsFromObjects(cluster_, {"shop"});
  facts.existing = ours_;
  facts.existing.insert(facts.existing.end(), foreign_.begin(), foreign_.end());
  facts.mesh_version = mesh_version_;
  return facts;
}

}  // namespace meshplay::testing
