#include "adapters/legacy/emitter/internal/split.h"

#include <algorithm>

namespace meshplay::legacy {
namespace {

using nlohmann::json;
using smi::Severity;
using translate::EmitContext;
using translate::Outcome;

constexpr int kSplitWave = 2;

class SplitWriter {
 public:
  SplitWriter(Mesh mesh, const Preflight& preflight, EmitContext& context, const smi::Split& split, Outcome& outcome)
      : mesh_(mesh), preflight_(preflight), context_(context), split_(split), outcome_(outcome) {}

  void Run(GroupList& groups) {
    outcome_.lost = outcome_.lost || split_.reduced;
    if (!preflight_.split_problem.empty()) return Refuse("", preflight_.split_problem);
    if (!HasAddresses() || (mesh_ == Mesh::kOsm && !IsOsmRoot())) return;
    if (mesh_ == Mesh::kTraefik && !IsTraefikSplit()) return;
    const std::vector<smi::SplitRoute> routes = Routes();
    const bool weighs = std::any_of(routes.begin(), routes.end(), [](const auto& route) { return route.weight > 0; });
    if (!weighs) {
      outcome_.lost = true;
      outcome_.explanation = "Not applied: no backend with a weight is there.";
      return;
    }
    if (!ReadMatches()) return;
    for (const Request& request : requests_) groups.Add(split_.namespace_name, request, head());
    Draft(routes);
  }

 private:
  const smi::Head& head() const { return split_.split->head; }
  std::string Title() const { return std::string(DialectOf(mesh_).title); }

  void Refuse(const std::string& pointer, const std::string& message) {
    outcome_.Report("NOT_REPRESENTABLE", Severity::kError, head().spec_pointer + pointer, message);
    outcome_.explanation = "Not applied: " + Title() + " cannot carry this split out exactly.";
  }

  bool HasAddresses() {
    std::vector<std::string> names = {split_.root};
    for (const smi::SplitBackend& backend : split_.split->backends) names.push_back(backend.service);
    for (const std::string& name : names) {
      const smi::Service* service = context_.facts.FindService(split_.namespace_name, name);
      if (service == nullptr || !service->external_name) continue;
      Refuse(name == split_.root ? "/service" : "/backends",
             "Service " + name + " is an ExternalName, which " + Title() + " does not carry");
      return false;
    }
    return true;
  }

  // OSM gives its clients the Services that select pods of the accounts they may call, unless it lets everybody in.
  bool IsOsmRoot() {
    const smi::Service* root = context_.facts.FindService(split_.namespace_name, split_.root);
    if (root == nullptr || !root->selector.empty() || !preflight_.not_enforced.empty()) return true;
    Refuse("/service", "Service " + split_.root + " selects no pods, so OSM gives no client a route to it");
    return false;
  }

  bool IsTraefikSplit() {
    for (const smi::Diagnostic& diagnostic : outcome_.diagnostics) {
      if (diagnostic.code == "SPLIT_SELF_REFERENCE") {
        Refuse("/backends", "Traefik Mesh drops a split whose root is one of its backends");
        return false;
      }
      if (diagnostic.code == "SPLIT_NESTED") {
        Refuse("/backends", "Traefik Mesh would split the backend's share again by its own split");
        return false;
      }
    }
    const std::vector<smi::SplitRoute> routes = Routes();
    for (const smi::SplitPort& port : split_.ports) {
      if (port.routes.size() == routes.size()) continue;
      Refuse("/backends", "Traefik Mesh leaves a backend out altogether when it lacks one port of the root");
      return false;
    }
    return true;
  }

  // The backends that serve any port of the root, in the split's order.
  std::vector<smi::SplitRoute> Routes() const {
    std::vector<smi::SplitRoute> routes;
    for (const smi::SplitBackend& backend : split_.split->backends) {
      for (const smi::SplitPort& port : split_.ports) {
        const auto it = std::find_if(port.routes.begin(), port.routes.end(),
                                     [&](const smi::SplitRoute& route) { return route.service == backend.service; });
        if (it == port.routes.end()) continue;
        const bool known = std::any_of(routes.begin(), routes.end(),
                                       [&](const smi::SplitRoute& route) { return route.service == backend.service; });
        if (!known) routes.push_back(*it);
      }
    }
    return routes;
  }

  bool ReadMatches() {
    if (!split_.matches.has_value()) return true;
    if (mesh_ == Mesh::kOsm) {
      Refuse("/matches", "split v1alpha2, which OSM reads, has no matches; all requests would be split");
      return false;
    }
    for (const smi::RequestMatch& match : *split_.matches) {
      Rendered rendered = Render(mesh_, match, context_.options.path_anchor);
      if (!rendered.problem.empty()) {
        Refuse("/matches", "match " + match.group + "/" + match.name + ": " + rendered.problem);
        return false;
      }
      if (rendered.request.has_value()) requests_.push_back(std::move(*rendered.request));
    }
    if (!requests_.empty()) return true;
    outcome_.explanation = "Nothing to apply: no request can match.";
    return false;
  }

  void Draft(const std::vector<smi::SplitRoute>& routes) {
    for (const smi::SplitPort& port : split_.ports) {
      if (port.HasWeight() && port.protocol != smi::PortProtocol::kUdp) continue;
      outcome_.lost = true;
      if (port.protocol != smi::PortProtocol::kUdp) continue;  // Validation has said which backend lacks the port.
      outcome_.Warn("UDP_UNSUPPORTED", head().spec_pointer + "/service",
                    "port " + std::to_string(port.port) + " is UDP, which is not split", "UDP");
    }
    json backends = json::array();
    for (const smi::SplitRoute& route : routes) {
      backends.push_back({{"service", route.service}, {"weight", route.weight}});
    }
    json spec = {{"service", split_.root}, {"backends", std::move(backends)}};
    std::vector<std::string> listed;
    for (const Request& request : requests_) {
      if (std::find(listed.begin(), listed.end(), request.group) != listed.end()) continue;
      listed.push_back(request.group);
      spec["matches"].push_back({{"kind", "HTTPRouteGroup"}, {"name", request.group}});
    }
    context_.drafts.Add({kSplitWave,
                         {SplitVersion(mesh_), "TrafficSplit", split_.namespace_name, head().key.name},
                         std::move(spec),
                         {&head()}});
    ++outcome_.in_force;
    outcome_.Report("NATIVE_CONSUMER", Severity::kInfo, head().pointer, preflight_.reader);
    outcome_.explanation =
        Title() + " shares the traffic to Service " + split_.root + " by weight" + (outcome_.lost ? ", in part" : "") +
        (mesh_ == Mesh::kTraefik ? ", for callers of " + split_.root + "." + split_.namespace_name + ".traefik.mesh."
                                 : ".");
  }

  Mesh mesh_;
  const Preflight& preflight_;
  EmitContext& context_;
  const smi::Split& split_;
  Outcome& outcome_;
  std::vector<Request> requests_;
};

}  // namespace

void EmitSplit(Mesh mesh, const Preflight& preflight, EmitContext& context, const smi::Split& split, GroupList& groups,
               Outcome& outcome) {
  SplitWriter(mesh, preflight, context, split, outcome).Run(groups);
}

}  // namespace meshplay::legacy
