#include "adapters/linkerd/emitter/internal/cluster_view.h"

#include <algorithm>

#include "adapters/translate/drafts.h"
#include "libs/base/json_member.h"

namespace meshplay::linkerd {
namespace {

using nlohmann::json;

std::string Group(const json& object) {
  const std::string version = MemberText(object, "apiVersion");
  return version.substr(0, version.find('/'));
}

std::string LabelKey(const std::string& namespace_name, const std::string& key, const std::string& value) {
  return namespace_name + "\n" + key + "\n" + value;
}

// Expressions may narrow the selection further; they are not looked at.
bool MaySelect(const json& selector, const smi::Labels& labels) {
  const json& wanted = Member(selector, "matchLabels");
  if (!wanted.is_object()) return true;
  for (auto it = wanted.begin(); it != wanted.end(); ++it) {
    const auto label = labels.find(it.key());
    if (label == labels.end() || it.value() != label->second) return false;
  }
  return true;
}

bool TakesPort(const json& wanted, const smi::Workload& workload, int port) {
  if (wanted.is_number_integer()) return wanted == port;
  if (!wanted.is_string()) return false;
  return std::any_of(workload.ports.begin(), workload.ports.end(), [&](const smi::ContainerPort& candidate) {
    return !candidate.udp && candidate.port == port && wanted == candidate.name;
  });
}

// The Servers that policies, routes and authorizations name, by namespace and name.
void AddServersNamedBy(const json& object, std::set<std::pair<std::string, std::string>>& named) {
  const std::string home = MemberText(Member(object, "metadata"), "namespace");
  const json& spec = Member(object, "spec");
  const json& target = Member(spec, "targetRef");
  if (MemberText(target, "kind") == "Server") named.emplace(home, MemberText(target, "name"));
  const json& server = Member(spec, "server");
  if (server.is_object()) named.emplace(home, MemberText(server, "name"));
  const json& parents = Member(spec, "parentRefs");
  if (!parents.is_array()) return;
  for (const json& parent : parents) {
    if (MemberText(parent, "kind") == "Server") named.emplace(home, MemberText(parent, "name"));
  }
}

}  // namespace

ClusterView::ClusterView(const smi::FactsIndex& facts, const std::string& owner) : facts_(facts), owner_(owner) {
  ReadVersions();
  ReadExisting();
  for (const smi::Service& service : facts.facts().services) {
    if (service.selector.empty()) continue;
    const auto& [key, value] = *service.selector.begin();
    services_[LabelKey(service.namespace_name, key, value)].push_back(&service);
  }
}

std::string ClusterView::Newest(const std::string& group, const std::string& kind,
                                const std::vector<std::string>& known) const {
  const auto& served = facts_.facts().served_versions;
  const auto it = served.find(group + "/" + kind);
  if (it == served.end()) return "";
  for (const std::string& version : known) {
    if (it->second.count(version) != 0) return group + "/" + version;
  }
  return "";
}

void ClusterView::ReadVersions() {
  server_version_ = Newest(kPolicyGroup, "Server", {"v1beta3", "v1beta2", "v1beta1"});
  route_version_ = Newest(kPolicyGroup, "HTTPRoute", {"v1beta3", "v1beta2", "v1beta1"});
  if (route_version_.empty() && !server_version_.empty()) {
    route_version_ = Newest(kGatewayGroup, "HTTPRoute", {"v1", "v1beta1"});
  } else if (route_version_.empty()) {
    route_version_ = std::string(kPolicyGroup) + "/v1beta3";  // Nothing is known: the current release.
  }
  if (server_version_.empty()) server_version_ = std::string(kPolicyGroup) + "/v1beta3";
}

void ClusterView::ReadExisting() {
  std::set<std::pair<std::string, std::string>> named;
  std::vector<const json*> servers;
  const std::string route_group = route_version_.substr(0, route_version_.find('/'));
  for (const json& object : facts_.facts().existing) {
    const std::string group = Group(object);
    const std::string kind = MemberText(object, "kind");
    const json& metadata = Member(object, "metadata");
    if (translate::IsOurs(object, owner_)) {
      if (kind == "HTTPRoute" && group == route_group) {
        own_routes_[MemberText(metadata, "namespace")].push_back(
            {MemberText(metadata, "name"), MemberText(metadata, "creationTimestamp")});
      }
      continue;
    }
    if (group == kPolicyGroup && kind == "Server") {
      servers.push_back(&object);
    } else {
      AddServersNamedBy(object, named);
    }
  }
  for (auto& [home, routes] : own_routes_) {
    std::sort(routes.begin(), routes.end(), [](const OwnRoute& a, const OwnRoute& b) { return a.name < b.name; });
  }
  for (const json* server : servers) {
    const json& spec = Member(*server, "spec");
    const std::string home = MemberText(Member(*server, "metadata"), "namespace");
    const std::string name = MemberText(Member(*server, "metadata"), "name");
    const std::string access = MemberText(spec, "accessPolicy");
    const bool bare = (access.empty() || access == "deny") && named.count({home, name}) == 0;
    if (name.empty() || !Member(spec, "podSelector").is_object()) continue;
    foreign_servers_[home].push_back({name, Member(spec, "podSelector"), Member(spec, "port"), bare});
  }
}

const std::vector<OwnRoute>& ClusterView::OwnRoutes(const std::string& namespace_name) const {
  static const std::vector<OwnRoute> kNone;
  const auto it = own_routes_.find(namespace_name);
  return it == own_routes_.end() ? kNone : it->second;
}

const ForeignServer* ClusterView::ForeignServerOn(const std::vector<const smi::Workload*>& workloads, int port) const {
  if (workloads.empty() || foreign_servers_.empty()) return nullptr;
  const auto it = foreign_servers_.find(workloads.front()->namespace_name);
  if (it == foreign_servers_.end()) return nullptr;
  for (const ForeignServer& server : it->second) {
    const bool takes = std::any_of(workloads.begin(), workloads.end(), [&](const smi::Workload* workload) {
      return MaySelect(server.selector, workload->labels) && TakesPort(server.port, *workload, port);
    });
    if (takes) return &server;
  }
  return nullptr;
}

bool ClusterView::IsForeign(const smi::ObjectKey& key) const {
  const std::string group = key.api_version.substr(0, key.api_version.find('/'));
  const json* existing = facts_.FindExisting(group, key.kind, key.namespace_name, key.name);
  return existing != nullptr && !translate::IsOurs(*existing, owner_);
}

std::vector<const smi::Service*> ClusterView::ServicesOf(const smi::Workload& workload) const {
  std::vector<const smi::Service*> out;
  for (const auto& [key, value] : workload.labels) {
    const auto it = services_.find(LabelKey(workload.namespace_name, key, value));
    if (it == services_.end()) continue;
    for (const smi::Service* service : it->second) {
      if (smi::Selects(service->selector, workload.labels)) out.push_back(service);
    }
  }
  return out;
}

}  // namespace meshplay::linkerd
