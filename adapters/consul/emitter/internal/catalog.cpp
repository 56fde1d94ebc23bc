#include "adapters/consul/emitter/internal/catalog.h"
#include "libs/base/json_member.h"

#include <algorithm>
#include <set>

namespace meshplay::consul {
namespace {

using nlohmann::json;
using translate::EmitContext;

constexpr std::string_view kGroup = "consul.hashicorp.com/";
constexpr const char* kIgnoreLabel = "consul.hashicorp.com/service-ignore";

bool IsHttp(const std::string& protocol) {
  return protocol == "http" || protocol == "http2" || protocol == "grpc";
}

// Of the port's name: what it speaks is only known as "HTTP of some kind".
std::string HttpOf(const smi::ServicePort& port) {
  const std::string word = port.name.substr(0, port.name.find('-'));
  if (word == "grpc") return "grpc";
  return word == "http2" || word == "h2c" ? "http2" : "http";
}

}  // namespace

bool IsRegistered(const smi::Service& service) {
  const auto label = service.labels.find(kIgnoreLabel);
  return !service.name.empty() && !service.external_name && !service.selector.empty() &&
         (label == service.labels.end() || label->second != "true");
}

Catalog::Catalog(const EmitContext& context) : facts_(context.facts) {
  for (const smi::Service& service : facts_.facts().services) {
    if (IsRegistered(service)) namespaces_of_name_[service.name].push_back(service.namespace_name);
  }
  ReadForeign(context);
}

void Catalog::ReadForeign(const EmitContext& context) {
  for (const json& object : facts_.facts().existing) {
    if (!MemberText(object, "apiVersion").starts_with(kGroup) || translate::IsOurs(object, context.options.owner))
      continue;
    const std::string kind = MemberText(object, "kind");
    const json& spec = Member(object, "spec");
    const std::string name = kind == "ServiceIntentions" ? MemberText(Member(spec, "destination"), "name")
                                                         : MemberText(Member(object, "metadata"), "name");
    foreign_.emplace(std::pair(kind, name), &object);
  }
}

const std::vector<NamedService>& Catalog::ServicesOf(const smi::Identity& identity) {
  static const std::vector<NamedService> kNone;
  const auto [space, is_new] = by_account_.try_emplace(identity.namespace_name);
  if (is_new) {
    for (const smi::Service* service : facts_.ServicesOf(identity.namespace_name)) {
      if (!IsRegistered(*service)) continue;
      std::set<std::string> accounts;
      for (const smi::Workload* workload : facts_.WorkloadsSelectedBy(identity.namespace_name, service->selector)) {
        accounts.insert(workload->service_account);
      }
      for (const std::string& account : accounts) space->second[account].push_back({service, accounts.size() > 1});
    }
  }
  const auto it = space->second.find(identity.service_account);
  return it == space->second.end() ? kNone : it->second;
}

bool Catalog::IsAmbiguous(const std::string& name, const std::string& namespace_name) const {
  const auto it = namespaces_of_name_.find(name);
  if (it == namespaces_of_name_.end()) return false;
  return std::any_of(it->second.begin(), it->second.end(), [&](const std::string& n) { return n != namespace_name; });
}

const json* Catalog::Foreign(const std::string& kind, const std::string& service) const {
  const auto it = foreign_.find({kind, service});
  return it == foreign_.end() ? nullptr : it->second;
}

Protocol Catalog::ProtocolOf(const std::string& name, const smi::Service* service) const {
  std::set<std::string> spoken;
  const smi::ServicePort* tcp = nullptr;
  if (service != nullptr) {
    for (const smi::ServicePort& port : service->ports) {
      if (port.protocol == smi::PortProtocol::kTcp) tcp = &port;
      if (port.protocol != smi::PortProtocol::kTcp && port.protocol != smi::PortProtocol::kUdp) {
        spoken.insert(HttpOf(port));
      }
    }
  }
  if (tcp != nullptr) {
    return {"",
            "port " + std::to_string(tcp->port) + " of Service " + name +
                " carries TCP, and a service of Consul speaks one protocol on all its ports",
            spoken.empty()};
  }
  if (const json* defaults = Foreign("ServiceDefaults", name); defaults != nullptr) {
    std::string protocol = MemberText(Member(*defaults, "spec"), "protocol");
    const json* global = Foreign("ProxyDefaults", "global");
    if (protocol.empty() && global != nullptr)
      protocol = MemberText(Member(Member(*global, "spec"), "config"), "protocol");
    if (IsHttp(protocol)) return {protocol, "", false};
    return {"",
            "ServiceDefaults " + name + " of somebody else says that the service speaks " +
                (protocol.empty() ? "tcp" : protocol),
            false};
  }
  if (spoken.empty()) return {"http", "", false};
  if (spoken.size() > 1) return {"", "the ports of Service " + name + " speak different protocols", false};
  return {*spoken.begin(), "", false};
}

void AddDefaults(EmitContext& context, const Catalog& catalog, const std::string& namespace_name,
                 const std::string& service, const std::string& protocol,
                 const std::vector<const smi::Head*>& sources) {
  if (catalog.Foreign("ServiceDefaults", service) != nullptr) return;
  context.drafts.Add(
      {kDefaultsWave, {kVersion, "ServiceDefaults", namespace_name, service}, {{"protocol", protocol}}, sources});
}

}  // namespace meshplay::consul
