#include "adapters/gamma/split.h"

#include <algorithm>
#include <set>

#include "adapters/translate/mesh_version.h"

namespace meshplay::gamma {
namespace {

using nlohmann::json;
using smi::PortProtocol;
using translate::EmitContext;
using translate::Outcome;

constexpr std::string_view kGroup = "gateway.networking.k8s.io";

class SplitWriter {
 public:
  SplitWriter(EmitContext& context, const smi::Split& split, const RouteStyle& style, Outcome& outcome)
      : context_(context), split_(split), style_(style), outcome_(outcome), head_(split.split->head) {}

  void Run() {
    outcome_.lost = outcome_.lost || split_.reduced;
    if (!CheckRoutes() || !CheckServices() || !ReadMatches()) return;
    for (const smi::SplitPort& port : split_.ports) EmitPort(port);
    if (outcome_.in_force == 0) {
      if (outcome_.explanation.empty()) {
        outcome_.explanation = "No port of Service " + split_.root + " is split.";
      }
      return;
    }
    std::set<std::string> backends;
    for (const smi::SplitPort& port : split_.ports) {
      for (const smi::SplitRoute& route : port.routes) backends.insert(route.service);
    }
    outcome_.explanation = std::string(split_.matches.has_value() ? "Matching requests" : "Traffic") + " to Service " +
                           split_.root + (split_.matches.has_value() ? " are" : " is") + " shared among " +
                           std::to_string(backends.size()) + (backends.size() == 1 ? " backend" : " backends") +
                           " by weight" + (outcome_.lost ? ", in part." : ".");
  }

 private:
  bool Refuse(const std::string& code, const std::string& pointer, const std::string& message) {
    outcome_.Report(code, smi::Severity::kError, pointer, message, "HTTPRoute");
    outcome_.explanation = "Not applied: " + style_.mesh + " cannot say this split exactly.";
    return false;
  }

  // GEP-1294: a route hangs on a Service's own address, and leads to pods.
  bool CheckServices() {
    const auto find = [&](const std::string& name) { return context_.facts.FindService(split_.namespace_name, name); };
    const smi::Service* root = find(split_.root);
    if (root != nullptr && (root->external_name || (root->headless && !style_.headless_roots))) {
      return Refuse("NOT_REPRESENTABLE", head_.spec_pointer + "/service",
                    "Service " + split_.root + (root->external_name ? " is an ExternalName" : " is headless") +
                        ": it has no address of its own, on which a route could hang");
    }
    for (const smi::SplitBackend& backend : split_.split->backends) {
      const smi::Service* service = find(backend.service);
      if (service == nullptr || !service->external_name) continue;
      return Refuse("NOT_REPRESENTABLE", head_.spec_pointer + "/backends",
                    "Service " + backend.service + " is an ExternalName, to which no route leads");
    }
    return true;
  }

  bool CheckRoutes() {
    if (!style_.not_read.empty()) return Refuse("NOT_REPRESENTABLE", head_.spec_pointer, style_.not_read);
    const auto routed = std::count_if(split_.ports.begin(), split_.ports.end(), [](const smi::SplitPort& port) {
      return port.protocol != PortProtocol::kTcp && port.protocol != PortProtocol::kUdp;
    });
    if (!style_.one_route || routed <= 1) return true;
    return Refuse("NOT_REPRESENTABLE", head_.spec_pointer + "/service",
                  "each of the root's ports needs a route, and this version of " + style_.mesh +
                      " keeps to one route of a Service");
  }

  bool ReadMatches() {
    for (const smi::SplitPort& port : split_.ports) {
      if (port.routes.size() <= kMaxBackends) continue;
      return Refuse("NOT_REPRESENTABLE", head_.spec_pointer + "/backends", "a route takes at most 16 backends");
    }
    if (!split_.matches.has_value()) return true;
    bool header_regex = false;
    for (const smi::RequestMatch& match : *split_.matches) {
      RouteMatches read = MatchesOf(match, style_.regex);
      const std::string where = "match " + match.group + "/" + match.name;
      if (!read.problem.empty()) return Refuse(read.problem_code, match.pointer, where + ": " + read.problem);
      if ((read.path_regex || read.header_regex) && !style_.regex_allowed) {
        return Refuse("NOT_REPRESENTABLE", match.pointer, where + " needs a regular expression (gamma.regex=never)");
      }
      path_regex_ = path_regex_ || read.path_regex;
      header_regex = header_regex || read.header_regex;
      for (json& entry : read.entries) {
        everything_ = everything_ || entry.empty();
        if (std::find(matches_.begin(), matches_.end(), entry) == matches_.end()) matches_.push_back(std::move(entry));
      }
    }
    // A rule for the rest would be of no use, and Cilium shares requests among rules that say the same.
    if (everything_) {
      matches_.clear();
      path_regex_ = false;
      return true;
    }
    // One more is the root's own rule.
    if (matches_.size() >= kMaxMatches) {
      return Refuse("NOT_REPRESENTABLE", head_.spec_pointer + "/matches",
                    "a route takes at most 128 matches of path, method and headers together");
    }
    if (style_.regex_known) return true;
    const std::string note = " by regular expression depends on the implementation, which is not on the list";
    if (path_regex_) Doubt("NARROWED", "matching paths" + note);
    if (header_regex) Doubt("HEADER_UNANCHORED", "matching headers" + note);
    return true;
  }

  void Doubt(const std::string& code, const std::string& message) {
    outcome_.lost = true;
    outcome_.Warn(code, head_.spec_pointer + "/matches", message, "RegularExpression");
  }

  json Backends(const smi::SplitPort& port) const {
    json out = json::array();
    for (const smi::SplitRoute& route : port.routes) {
      out.push_back({{"name", route.service}, {"port", port.port}, {"weight", route.weight}});
    }
    return out;
  }

  // Empty: TCPRoute is not served. Where both are, they are one resource, and v1alpha2 is deprecated.
  std::string TcpRouteVersion() const {
    const auto& served = context_.facts.facts().served_versions;
    const auto found = served.find(std::string(kGroup) + "/TCPRoute");
    if (found == served.end()) return "";
    for (const char* version : {"v1", "v1alpha2"}) {
      if (found->second.count(version) != 0) return version;
    }
    return "";
  }

  // A backend that is left out must not leave the rest with nothing but zeros: those answer 500 to everything.
  bool IsRoutable(const smi::SplitPort& port) {
    const auto& backends = split_.split->backends;
    const bool all_zero = std::all_of(backends.begin(), backends.end(), [](const auto& b) { return b.weight == 0; });
    if (!port.routes.empty() && (port.HasWeight() || (all_zero && style_.zero_weights))) return true;
    outcome_.lost = true;
    if (all_zero) {
      outcome_.explanation =
          "Not applied: all weights are 0, and " + style_.mesh + " cannot say that nobody is served.";
    } else {
      outcome_.Warn("SPLIT_ZERO_SUM", head_.spec_pointer + "/backends",
                    "no backend with a weight serves port " + std::to_string(port.port) + "; it is not split");
    }
    return false;
  }

  void EmitPort(const smi::SplitPort& port) {
    const std::string number = "port " + std::to_string(port.port);
    if (port.protocol == PortProtocol::kUdp) {
      outcome_.lost = true;
      outcome_.Warn("UDP_UNSUPPORTED", head_.spec_pointer + "/service", number + " is UDP, which is not split", "UDP");
      return;
    }
    const bool tcp = port.protocol == PortProtocol::kTcp;
    if (tcp && (split_.matches.has_value() || !style_.tcp_routes || TcpRouteVersion().empty())) {
      outcome_.lost = true;
      outcome_.Warn("TCP_SPLIT_UNSUPPORTED", head_.spec_pointer + "/service",
                    number + " carries TCP, " +
                        (style_.tcp_routes ? "and the cluster is not known to serve TCPRoute"
                                           : "which " + style_.mesh + " does not split"),
                    "TCPRoute");
      return;
    }
    if (!IsRoutable(port)) return;
    json rules = json::array();
    const bool everything = everything_ || !split_.matches.has_value();
    if (everything) rules.push_back({{"backendRefs", Backends(port)}});
    for (std::size_t i = 0; i < matches_.size(); i += kMaxMatchesPerRule) {
      const std::size_t end = std::min(matches_.size(), i + kMaxMatchesPerRule);
      rules.push_back({{"matches", std::vector<json>(matches_.begin() + static_cast<std::ptrdiff_t>(i),
                                                     matches_.begin() + static_cast<std::ptrdiff_t>(end))},
                       {"backendRefs", Backends(port)}});
    }
    if (rules.empty()) return;  // No request can match: the root keeps all.
    // A Service with a route answers 404 to what no rule takes.
    if (!everything) {
      json root = {{"backendRefs", json::array({{{"name", split_.root}, {"port", port.port}}})}};
      // Without a match of its own the rule stands for the prefix "/".
      if (style_.regex_last && path_regex_) {
        root["matches"] = json::array({{{"path", {{"type", "RegularExpression"}, {"value", kAnyPathRegex}}}}});
      }
      rules.push_back(std::move(root));
    }
    if (Foreign(port)) return;
    const std::string kind = tcp ? "TCPRoute" : "HTTPRoute";
    const json parent = {
        {"group", style_.parent_group}, {"kind", "Service"}, {"name", split_.root}, {"port", port.port}};
    context_.drafts.Add(
        {style_.wave,
         {std::string(kGroup) + "/" + (tcp ? TcpRouteVersion() : "v1"), kind, split_.namespace_name,
          translate::ObjectName(head_.key, split_.namespace_name, head_.key.name, std::to_string(port.port), true)},
         {{"parentRefs", json::array({parent})}, {"rules", std::move(rules)}},
         {&head_}});
    ++outcome_.in_force;
  }

  // Routes of one Service merge by specificity and age, so somebody else's would take part of the traffic.
  bool Foreign(const smi::SplitPort& port) {
    for (const json& object : context_.facts.facts().existing) {
      if (!IsForeignRoute(object)) continue;
      const json& metadata = object["metadata"];
      for (const json& parent : object["spec"]["parentRefs"]) {
        if (!parent.is_object() || parent.value("kind", json()) != "Service") continue;
        const json home = metadata.value("namespace", json(split_.namespace_name));
        if (parent.value("name", json()) != split_.root || parent.value("namespace", home) != split_.namespace_name) {
          continue;
        }
        if (parent.contains("port") && parent["port"] != port.port) continue;
        outcome_.lost = true;
        outcome_.Report("CONFLICT", smi::Severity::kError, head_.spec_pointer + "/service",
                        "route " + metadata.value("name", json("")).dump() + " of somebody else already routes port " +
                            std::to_string(port.port) + " of this Service",
                        "HTTPRoute");
        return true;
      }
    }
    return false;
  }

  bool IsForeignRoute(const json& object) const {
    const auto kind = object.find("kind");
    if (kind == object.end() || (*kind != "HTTPRoute" && *kind != "TCPRoute" && *kind != "GRPCRoute")) return false;
    const auto metadata = object.find("metadata");
    const auto spec = object.find("spec");
    if (metadata == object.end() || !metadata->is_object() || spec == object.end() || !spec->is_object()) return false;
    const auto parents = spec->find("parentRefs");
    return parents != spec->end() && parents->is_array() && !translate::IsOurs(object, context_.options.owner);
  }

  EmitContext& context_;
  const smi::Split& split_;
  const RouteStyle& style_;
  Outcome& outcome_;
  const smi::Head& head_;
  std::vector<json> matches_;
  bool path_regex_ = false;
  bool everything_ = false;  ///< Some match takes every request.
};

}  // namespace

void ReadCiliumVersion(std::string_view version, RouteStyle& style) {
  const bool old = translate::IsOlderThan(version, 1, 16);
  style.not_read = old ? "Cilium " + std::string(version) + " reads no routes of Services, which came with 1.16" : "";
  style.one_route = translate::IsOlderThan(version, 1, 18);
}

void EmitSplit(EmitContext& context, const smi::Split& split, const RouteStyle& style, Outcome& outcome) {
  SplitWriter(context, split, style, outcome).Run();
}

}  // namespace meshplay::gamma
