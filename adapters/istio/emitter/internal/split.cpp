#include "adapters/istio/emitter/internal/split.h"

#include <algorithm>
#include <set>

#include "adapters/istio/emitter/internal/policies.h"
#include "adapters/istio/emitter/internal/rules.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;
using smi::PortProtocol;
using translate::EmitContext;
using translate::Outcome;

std::string HostOf(const EmitContext& context, const smi::Split& split, const std::string& service) {
  return service + "." + split.namespace_name + ".svc." + context.cluster_domain;
}

json Destination(const EmitContext& context, const smi::Split& split, const std::string& service, int port) {
  return {{"host", HostOf(context, split, service)}, {"port", {{"number", port}}}};
}

json Routes(const EmitContext& context, const smi::Split& split, const smi::SplitPort& port) {
  json routes = json::array();
  for (const smi::SplitRoute& route : port.routes) {
    routes.push_back(
        {{"destination", Destination(context, split, route.service, port.port)}, {"weight", route.weight}});
  }
  return routes;
}

void AddRoot(const EmitContext& context, const smi::Split& split, const smi::SplitPort& port, json& http) {
  http.push_back({{"name", "smi-root-" + std::to_string(port.port)},
                  {"match", json::array({{{"port", port.port}}})},
                  {"route", json::array({{{"destination", Destination(context, split, split.root, port.port)}}})}});
}

// False when no request can match: then the root keeps all of them.
bool AddHttp(const EmitContext& context, const smi::Split& split, const smi::SplitPort& port, json& http) {
  const std::string number = std::to_string(port.port);
  json matches = json::array();
  if (split.matches.has_value()) {
    for (const smi::RequestMatch& match : *split.matches) {
      for (json& entry : RouteMatches(match, port.port)) matches.push_back(std::move(entry));
    }
    if (matches.empty()) return false;
  } else {
    matches.push_back({{"port", port.port}});
  }
  http.push_back(
      {{"name", "smi-split-" + number}, {"match", std::move(matches)}, {"route", Routes(context, split, port)}});
  if (split.matches.has_value()) AddRoot(context, split, port, http);
  return true;
}

bool NamesHost(const EmitContext& context, const smi::Split& split, const json& object, const std::string& host) {
  const std::string full = HostOf(context, split, split.root);
  if (host == full || host == split.root + "." + split.namespace_name ||
      host == split.root + "." + split.namespace_name + ".svc") {
    return true;
  }
  const auto metadata = object.find("metadata");
  const bool same_namespace = metadata != object.end() && metadata->is_object() &&
                              metadata->value("namespace", std::string()) == split.namespace_name;
  return same_namespace && host == split.root;
}

bool OnMeshGateway(const json& spec) {
  const auto gateways = spec.find("gateways");
  if (gateways == spec.end() || !gateways->is_array() || gateways->empty()) return true;
  return std::find(gateways->begin(), gateways->end(), json("mesh")) != gateways->end();
}

// VirtualServices of sidecars do not merge: a second one for the host would be ignored or ignore ours.
std::string ForeignVirtualService(const EmitContext& context, const smi::Split& split) {
  for (const json& object : context.facts.facts().existing) {
    const auto kind = object.find("kind");
    const auto spec = object.find("spec");
    if (kind == object.end() || *kind != "VirtualService" || spec == object.end() || !spec->is_object()) continue;
    if (translate::IsOurs(object, context.options.owner) || !OnMeshGateway(*spec)) continue;
    const auto hosts = spec->find("hosts");
    if (hosts == spec->end() || !hosts->is_array()) continue;
    for (const json& host : *hosts) {
      if (host.is_string() && NamesHost(context, split, object, host.get<std::string>())) {
        return object["metadata"].value("namespace", std::string()) + "/" +
               object["metadata"].value("name", std::string());
      }
    }
  }
  return "";
}

std::int64_t SumOfWeights(const smi::Split& split) {
  std::int64_t sum = 0;
  for (const smi::SplitBackend& backend : split.split->backends) sum += backend.weight;
  return sum;
}

// Istio refuses a VirtualService with a longer expression.
bool RefuseLongRegex(const smi::Split& split, Outcome& outcome) {
  constexpr std::size_t kMaxRegexBytes = 1024;
  if (!split.matches.has_value()) return false;
  for (const smi::RequestMatch& match : *split.matches) {
    for (const json& entry : RouteMatches(match, 0)) {
      const auto uri = entry.find("uri");
      if (uri == entry.end() || !uri->contains("regex")) continue;
      if ((*uri)["regex"].get_ref<const std::string&>().size() <= kMaxRegexBytes) continue;
      outcome.Report("REGEX_TOO_LONG", smi::Severity::kError, match.pointer,
                     "match " + match.group + "/" + match.name +
                         ": Istio takes expressions of 1024 characters, and its open end needs some of them",
                     "VirtualService match");
      outcome.explanation = "Not applied: Istio cannot say this split exactly.";
      return true;
    }
  }
  return false;
}

// A VirtualService stands for its host on all HTTP ports: one without a route there would answer nothing, so ports that
// are not split get a route to the root.
void EmitPort(const EmitContext& context, const smi::Split& split, const smi::SplitPort& port, json& http, json& tcp,
              Outcome& outcome) {
  const std::string& at = split.split->head.spec_pointer;
  if (port.protocol == PortProtocol::kUdp) {
    outcome.lost = true;
    outcome.Report("UDP_UNSUPPORTED", smi::Severity::kWarning, at + "/service",
                   "port " + std::to_string(port.port) + " is UDP, which Istio does not split", "UDP");
    return;
  }
  // One destination alone would get everything, whatever its weight.
  if (!port.HasWeight()) {
    if (port.protocol != PortProtocol::kTcp) AddRoot(context, split, port, http);
    outcome.lost = true;
    if (SumOfWeights(split) == 0) return;  // Validation said so.
    outcome.Report("SPLIT_ZERO_SUM", smi::Severity::kWarning, at + "/backends",
                   "no backend with a weight serves port " + std::to_string(port.port) + "; it is not split",
                   "VirtualService weights");
    return;
  }
  if (port.protocol != PortProtocol::kTcp) {
    if (AddHttp(context, split, port, http)) {
      ++outcome.in_force;
    } else {
      AddRoot(context, split, port, http);
    }
  }
  if (port.protocol == PortProtocol::kHttp || split.matches.has_value()) return;
  tcp.push_back({{"match", json::array({{{"port", port.port}}})}, {"route", Routes(context, split, port)}});
  ++outcome.in_force;
}

}  // namespace

bool RefuseForeignVirtualService(const EmitContext& context, const smi::Split& split, Outcome& outcome) {
  const std::string foreign = ForeignVirtualService(context, split);
  if (foreign.empty()) return false;
  outcome.Report("CONFLICT", smi::Severity::kError, split.split->head.spec_pointer + "/service",
                 "VirtualService " + foreign + " already routes this host", "VirtualService");
  outcome.explanation = "Not applied: another VirtualService routes " + split.root + ".";
  return true;
}

void EmitSplit(EmitContext& context, const smi::Split& split, Outcome& outcome) {
  if (RefuseForeignVirtualService(context, split, outcome) || RefuseLongRegex(split, outcome)) return;
  const smi::Head& source = split.split->head;
  outcome.lost = outcome.lost || split.reduced;
  json http = json::array();
  json tcp = json::array();
  for (const smi::SplitPort& port : split.ports) EmitPort(context, split, port, http, tcp, outcome);
  if (outcome.in_force == 0) {
    outcome.explanation = "No port of Service " + split.root + " is split.";
    return;
  }
  json spec = {{"hosts", json::array({HostOf(context, split, split.root)})}};
  if (!http.empty()) spec["http"] = std::move(http);
  if (!tcp.empty()) spec["tcp"] = std::move(tcp);
  context.drafts.Add({kRouteWave,
                      {kNetworkingVersion, "VirtualService", source.key.namespace_name,
                       translate::ObjectName(source.key, source.key.namespace_name, source.key.name, "")},
                      std::move(spec),
                      {&source}});
  std::set<std::string> backends;
  for (const smi::SplitPort& port : split.ports) {
    for (const smi::SplitRoute& route : port.routes) backends.insert(route.service);
  }
  outcome.explanation = std::string(split.matches.has_value() ? "Matching requests" : "Traffic") + " to Service " +
                        split.root + (split.matches.has_value() ? " are" : " is") + " shared among " +
                        std::to_string(backends.size()) + (backends.size() == 1 ? " backend" : " backends") +
                        " by weight" + (outcome.lost ? ", in part." : ".");
}

}  // namespace meshplay::istio
