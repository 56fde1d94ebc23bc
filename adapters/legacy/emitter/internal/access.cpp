#include "adapters/legacy/emitter/internal/access.h"

#include <algorithm>
#include <string_view>

namespace meshplay::legacy {
namespace {

constexpr std::size_t kMaxOverlapsNamed = 10;

using nlohmann::json;
using smi::PortProtocol;
using smi::PortScope;
using smi::Severity;
using translate::EmitContext;
using translate::Outcome;

constexpr int kRouteWave = 0;
constexpr int kTargetWave = 1;
constexpr std::size_t kMaxNameBytes = 253;
constexpr const char* kTrafficType = "mesh.traefik.io/traffic-type";

bool CarriesRequests(Mesh mesh, const DestinationPort& port) {
  if (mesh != Mesh::kTraefik) return port.protocol != PortProtocol::kTcp;
  const auto it = port.service->annotations.find(kTrafficType);
  return it == port.service->annotations.end() || it->second == "http";
}

void Narrow(Outcome& outcome, const std::string& pointer, const std::string& message) {
  outcome.lost = true;
  outcome.Warn("NARROWED", pointer, message);
}

json SubjectOf(const smi::Identity& identity) {
  return {{"kind", "ServiceAccount"}, {"name", identity.service_account}, {"namespace", identity.namespace_name}};
}

std::string NameOf(const smi::Identity& identity) {
  return identity.namespace_name + "/" + identity.service_account;
}

bool Has(const std::vector<smi::Identity>& identities, const smi::Identity& identity) {
  return std::find(identities.begin(), identities.end(), identity) != identities.end();
}

bool Has(const std::vector<Request>& requests, const std::string& text) {
  return std::any_of(requests.begin(), requests.end(), [&](const Request& r) { return r.text == text; });
}

}  // namespace

bool AccessWriter::Entry::AllowsEveryRequest() const {
  return std::any_of(requests.begin(), requests.end(), [](const Request& r) { return r.match == nullptr; });
}

void AccessWriter::Finish(EmitContext& context, translate::Outcomes& outcomes, GroupList& groups) {
  std::map<smi::Identity, std::vector<Entry>> destinations;
  for (const smi::Grant* grant : grants_) {
    Outcome& outcome = outcomes.at(&grant->target->head);
    if (Refuse(*grant, outcome)) continue;
    destinations[grant->destination].push_back(Prepare(context, *grant, outcome));
  }
  for (auto& [destination, entries] : destinations) {
    if (mesh_ == Mesh::kOsm) KeepPortsApart(context, entries);
    ReportOverlaps(entries);
    for (Entry& entry : entries) Draft(context, entry, groups);
  }
  for (const smi::TrafficTarget* target : invalid_) {
    const smi::Subject& subject = target->destination;
    if (!preflight_.access_problem.empty() || subject.namespace_name != target->head.key.namespace_name) continue;
    DraftClosed(context, target->head, {subject.namespace_name, subject.name, ""});
  }
}

bool AccessWriter::Refuse(const smi::Grant& grant, Outcome& outcome) const {
  const smi::Head& head = grant.target->head;
  if (!preflight_.access_problem.empty()) {
    outcome.Report("NOT_REPRESENTABLE", Severity::kError, head.pointer, preflight_.access_problem);
    outcome.explanation = "Not applied: the cluster does not take what the mesh reads.";
    return true;
  }
  if (mesh_ != Mesh::kOsm || grant.destination.namespace_name == head.key.namespace_name) return false;
  for (smi::Diagnostic& diagnostic : outcome.diagnostics) {
    if (diagnostic.code == "DESTINATION_NAMESPACE_FOREIGN") diagnostic.severity = Severity::kError;
  }
  outcome.explanation = "Not applied: OSM refuses a TrafficTarget for another namespace than its own.";
  return true;
}

AccessWriter::Entry AccessWriter::Prepare(const EmitContext& context, const smi::Grant& grant, Outcome& outcome) const {
  Entry entry;
  entry.grant = &grant;
  entry.outcome = &outcome;
  outcome.lost = outcome.lost || grant.reduced;
  if (grant.udp.scope != PortScope::kNone) {
    outcome.lost = true;
    outcome.Warn("UDP_UNSUPPORTED", entry.head().spec_pointer,
                 std::string(DialectOf(mesh_).title) + " has no access control for UDP", "UDP");
  }
  if (!grant.AllowsTcp()) return entry;
  ReadSources(entry);
  if (grant.http.has_value()) ReadRequests(context, entry);
  ReadPorts(context, entry);
  return entry;
}

void AccessWriter::ReadSources(Entry& entry) const {
  for (const smi::Identity& source : entry.grant->sources) {
    if (source.spiffe_id.empty()) {
      entry.sources.push_back(source);
      continue;
    }
    Narrow(*entry.outcome, entry.head().spec_pointer + "/sources",
           source.spiffe_id + " is left out: sources are ServiceAccounts");
  }
}

void AccessWriter::ReadRequests(const EmitContext& context, Entry& entry) const {
  for (const smi::RequestMatch& match : *entry.grant->http) {
    Rendered rendered = Render(mesh_, match, context.options.path_anchor);
    if (!rendered.problem.empty()) {
      Narrow(*entry.outcome, match.pointer,
             "match " + match.group + "/" + match.name + " is left out: " + rendered.problem);
    }
    if (!rendered.request.has_value()) continue;
    const bool known = std::any_of(entry.requests.begin(), entry.requests.end(), [&](const Request& request) {
      return request.group == rendered.request->group && request.item == rendered.request->item;
    });
    if (!known) entry.requests.push_back(std::move(*rendered.request));
  }
}

// Whether a port of the destination is opened by this grant at all.
bool AccessWriter::Takes(const EmitContext& context, const DestinationPort& port, Entry& entry) const {
  const bool listed = entry.grant->tcp.scope == PortScope::kListed;
  const std::string number = "port " + std::to_string(port.service_port) + " of Service " + port.service->name;
  if (entry.grant->http.has_value()) {
    if (CarriesRequests(mesh_, port)) return true;
    if (listed) Narrow(*entry.outcome, entry.head().spec_pointer, number + " carries no HTTP requests");
    return false;
  }
  if (mesh_ != Mesh::kTraefik || CarriesRequests(mesh_, port)) return true;
  // A TCP router of Traefik Mesh has no list of callers.
  if (context.options.allow_widening) {
    entry.bytes = true;
    entry.outcome->lost = true;
    entry.outcome->Warn("WIDENED", entry.head().spec_pointer, number + " is open for every caller", "TCPRoute");
    return true;
  }
  Narrow(*entry.outcome, entry.head().spec_pointer, number + " stays closed: it would be open for every caller");
  return false;
}

// Whether the pod port's number stands for this port alone in the mesh's reading.
bool AccessWriter::IsExact(const std::vector<DestinationPort>& all, const ChosenPorts& chosen,
                           const DestinationPort& port, Entry& entry) const {
  const std::string number = "port " + std::to_string(port.service_port) + " of Service " + port.service->name;
  std::string problem;
  if (OpensMore(all, chosen, port.pod_port)) {
    problem = "another workload has port " + std::to_string(port.pod_port) + " behind another Service port";
  } else if (mesh_ == Mesh::kTraefik && port.named) {
    problem = "Traefik Mesh compares numbers, and the Service names its target port";
  } else if (mesh_ == Mesh::kNginx && std::any_of(all.begin(), all.end(), [&](const DestinationPort& other) {
               return other.service_port == port.pod_port && other.pod_port != port.pod_port;
             })) {
    problem = "its pod port is also the number of a Service port that leads elsewhere";
  }
  if (problem.empty()) return true;
  Narrow(*entry.outcome, entry.head().spec_pointer, number + " is left out: " + problem);
  return false;
}

void AccessWriter::ReadPorts(const EmitContext& context, Entry& entry) const {
  const smi::Grant& grant = *entry.grant;
  const std::string& at = entry.head().spec_pointer;
  const std::vector<DestinationPort> all = PortsOf(context.facts, grant.destination);
  const ChosenPorts chosen = Choose(all, grant.tcp);
  const bool any = grant.tcp.scope == PortScope::kAny;
  const bool by_request = grant.http.has_value();
  bool unknown = any && all.empty();
  for (const int port : chosen.assumed) {
    entry.outcome->Warn("PORT_ASSUMED_TARGET", at,
                        "no Service of the destination has port " + std::to_string(port) + "; taken as a pod port");
    entry.ports.insert(port);
    entry.http_ports.insert(port);
    unknown = true;
  }
  bool carries_bytes = unknown;
  for (const DestinationPort& port : chosen.ports) {
    if (!Takes(context, port, entry)) continue;
    if (!any && !IsExact(all, chosen, port, entry)) continue;
    entry.ports.insert(port.pod_port);
    if (CarriesRequests(mesh_, port)) entry.http_ports.insert(port.pod_port);
    carries_bytes = carries_bytes || port.protocol != PortProtocol::kHttp;
  }
  // OSM would let connections without requests in too, so a grant of requests lists the ports it is for.
  entry.any_port = any && !(mesh_ == Mesh::kOsm && by_request);
  if (any && by_request && mesh_ == Mesh::kOsm && all.empty()) {
    entry.outcome->Report("PENDING", Severity::kInfo, at, "no Service leads to the destination yet");
  }
  if (by_request) return;
  if (mesh_ == Mesh::kOsm) entry.bytes = true;
  if (mesh_ == Mesh::kNginx) entry.bytes = carries_bytes;
  // The mesh takes requests one by one on these ports, so all of them must be named.
  if (unknown || !entry.http_ports.empty()) {
    const smi::ObjectKey& key = entry.head().key;
    entry.requests = {EveryRequest(translate::ObjectName(key, key.namespace_name, key.name, "requests"))};
  }
}

// To OSM a source may send what any of its grants names to whatever port any of them opens.
void AccessWriter::KeepPortsApart(const EmitContext& context, std::vector<Entry>& entries) const {
  const auto leaks = [](const Entry& opens, const Entry& names) {
    if (opens.AllowsEveryRequest()) return false;
    const bool more = std::any_of(opens.http_ports.begin(), opens.http_ports.end(),
                                  [&](int port) { return names.http_ports.count(port) == 0; });
    return more && std::any_of(names.requests.begin(), names.requests.end(),
                               [&](const Request& request) { return !Has(opens.requests, request.text); });
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (!entries[i].IsActive() || !entries[k].IsActive()) continue;
      if (!leaks(entries[i], entries[k]) && !leaks(entries[k], entries[i])) continue;
      Entry& later = entries[i];
      for (std::size_t s = later.sources.size(); s-- > 0;) {
        if (!Has(entries[k].sources, later.sources[s])) continue;
        const std::string why = NameOf(later.sources[s]) + " has other requests on other ports in TrafficTarget " +
                                entries[k].head().key.name + ", and OSM takes both together";
        later.outcome->lost = true;
        if (context.options.allow_widening) {
          later.outcome->Warn("WIDENED", later.head().spec_pointer + "/sources", why);
          continue;
        }
        later.outcome->Warn("NARROWED", later.head().spec_pointer + "/sources", why + "; it is left out here");
        later.sources.erase(later.sources.begin() + static_cast<std::ptrdiff_t>(s));
      }
    }
  }
}

bool AccessWriter::Overlap(const Entry& a, const Entry& b) const {
  // OSM's routes know no port.
  const bool share_port = mesh_ == Mesh::kOsm || a.any_port || b.any_port ||
                          std::any_of(a.ports.begin(), a.ports.end(), [&](int p) { return b.ports.count(p) != 0; });
  if (!share_port) return false;
  for (const Request& x : a.requests) {
    for (const Request& y : b.requests) {
      if (mesh_ == Mesh::kOsm && x.text == y.text) continue;  // One route, with the sources of both.
      if (MayOverlap(x, y)) return true;
    }
  }
  return false;
}

void AccessWriter::ReportOverlaps(std::vector<Entry>& entries) const {
  const auto loses = [](const Entry& entry, const Entry& other) {
    return std::any_of(entry.sources.begin(), entry.sources.end(),
                       [&](const smi::Identity& source) { return !Has(other.sources, source); });
  };
  // By entry, how many others have been named. A thousand that name each other would be a million remarks.
  std::vector<std::size_t> named(entries.size(), 0);
  const auto report = [&](std::size_t which, const Entry& other) {
    Outcome& outcome = *entries[which].outcome;
    const std::string at = entries[which].head().spec_pointer + "/rules";
    outcome.lost = true;
    if (++named[which] > kMaxOverlapsNamed) {
      return outcome.Warn("OVERLAP_ORDER", at, "more TrafficTargets than these take part of the same requests");
    }
    outcome.Warn("OVERLAP_ORDER", at,
                 "TrafficTarget " + other.head().key.name +
                     " takes part of the same requests for other sources; which of the two decides on such a "
                     "request is up to the mesh, and it may be denied");
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (std::size_t k = i + 1; k < entries.size(); ++k) {
      if (!entries[i].IsActive() || !entries[k].IsActive()) continue;
      const bool first = named[i] <= kMaxOverlapsNamed && loses(entries[i], entries[k]);
      const bool second = named[k] <= kMaxOverlapsNamed && loses(entries[k], entries[i]);
      if ((!first && !second) || !Overlap(entries[i], entries[k])) continue;
      if (first) report(i, entries[k]);
      if (second) report(k, entries[i]);
    }
  }
}

void AccessWriter::Draft(EmitContext& context, Entry& entry, GroupList& groups) const {
  Outcome& outcome = *entry.outcome;
  const smi::ObjectKey& key = entry.head().key;
  if (!entry.IsActive()) {
    if (outcome.explanation.empty()) outcome.explanation = "Not applied: nothing of it is allowed on this mesh.";
    if (mesh_ == Mesh::kOsm) DraftClosed(context, entry.head(), entry.grant->destination);
    return;
  }
  for (const Request& request : entry.requests) groups.Add(key.namespace_name, request, entry.head());
  outcome.in_force = static_cast<int>(entry.requests.size()) + (entry.bytes ? 1 : 0);
  if (mesh_ == Mesh::kOsm || entry.any_port) {
    DraftTarget(context, entry, key.name, 0);
  } else {
    for (const int port : entry.ports) {
      DraftTarget(context, entry, entry.ports.size() == 1 ? key.name : NameFor(key, port), port);
    }
  }
  Explain(entry);
}

// "<target>.<port>", unless that is too long or the name of another target.
std::string AccessWriter::NameFor(const smi::ObjectKey& key, int port) const {
  const std::string name = key.name + "." + std::to_string(port);
  const bool taken = std::any_of(grants_.begin(), grants_.end(), [&](const smi::Grant* grant) {
    const smi::ObjectKey& other = grant->target->head.key;
    return other.name == name && other.namespace_name == key.namespace_name;
  });
  if (!taken && name.size() <= kMaxNameBytes) return name;
  return translate::ObjectName(key, key.namespace_name, key.name, "port-" + std::to_string(port));
}

void AccessWriter::DraftTarget(EmitContext& context, const Entry& entry, const std::string& name, int port) const {
  const smi::ObjectKey& key = entry.head().key;
  json destination = SubjectOf(entry.grant->destination);
  if (port != 0) destination["port"] = port;
  json rules = json::array();
  if (mesh_ == Mesh::kOsm || entry.bytes) {
    const std::string route = translate::ObjectName(key, key.namespace_name, key.name, "ports");
    json spec = json::object();
    if (mesh_ == Mesh::kOsm) spec["matches"]["ports"] = entry.any_port ? std::set<int>() : entry.ports;
    context.drafts.Add(
        {kRouteWave, {SpecsVersion(mesh_), "TCPRoute", key.namespace_name, route}, spec, {&entry.head()}});
    rules.push_back({{"kind", "TCPRoute"}, {"name", route}});
  }
  std::vector<std::string> order;
  std::map<std::string, json> matches;
  for (const Request& request : entry.requests) {
    if (matches.count(request.group) == 0) order.push_back(request.group);
    matches[request.group].push_back(request.item["name"]);
  }
  for (const std::string& group : order) {
    rules.push_back({{"kind", "HTTPRouteGroup"}, {"name", group}, {"matches", matches[group]}});
  }
  json sources = json::array();
  for (const smi::Identity& source : entry.sources) sources.push_back(SubjectOf(source));
  context.drafts.Add(
      {kTargetWave,
       {AccessVersion(mesh_), "TrafficTarget", key.namespace_name, name},
       {{"destination", std::move(destination)}, {"rules", std::move(rules)}, {"sources", std::move(sources)}},
       {&entry.head()}});
}

// OSM leaves a TCP port open until some TrafficTarget names its ServiceAccount: one that opens a port where nothing
// listens closes the others.
void AccessWriter::DraftClosed(EmitContext& context, const smi::Head& head, const smi::Identity& destination) const {
  if (mesh_ != Mesh::kOsm) return;
  const std::vector<DestinationPort> all = PortsOf(context.facts, destination);
  const bool needed = std::any_of(all.begin(), all.end(),
                                  [](const DestinationPort& port) { return port.protocol == PortProtocol::kTcp; });
  if (!needed) return;
  int port = 1;
  while (std::any_of(all.begin(), all.end(), [&](const DestinationPort& p) { return p.pod_port == port; })) ++port;
  const smi::ObjectKey& key = head.key;
  const std::string route = translate::ObjectName(key, key.namespace_name, key.name, "closed");
  context.drafts.Add({kRouteWave,
                      {SpecsVersion(mesh_), "TCPRoute", key.namespace_name, route},
                      {{"matches", {{"ports", json::array({port})}}}},
                      {&head}});
  context.drafts.Add({kTargetWave,
                      {AccessVersion(mesh_), "TrafficTarget", key.namespace_name, key.name},
                      {{"destination", SubjectOf(destination)},
                       {"rules", json::array({{{"kind", "TCPRoute"}, {"name", route}}})},
                       {"sources", json::array({SubjectOf(destination)})}},
                      {&head}});
}

void AccessWriter::Explain(Entry& entry) const {
  Outcome& outcome = *entry.outcome;
  outcome.Report("NATIVE_CONSUMER", Severity::kInfo, entry.head().pointer, preflight_.reader);
  const std::size_t count = entry.sources.size();
  outcome.explanation = std::to_string(count) + (count == 1 ? " source" : " sources") + " may reach ServiceAccount " +
                        NameOf(entry.grant->destination) + (outcome.lost ? ", in part" : "") + "; " +
                        std::string(DialectOf(mesh_).title) + " reads this itself.";
  if (preflight_.not_enforced.empty()) return;
  outcome.in_force = 0;
  outcome.Warn("ACCESS_UNSUPPORTED", entry.head().pointer, preflight_.not_enforced);
  outcome.explanation = "Written, but without effect: the mesh lets everybody in.";
}

}  // namespace meshplay::legacy
