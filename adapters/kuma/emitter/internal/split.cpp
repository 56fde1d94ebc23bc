#include "adapters/kuma/emitter/internal/split.h"

#include <algorithm>

#include "adapters/gamma/matches.h"
#include "adapters/kuma/emitter/internal/access.h"
#include "adapters/translate/mesh_version.h"

namespace meshplay::kuma {
namespace {

using nlohmann::json;
using smi::PortProtocol;
using translate::EmitContext;
using translate::Outcome;

json AnyPath() {
  return {{"type", "PathPrefix"}, {"value", "/"}};
}

// Kuma takes the first of: exact paths, prefixes, regular expressions, matches without a path; each the longer first,
// then by method and number of headers. The root's rule must come after all others.
json RootMatch(const json& matches) {
  const bool has_regex = std::any_of(matches.begin(), matches.end(),
                                     [](const json& match) { return match["path"]["type"] == "RegularExpression"; });
  return {{"path", has_regex ? json{{"type", "RegularExpression"}, {"value", gamma::kAnyPathRegex}} : AnyPath()}};
}

json BackendRef(const smi::Split& split, const std::string& service, int port) {
  return {{"kind", "MeshService"}, {"name", service}, {"namespace", split.namespace_name}, {"port", port}};
}

json Rule(json matches, json backends) {
  json rule = {{"default", {{"backendRefs", std::move(backends)}}}};
  if (!matches.empty()) rule["matches"] = std::move(matches);
  return rule;
}

bool Routes(const json& spec, const smi::Split& split, const std::string& home) {
  const auto to = spec.find("to");
  if (to == spec.end() || !to->is_array()) return false;
  for (const json& entry : *to) {
    const auto target = entry.is_object() ? entry.find("targetRef") : entry.end();
    if (!entry.is_object() || target == entry.end() || !target->is_object()) continue;
    if (target->value("kind", json()) == "MeshService" && target->value("name", json()) == split.root &&
        target->value("namespace", json(home)) == split.namespace_name) {
      return true;
    }
  }
  return false;
}

std::string ForeignRoute(const EmitContext& context, const smi::Split& split) {
  for (const json& object : context.facts.facts().existing) {
    const auto kind = object.find("kind");
    if (kind == object.end() || (*kind != "MeshHTTPRoute" && *kind != "MeshTCPRoute")) continue;
    const auto metadata = object.find("metadata");
    const auto spec = object.find("spec");
    if (metadata == object.end() || !metadata->is_object() || spec == object.end() || !spec->is_object()) continue;
    if (translate::IsOurs(object, context.options.owner)) continue;
    const json home = metadata->value("namespace", json(split.namespace_name));
    if (home.is_string() && Routes(*spec, split, home.get<std::string>())) {
      return metadata->value("name", json("")).dump();
    }
  }
  return "";
}

// Kuma makes a MeshService of every Service but headless ones: those have one for each pod.
bool HasMeshServices(const EmitContext& context, const smi::Split& split, Outcome& outcome) {
  constexpr int kMajor = 2;
  constexpr int kMinor = 9;
  const std::string& at = split.split->head.spec_pointer;
  const auto refuse = [&](const std::string& pointer, const std::string& why) {
    outcome.Report("NOT_REPRESENTABLE", smi::Severity::kError, at + pointer, why, "MeshService");
    return false;
  };
  const std::string& version = context.facts.facts().mesh_version;
  if (translate::IsOlderThan(version, kMajor, kMinor)) {
    return refuse("", "Kuma " + version + " has no MeshService, which came with 2.9");
  }
  const auto headless = [&](const std::string& name) {
    const smi::Service* service = context.facts.FindService(split.namespace_name, name);
    return service != nullptr && service->headless;
  };
  const std::string why = " is headless: Kuma has a MeshService for each of its pods, and none for all of them";
  if (headless(split.root)) return refuse("/service", "Service " + split.root + why);
  const auto& backends = split.split->backends;
  for (std::size_t i = 0; i < backends.size(); ++i) {
    if (!headless(backends[i].service)) continue;
    return refuse("/backends/" + std::to_string(i) + "/service", "Service " + backends[i].service + why);
  }
  return true;
}

// nullopt and a report when a match cannot be said.
bool ReadMatches(const smi::Split& split, json& matches, Outcome& outcome) {
  if (!split.matches.has_value()) return true;
  for (const smi::RequestMatch& match : *split.matches) {
    gamma::RouteMatches read = gamma::MatchesOf(match, gamma::RegexStyle::kPlain);
    if (!read.problem.empty()) {
      outcome.Report(read.problem_code, smi::Severity::kError, match.pointer,
                     "match " + match.group + "/" + match.name + ": " + read.problem, "MeshHTTPRoute");
      return false;
    }
    for (json& entry : read.entries) {
      if (!entry.contains("path")) entry["path"] = AnyPath();
      matches.push_back(std::move(entry));
    }
  }
  return true;
}

json Backends(const smi::Split& split, const smi::SplitPort& port) {
  json out = json::array();
  for (const smi::SplitRoute& route : port.routes) {
    json backend = BackendRef(split, route.service, port.port);
    backend["weight"] = route.weight;
    out.push_back(std::move(backend));
  }
  return out;
}

json HttpRules(const smi::Split& split, const smi::SplitPort& port, const json& matches) {
  const json any = {{"path", AnyPath()}};
  const bool all = !split.matches.has_value() || std::find(matches.begin(), matches.end(), any) != matches.end();
  json rules = json::array({Rule(all ? json::array({any}) : matches, Backends(split, port))});
  // What no rule takes is answered with 404.
  if (!all) {
    rules.push_back(Rule(json::array({RootMatch(matches)}), json::array({BackendRef(split, split.root, port.port)})));
  }
  return rules;
}

std::string SectionOf(const EmitContext& context, const smi::Split& split, const smi::SplitPort& wanted) {
  const smi::Service* root = context.facts.FindService(split.namespace_name, split.root);
  if (root != nullptr) {
    for (const smi::ServicePort& port : root->ports) {
      const bool same = port.port == wanted.port && port.protocol == wanted.protocol;
      if (same && !port.name.empty()) return port.name;
    }
  }
  return std::to_string(wanted.port);
}

bool IsRoutable(const smi::Split& split, const smi::SplitPort& port, Outcome& outcome) {
  const std::string& at = split.split->head.spec_pointer;
  const std::string number = "port " + std::to_string(port.port);
  if (port.protocol == PortProtocol::kUdp) {
    outcome.lost = true;
    outcome.Warn("UDP_UNSUPPORTED", at + "/service", number + " is UDP, which Kuma does not split", "UDP");
    return false;
  }
  if (port.HasWeight()) return true;
  outcome.lost = true;
  std::int64_t sum = 0;
  for (const smi::SplitBackend& backend : split.split->backends) sum += backend.weight;
  if (sum != 0) {
    outcome.Warn("SPLIT_ZERO_SUM", at + "/backends", "no backend with a weight serves " + number + "; it is not split",
                 "backendRefs");
  }
  return false;
}

void AddRoute(EmitContext& context, const smi::Head& head, const char* kind, json to) {
  if (to.empty()) return;
  context.drafts.Add({kRouteWave,
                      {kVersion, kind, head.key.namespace_name,
                       translate::ObjectName(head.key, head.key.namespace_name, head.key.name, "")},
                      {{"targetRef", {{"kind", "Mesh"}}}, {"to", std::move(to)}},
                      {&head},
                      MeshLabels()});
}

}  // namespace

void EmitSplit(EmitContext& context, const smi::Split& split, Outcome& outcome) {
  const smi::Head& head = split.split->head;
  outcome.lost = outcome.lost || split.reduced;
  outcome.explanation = "Not applied: no port of Service " + split.root + " is split.";
  const std::string foreign = ForeignRoute(context, split);
  if (!foreign.empty()) {
    outcome.Report("CONFLICT", smi::Severity::kError, head.spec_pointer + "/service",
                   "route " + foreign + " of somebody else already routes this Service", "MeshHTTPRoute");
    return;
  }
  json matches = json::array();
  if (!HasMeshServices(context, split, outcome) || !ReadMatches(split, matches, outcome)) return;
  json http = json::array();
  json tcp = json::array();
  for (const smi::SplitPort& port : split.ports) {
    if (!IsRoutable(split, port, outcome)) continue;
    json entry = {{"targetRef",
                   {{"kind", "MeshService"},
                    {"name", split.root},
                    {"namespace", split.namespace_name},
                    {"sectionName", SectionOf(context, split, port)}}}};
    // No request can match: the root keeps all.
    if (port.protocol != PortProtocol::kTcp && (!split.matches.has_value() || !matches.empty())) {
      entry["rules"] = HttpRules(split, port, matches);
      http.push_back(entry);
      ++outcome.in_force;
    }
    if (port.protocol == PortProtocol::kHttp || split.matches.has_value()) continue;
    entry["rules"] = json::array({Rule(json::array(), Backends(split, port))});
    tcp.push_back(std::move(entry));
    ++outcome.in_force;
  }
  if (outcome.in_force == 0) return;
  AddRoute(context, head, "MeshHTTPRoute", std::move(http));
  AddRoute(context, head, "MeshTCPRoute", std::move(tcp));
  outcome.explanation = std::string(split.matches.has_value() ? "Matching requests" : "Traffic") + " to Service " +
                        split.root + (split.matches.has_value() ? " are" : " is") +
                        " shared among the backends by weight" + (outcome.lost ? ", in part." : ".");
}

}  // namespace meshplay::kuma
