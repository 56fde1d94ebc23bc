#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "adapters/kuma/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"

using nlohmann::json;
namespace kuma = meshplay::kuma;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
// The last one is web's namesake in another namespace.
const char* const kAccounts[] = {"web", "admin", "api", "far/web"};

std::string NamespaceOf(const std::string& account) {
  return account.find('/') == std::string::npos ? "shop" : account.substr(0, account.find('/'));
}

std::string NameOf(const std::string& account) {
  return account.substr(account.find('/') + 1);
}

// Accounts api, web and admin, each with a Service with two ports that lead to pod ports 8080 and 8081; `again`: and
// a second Service of api's own to pod port 8080; `shared`: and one to it for the pods of api and admin.
smi::ClusterFacts Cluster(bool again, bool shared) {
  std::vector<json> objects;
  for (const char* account : kAccounts) {
    const std::string name = NameOf(account);
    objects.push_back({{"apiVersion", "apps/v1"},
                       {"kind", "Deployment"},
                       {"metadata", {{"name", name}, {"namespace", NamespaceOf(account)}}},
                       {"spec",
                        {{"selector", {{"matchLabels", {{"app", name}}}}},
                         {"template",
                          {{"metadata", {{"labels", {{"app", name}, {"tier", name == "web" ? "front" : "back"}}}}},
                           {"spec", {{"serviceAccountName", name}}}}}}}});
    objects.push_back({{"apiVersion", "v1"},
                       {"kind", "Service"},
                       {"metadata", {{"name", name}, {"namespace", NamespaceOf(account)}}},
                       {"spec",
                        {{"selector", {{"app", name}}},
                         {"ports",
                          {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}},
                           {{"name", "tcp-b"}, {"port", 81}, {"targetPort", 8081}}}}}}});
  }
  if (again) {
    objects.push_back({{"apiVersion", "v1"},
                       {"kind", "Service"},
                       {"metadata", {{"name", "again"}, {"namespace", "shop"}}},
                       {"spec",
                        {{"selector", {{"app", "api"}}},
                         {"ports", json::array({{{"name", "http"}, {"port", 90}, {"targetPort", 8080}}})}}}});
  }
  if (shared) {
    objects.push_back({{"apiVersion", "v1"},
                       {"kind", "Service"},
                       {"metadata", {{"name", "both"}, {"namespace", "shop"}}},
                       {"spec",
                        {{"selector", {{"tier", "back"}}},
                         {"ports", json::array({{{"name", "http"}, {"port", 80}, {"targetPort", 8080}}})}}}});
  }
  return meshplay::facts::FactsFromObjects(objects);
}

json Document(const char* group, const char* version, const char* kind, const std::string& name, const json& spec) {
  return {{"apiVersion", std::string(group) + ".smi-spec.io/" + version},
          {"kind", kind},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", spec}};
}

struct Policy {
  std::vector<json> documents;
  std::map<std::string, std::vector<int>> routes;  ///< TCPRoutes; empty list: any port.
  std::vector<json> targets;
};

int Below(std::mt19937& random, int limit) {
  return std::uniform_int_distribution<int>(0, limit - 1)(random);
}

Policy RandomPolicy(std::mt19937& random) {
  Policy policy;
  for (const char* name : {"p0", "p1"}) {
    std::vector<int> ports;
    for (const int port : {80, 81, 8080, 90, 7}) {
      if (Below(random, 3) == 0) ports.push_back(port);
    }
    policy.routes[name] = ports;
    policy.documents.push_back(Document("specs", "v1alpha4", "TCPRoute", name, {{"matches", {{"ports", ports}}}}));
  }
  policy.documents.push_back(
      Document("specs", "v1alpha4", "HTTPRouteGroup", "g", {{"matches", {{{"name", "m"}, {"pathRegex", "/x"}}}}}));
  const int targets = 1 + Below(random, 3);
  for (int i = 0; i < targets; ++i) {
    json rules = json::array();
    const int count = 1 + Below(random, 2);
    for (int k = 0; k < count; ++k) {
      const bool http = Below(random, 4) == 0;
      // Now and then a reference to nothing.
      rules.push_back({{"kind", http ? "HTTPRouteGroup" : "TCPRoute"},
                       {"name", http ? std::string("g") : "p" + std::to_string(Below(random, 3))}});
    }
    json sources = json::array();
    const int first = Below(random, 3);
    for (int k = 0; k < 3; ++k) {
      const char* const account = std::array{"web", "admin", "far/web"}[static_cast<std::size_t>(first + k) % 3];
      if (sources.empty() || Below(random, 2) == 0) {
        sources.push_back({{"kind", "ServiceAccount"}, {"name", NameOf(account)}, {"namespace", NamespaceOf(account)}});
      }
    }
    policy.targets.push_back(
        {{"destination", {{"kind", "ServiceAccount"}, {"name", "api"}}}, {"rules", rules}, {"sources", sources}});
    policy.documents.push_back(
        Document("access", "v1alpha3", "TrafficTarget", "t" + std::to_string(i), policy.targets.back()));
  }
  return policy;
}

bool Names(const json& target, const std::string& source) {
  const json& sources = target["sources"];
  return std::any_of(sources.begin(), sources.end(), [&](const json& s) {
    return s["name"] == NameOf(source) && s["namespace"] == NamespaceOf(source);
  });
}

// A target that names the caller lets its callers do more, and its report says so.
bool IsWidenedFor(const std::vector<smi::SmiReport>& reports, const Policy& policy, const std::string& source) {
  return std::any_of(reports.begin(), reports.end(), [&](const smi::SmiReport& report) {
    const auto widened = [](const smi::Diagnostic& diagnostic) { return diagnostic.code == "WIDENED"; };
    return report.source.kind == "TrafficTarget" &&
           Names(policy.targets.at(std::stoul(report.source.name.substr(1))), source) &&
           std::any_of(report.diagnostics.begin(), report.diagnostics.end(), widened);
  });
}

// What SMI says of bytes that are no HTTP request.
bool SmiAllows(const Policy& policy, const std::string& source, int service_port, int pod_port) {
  for (const json& target : policy.targets) {
    bool http = false;
    bool port = false;
    for (const json& rule : target["rules"]) {
      http = http || rule["kind"] == "HTTPRouteGroup";
      const auto route = policy.routes.find(rule["name"]);
      if (rule["kind"] != "TCPRoute" || route == policy.routes.end()) continue;
      if (route->second.empty()) port = true;
      for (const int p : route->second) port = port || p == service_port || p == pod_port;
    }
    if (Names(target, source) && port && !http) return true;
  }
  return false;
}

// Rules of MeshIdentity: denied unless a permission for the data plane and inbound names the caller.
bool KumaAllowsByMesh(const std::vector<json>& objects, const std::string& source, const std::string& inbound) {
  const std::string id = "spiffe://default.default.mesh.local/ns/" + NamespaceOf(source) + "/sa/" + NameOf(source);
  for (const json& object : objects) {
    const json& target = object["spec"]["targetRef"];
    if (target["kind"] != "Dataplane" || target["labels"] != json({{"app", "api"}})) continue;
    if (target.contains("sectionName") && target["sectionName"] != inbound) continue;
    for (const json& rule : object["spec"]["rules"]) {
      for (const json& allow : rule["default"]["allow"]) {
        if (allow["spiffeID"]["type"] == "Exact" && allow["spiffeID"]["value"] == id) return true;
      }
    }
  }
  return false;
}

// Rules of `from`, for a listener, which has the tags of all Services that lead to its port: the mesh starts with an
// allow for everybody; a later entry overrides an earlier one. Permissions for all data planes of a namespace come
// before those for some of them, and of equal ones the one with the smaller name comes last.
bool KumaAllowsByService(const std::vector<json>& objects, const std::string& source,
                         const std::set<std::string>& tags) {
  std::vector<const json*> order;
  for (const json& object : objects) {
    const json& target = object["spec"]["targetRef"];
    if (target["kind"] == "Mesh" || tags.count(target["tags"]["kuma.io/service"]) != 0) order.push_back(&object);
  }
  std::sort(order.begin(), order.end(), [](const json* a, const json* b) {
    const bool first = (*a)["spec"]["targetRef"]["kind"] == "Mesh";
    if (first != ((*b)["spec"]["targetRef"]["kind"] == "Mesh")) return first;
    return (*a)["metadata"]["name"] > (*b)["metadata"]["name"];
  });
  bool allowed = true;
  for (const json* object : order) {
    for (const json& from : (*object)["spec"]["from"]) {
      const json& who = from["targetRef"];
      const bool everybody = who["kind"] == "Mesh";
      const std::string callers = NameOf(source) + "_" + NamespaceOf(source) + "_svc_";
      if (!everybody && !who["tags"]["kuma.io/service"].get<std::string>().starts_with(callers)) continue;
      allowed = from["default"]["action"] == "Allow";
    }
  }
  return allowed;
}

std::set<std::string> TagsOf(int pod_port, bool again, bool shared) {
  std::set<std::string> tags = {"api_shop_svc_" + std::to_string(pod_port - 8000)};
  if (again && pod_port == 8080) tags.insert("again_shop_svc_90");
  if (shared && pod_port == 8080) tags.insert("both_shop_svc_80");
  return tags;
}

}  // namespace

TEST_CASE("Kuma allows exactly the connections that SMI allows, and less only where the report says so",
          "[kuma][truth]") {
  std::mt19937 random(20'240'703);
  const smi::ClusterFacts clusters[] = {Cluster(false, false), Cluster(true, false), Cluster(true, true)};
  for (const bool by_mesh : {true, false}) {
    int full = 0;
    int allowed = 0;
    int widened = 0;
    for (int i = 0; i < kPolicies; ++i) {
      const Policy policy = RandomPolicy(random);
      const int cluster = Below(random, 3);
      const bool again = cluster > 0;
      const bool shared = cluster > 1;
      kuma::EmitOptions options;
      options.identity = by_mesh ? kuma::IdentityKind::kMesh : kuma::IdentityKind::kService;
      options.common.allow_widening = Below(random, 3) == 0;
      options.mode = Below(random, 2) == 0 ? kuma::BaselineMode::kStrict : kuma::BaselineMode::kScoped;
      const auto emission = kuma::EmitSmi(smi::ParseDocuments(policy.documents), clusters[cluster], options);
      REQUIRE(emission.has_value());
      const bool is_full = smi::WorstLevel(emission->reports) == smi::SupportLevel::kFull;
      full += is_full ? 1 : 0;
      for (const char* source : kAccounts) {
        // Nobody has a target for web.
        const bool strict = options.mode == kuma::BaselineMode::kStrict && !emission->objects.empty();
        if (!by_mesh) CHECK(KumaAllowsByService(emission->objects, source, {"web_shop_svc_80"}) != strict);
        for (const int port : {80, 81}) {
          const bool by_again = again && port == 80 && SmiAllows(policy, source, 90, 8080);
          const bool smi_allows = by_again || SmiAllows(policy, source, port, 8000 + port);
          const bool kuma_allows =
              by_mesh ? KumaAllowsByMesh(emission->objects, source, port == 80 ? "http" : "tcp-b")
                      : KumaAllowsByService(emission->objects, source, TagsOf(8000 + port, again, shared));
          allowed += kuma_allows ? 1 : 0;
          const bool told = options.common.allow_widening && IsWidenedFor(emission->reports, policy, source);
          widened += kuma_allows && !smi_allows && told ? 1 : 0;
          if ((kuma_allows && !smi_allows && !told) || (smi_allows && !kuma_allows && is_full)) {
            FAIL((kuma_allows ? "wider" : "narrower") << " " << source << " " << port << "\n"
                                                      << json(policy.documents).dump(1) << "\n"
                                                      << json(emission->objects).dump(1));
          }
        }
      }
    }
    // Else the comparison says little.
    CHECK(full > kPolicies / 30);
    CHECK(allowed > kPolicies / 5);
    CHECK(widened > kPolicies / 20);
  }
}
