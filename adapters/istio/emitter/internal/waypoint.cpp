#include "adapters/istio/emitter/internal/waypoint.h"

#include <utility>

namespace meshplay::istio {
namespace {

using nlohmann::json;
using translate::EmitContext;

constexpr const char* kUse = "istio.io/use-waypoint";
constexpr const char* kUseNamespace = "istio.io/use-waypoint-namespace";

std::string TextOf(const smi::Labels& labels, const char* key) {
  const auto it = labels.find(key);
  return it == labels.end() ? std::string() : it->second;
}

std::string TextAt(const json& object, const char* part, const char* key) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return "";
  const auto of = metadata->find(part);
  if (of == metadata->end() || !of->is_object()) return "";
  const auto value = of->find(key);
  return value == of->end() || !value->is_string() ? std::string() : value->get<std::string>();
}

// (namespace, name); the name is empty when none is used.
std::pair<std::string, std::string> NameFrom(const EmitContext& context, const smi::Labels& own,
                                             const std::string& namespace_name) {
  const auto& all = context.facts.facts().namespace_labels;
  const auto of_namespace = all.find(namespace_name);
  const bool said = own.count(kUse) != 0;
  if (!said && of_namespace == all.end()) return {};
  const smi::Labels& labels = said ? own : of_namespace->second;
  const std::string name = TextOf(labels, kUse);
  const std::string home = TextOf(labels, kUseNamespace);
  return {home.empty() ? namespace_name : home, name == "none" ? std::string() : name};
}

}  // namespace

std::optional<Waypoint> WaypointOf(const EmitContext& context, const smi::Service& service) {
  // Without an address of its own the Service's traffic goes to pods.
  if (service.headless || service.external_name) return std::nullopt;
  auto [home, name] = NameFrom(context, service.labels, service.namespace_name);
  if (name.empty()) return std::nullopt;
  Waypoint waypoint{home, name, name, false};
  const json* gateway = context.facts.FindExisting("gateway.networking.k8s.io", "Gateway", home, name);
  if (gateway == nullptr) return waypoint;
  const std::string traffic = TextAt(*gateway, "labels", "istio.io/waypoint-for");
  if (traffic == "none" || traffic == "workload") return std::nullopt;
  waypoint.takes_pods = traffic == "all";
  const std::string account = TextAt(*gateway, "annotations", "networking.istio.io/service-account");
  if (!account.empty()) waypoint.service_account = account;
  return waypoint;
}

bool TakesPodsOf(const EmitContext& context, const Waypoint& waypoint, const smi::Workload& workload) {
  return waypoint.takes_pods && NameFrom(context, workload.labels, workload.namespace_name) ==
                                    std::make_pair(waypoint.namespace_name, waypoint.name);
}

}  // namespace meshplay::istio
