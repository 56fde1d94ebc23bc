#include "adapters/linkerd/emitter/internal/profile.h"

#include <algorithm>
#include <numeric>

#include "adapters/linkerd/emitter/internal/cluster_view.h"
#include "adapters/linkerd/emitter/internal/servers.h"
#include "libs/base/json_member.h"

namespace meshplay::linkerd {
namespace {

using nlohmann::json;
using smi::Severity;
using translate::EmitContext;
using translate::Outcome;

constexpr const char* kProfile = "ServiceProfile";
constexpr const char* kProfileGroup = "linkerd.io";
constexpr const char* kProfileVersion = "linkerd.io/v1alpha2";
constexpr std::size_t kMaxNameBytes = 253;
constexpr const char* kSkip = "smi.linkerd.io/skip";

std::string HostOf(const EmitContext& context, const smi::Split& split, const std::string& service) {
  return service + "." + split.namespace_name + ".svc." + context.cluster_domain;
}

bool Refuse(const smi::Split& split, Outcome& outcome, const std::string& code, const std::string& field,
            const std::string& message) {
  outcome.Report(code, Severity::kError, split.split->head.spec_pointer + field, message, kProfile);
  outcome.explanation = "Not applied: a ServiceProfile cannot say this split exactly.";
  return false;
}

// The backends that the profile names; for all ports, because it knows none.
bool RoutesForAllPorts(const smi::Split& split, std::vector<smi::SplitRoute>& routes, Outcome& outcome) {
  if (split.matches.has_value()) {
    return Refuse(split, outcome, "NOT_REPRESENTABLE", "/matches", "dstOverrides take all requests alike");
  }
  bool first = true;
  for (const smi::SplitPort& port : split.ports) {
    if (port.protocol == smi::PortProtocol::kUdp) {
      outcome.lost = true;
      outcome.Warn("UDP_UNSUPPORTED", split.split->head.spec_pointer + "/service",
                   "port " + std::to_string(port.port) + " is UDP, which is not split", "UDP");
      continue;
    }
    const bool same = std::equal(routes.begin(), routes.end(), port.routes.begin(), port.routes.end(),
                                 [](const smi::SplitRoute& a, const smi::SplitRoute& b) {
                                   return a.service == b.service && a.weight == b.weight;
                                 });
    if (!first && !same) {
      return Refuse(split, outcome, "NOT_REPRESENTABLE", "/backends",
                    "dstOverrides hold for all ports, and not every backend serves the same ones");
    }
    routes = port.routes;
    first = false;
  }
  // Overrides of weight 0 are left out by the proxy: with no other ones the root keeps everything.
  const bool weighted = std::any_of(routes.begin(), routes.end(), [](const auto& route) { return route.weight > 0; });
  if (weighted) return true;
  outcome.explanation = "Not applied: no port of Service " + split.root + " is split.";
  return false;
}

// Version 1 has quantities, whose sum is mostly one; the model keeps their ratio only.
std::vector<std::string> Weights(const std::vector<smi::SplitRoute>& routes, int version) {
  const std::int64_t sum = std::accumulate(routes.begin(), routes.end(), std::int64_t{0},
                                           [](std::int64_t all, const auto& route) { return all + route.weight; });
  const bool thousandths = version == 1 && sum > 0 && std::all_of(routes.begin(), routes.end(), [&](const auto& route) {
                             return route.weight * 1000 % sum == 0;
                           });
  std::vector<std::string> out;
  for (const smi::SplitRoute& route : routes) {
    out.push_back(thousandths ? std::to_string(route.weight * 1000 / sum) + "m" : std::to_string(route.weight));
  }
  return out;
}

bool HasAnnotation(const json& object, const char* name) {
  const json& annotations = Member(Member(object, "metadata"), "annotations");
  return annotations.is_object() && annotations.contains(name);
}

// Another policy of ours, or empty: somebody else's profile is shared.
std::string OwnerOf(const json& object) {
  const json& owner = Member(Member(Member(object, "metadata"), "labels"), "meshplay.dev/owner");
  return owner.is_string() ? owner.get<std::string>() : "";
}

// A route of somebody else that the profile would take out of force; null when there is none.
const json& ForeignRoute(const EmitContext& context, const smi::Split& split) {
  static const json kNone;
  for (const json& object : context.facts.facts().existing) {
    const json& kind = Member(object, "kind");
    const bool route = kind == "HTTPRoute" || kind == "GRPCRoute" || kind == "TCPRoute";
    const json& parents = Member(Member(object, "spec"), "parentRefs");
    if (!route || !parents.is_array() || translate::IsOurs(object, context.options.owner)) continue;
    const json& home = Member(Member(object, "metadata"), "namespace");
    for (const json& parent : parents) {
      if (Member(parent, "kind") != "Service" || Member(parent, "name") != split.root) continue;
      const json& there = Member(parent, "namespace");
      if ((there.is_null() ? home : there) == split.namespace_name) return object;
    }
  }
  return kNone;
}

}  // namespace

void EmitProfile(EmitContext& context, const smi::Split& split, Outcome& outcome) {
  const smi::Head& head = split.split->head;
  outcome.lost = outcome.lost || split.reduced;
  std::vector<smi::SplitRoute> routes;
  if (!RoutesForAllPorts(split, routes, outcome)) return;
  if (const json& route = ForeignRoute(context, split); !route.is_null()) {
    Refuse(split, outcome, "CONFLICT", "/service",
           "the ServiceProfile would take " + Member(route, "kind").get<std::string>() + " " +
               Member(Member(route, "metadata"), "name").dump() + " of somebody else out of force");
    return;
  }
  const std::string name = HostOf(context, split, split.root);
  if (name.size() > kMaxNameBytes) {
    Refuse(split, outcome, "NOT_REPRESENTABLE", "/service", "the root's host name is too long for a ServiceProfile");
    return;
  }
  const json* existing = context.facts.FindExisting(kProfileGroup, kProfile, split.namespace_name, name);
  json spec = {{"routes", json::array()}};
  if (existing != nullptr) {
    const std::string owner = OwnerOf(*existing);
    if (!owner.empty() && owner != context.options.owner) {
      Refuse(split, outcome, "CONFLICT", "/service", "ServiceProfile " + name + " belongs to " + owner);
      return;
    }
    if (HasAnnotation(*existing, kSkip)) {
      Refuse(split, outcome, "CONFLICT", "/service",
             "ServiceProfile " + name + " carries the annotation smi.linkerd.io/skip");
      return;
    }
    const auto known = existing->find("spec");
    if (known != existing->end() && known->is_object()) spec.update(*known);
  }
  const std::vector<std::string> weights = Weights(routes, head.version);
  json overrides = json::array();
  for (std::size_t i = 0; i < routes.size(); ++i) {
    overrides.push_back({{"authority", HostOf(context, split, routes[i].service)}, {"weight", weights[i]}});
  }
  spec["dstOverrides"] = std::move(overrides);
  context.drafts.Add({kSplitWave,
                      {kProfileVersion, kProfile, split.namespace_name, name},
                      std::move(spec),
                      {&head},
                      json::object(),
                      true});
  ++outcome.in_force;
  outcome.explanation = "Traffic to Service " + split.root + " is shared among the backends by weight" +
                        (outcome.lost ? ", in part." : ".");
}

bool IsOverridden(const EmitContext& context, const smi::Split& split, Outcome& outcome) {
  const std::string name = HostOf(context, split, split.root);
  const smi::ObjectKey key{kProfileVersion, kProfile, split.namespace_name, name};
  const json* existing = context.facts.FindExisting(kProfileGroup, kProfile, split.namespace_name, name);
  if (existing == nullptr || translate::IsOurs(*existing, context.options.owner)) return false;
  outcome.Report("CONFLICT", Severity::kError, split.split->head.spec_pointer + "/service",
                 key.Text() + " takes all routes of this Service out of force; linkerd.profile=true writes into it",
                 kProfile);
  outcome.explanation = "Not applied: a ServiceProfile of somebody else stands for the root.";
  return true;
}

}  // namespace meshplay::linkerd
