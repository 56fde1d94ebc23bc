#include "adapters/consul/emitter/internal/split.h"

#include <algorithm>

#include "adapters/consul/emitter/internal/requests.h"
#include "adapters/consul/emitter/internal/weights.h"

namespace meshplay::consul {
namespace {

using nlohmann::json;
using smi::PortProtocol;
using translate::EmitContext;
using translate::Outcome;

constexpr const char* kSplitter = "ServiceSplitter";
constexpr const char* kRouter = "ServiceRouter";
constexpr const char* kSplitSuffix = "-smi-split";
constexpr std::size_t kMaxServiceName = 63;

std::string SplitServiceOf(const smi::Head& source, const std::string& root) {
  const std::string out = root + kSplitSuffix;
  if (out.size() <= kMaxServiceName) return out;
  const std::string hash = "-" + translate::SourceHash(source.key) + kSplitSuffix;
  return root.substr(0, kMaxServiceName - hash.size()) + hash;
}

// Whole percents as whole numbers.
json Weight(std::int64_t hundredths) {
  if (hundredths % 100 == 0) return hundredths / 100;
  return static_cast<double>(hundredths) / 100.0;
}

/// Reads one split; every problem refuses it, because a splitter is for all ports of its service.
class SplitReader {
 public:
  SplitReader(const EmitContext& context, const Catalog& catalog, const smi::Split& split, Outcome& outcome)
      : context_(context), catalog_(catalog), split_(split), outcome_(outcome), head_(split.split->head) {}

  bool ReadRoutes(std::vector<smi::SplitRoute>& routes) {
    const auto& backends = split_.split->backends;
    // Validation has said so.
    if (std::all_of(backends.begin(), backends.end(), [](const auto& b) { return b.weight == 0; })) return false;
    const smi::SplitPort* first = nullptr;
    for (const smi::SplitPort& port : split_.ports) {
      const std::string number = "port " + std::to_string(port.port);
      if (port.protocol == PortProtocol::kUdp) {
        outcome_.lost = true;
        outcome_.Warn("UDP_UNSUPPORTED", head_.spec_pointer + "/service",
                      number + " is UDP, which Consul does not split", "UDP");
        continue;
      }
      if (port.protocol == PortProtocol::kTcp) {
        outcome_.lost = true;
        outcome_.Warn("TCP_SPLIT_UNSUPPORTED", head_.spec_pointer + "/service",
                      number + " carries TCP, and Consul splits requests only", kSplitter);
        return false;
      }
      if (first == nullptr) first = &port;
      if (!SameRoutes(first->routes, port.routes)) {
        return Refuse("NOT_REPRESENTABLE", "/backends",
                      "ports " + std::to_string(first->port) + " and " + std::to_string(port.port) +
                          " have different backends, and Consul splits a service as a whole");
      }
    }
    if (first == nullptr) return false;
    if (!first->HasWeight()) {
      outcome_.lost = true;
      outcome_.Warn("SPLIT_ZERO_SUM", head_.spec_pointer + "/backends",
                    "no backend with a weight serves the root's ports", kSplitter);
      return false;
    }
    routes = first->routes;
    return true;
  }

  bool ReadMatches(std::vector<json>& matches) const {
    if (!split_.matches.has_value()) return true;
    for (const smi::RequestMatch& match : *split_.matches) {
      for (json& entry : HttpEntries(match)) matches.push_back(std::move(entry));
    }
    return !matches.empty();  // No request can match: the root keeps all.
  }

  // Shares of a service that nobody registers fail, and clients reach such a root past Consul.
  bool CheckRegistered(const std::vector<smi::SplitRoute>& routes) {
    std::vector<std::string> names = {split_.root};
    for (const smi::SplitRoute& route : routes) names.push_back(route.service);
    for (const std::string& name : names) {
      const smi::Service* service = context_.facts.FindService(split_.namespace_name, name);
      if (service == nullptr || IsRegistered(*service)) continue;
      return Refuse("NOT_REPRESENTABLE", name == split_.root ? "/service" : "/backends",
                    "Service " + name +
                        (service->external_name      ? " is an ExternalName"
                         : service->selector.empty() ? " selects no pods"
                                                     : " is labelled to be ignored") +
                        ", so it is no service of Consul");
    }
    return true;
  }

  // Clients of a headless Service may call its pods, which Consul takes for no service.
  void ReportHeadless() {
    const smi::Service* root = context_.facts.FindService(split_.namespace_name, split_.root);
    if (root == nullptr || !root->headless) return;
    outcome_.lost = true;
    outcome_.Warn("NARROWED", head_.spec_pointer + "/service",
                  "Service " + split_.root +
                      " is headless: its clients call single pods, and what goes to a pod's own address is not split",
                  kSplitter);
  }

  // All services of a chain must speak the same.
  bool ReadProtocol(const std::vector<smi::SplitRoute>& routes, std::string& protocol) {
    if (!ReadProtocolOf(split_.root, protocol)) return false;
    return std::all_of(routes.begin(), routes.end(),
                       [&](const smi::SplitRoute& route) { return ReadProtocolOf(route.service, protocol); });
  }

  bool CheckNames(const std::vector<smi::SplitRoute>& routes, const std::string& splitter) {
    for (const char* kind : {kSplitter, kRouter}) {
      if (catalog_.Foreign(kind, split_.root) == nullptr) continue;
      return Refuse("CONFLICT", "/service",
                    std::string(kind) + " " + split_.root + " of somebody else already routes this service");
    }
    std::vector<std::string> names = {split_.root, splitter};
    for (const smi::SplitRoute& route : routes) names.push_back(route.service);
    for (const std::string& name : names) {
      if (catalog_.IsAmbiguous(name, split_.namespace_name)) {
        return Refuse("CONFLICT", "",
                      "another namespace has a Service " + name + " too, and Consul knows services by name only");
      }
      if (name != split_.root && catalog_.Foreign(kSplitter, name) != nullptr) {
        return Refuse("CONFLICT", "/backends",
                      "ServiceSplitter " + name + " of somebody else would split the backend's share again");
      }
    }
    const bool taken =
        splitter != split_.root && (context_.facts.FindService(split_.namespace_name, splitter) != nullptr ||
                                    catalog_.Foreign("ServiceResolver", splitter) != nullptr);
    if (!taken) return true;
    return Refuse("CONFLICT", "/matches", "the name " + splitter + ", which the split needs for itself, is taken");
  }

 private:
  static bool SameRoutes(const std::vector<smi::SplitRoute>& a, const std::vector<smi::SplitRoute>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const smi::SplitRoute& x, const smi::SplitRoute& y) {
      return x.service == y.service && x.weight == y.weight;
    });
  }

  bool Refuse(const std::string& code, const std::string& place, const std::string& message) {
    outcome_.lost = true;
    outcome_.Report(code, smi::Severity::kError, head_.spec_pointer + place, message, kSplitter);
    return false;
  }

  bool ReadProtocolOf(const std::string& name, std::string& protocol) {
    const smi::Service* service = context_.facts.FindService(split_.namespace_name, name);
    const bool unknown = service == nullptr && catalog_.Foreign("ServiceDefaults", name) == nullptr;
    if (unknown && !protocol.empty()) return true;  // It gets the root's.
    const Protocol read = catalog_.ProtocolOf(name, service);
    if (read.name.empty()) {
      outcome_.lost = true;
      outcome_.Warn("TCP_SPLIT_UNSUPPORTED", head_.spec_pointer + (name == split_.root ? "/service" : "/backends"),
                    read.problem + "; Consul splits requests only", kSplitter);
      return false;
    }
    if (protocol.empty()) protocol = read.name;
    if (protocol == read.name) return true;
    return Refuse("NOT_REPRESENTABLE", "/backends",
                  "service " + name + " speaks " + read.name + ", the root " + protocol +
                      ", and Consul splits among services of one protocol only");
  }

  const EmitContext& context_;
  const Catalog& catalog_;
  const smi::Split& split_;
  Outcome& outcome_;
  const smi::Head& head_;
};

}  // namespace

void Splits::Add(const EmitContext& context, const Catalog& catalog, const smi::Split& split, Outcome& outcome) {
  outcome.lost = outcome.lost || split.reduced;
  outcome.explanation = "Not applied: Consul cannot say this split exactly.";
  Planned plan{&split.split->head, split.namespace_name, split.root, split.root, {}, {}, ""};
  SplitReader reader(context, catalog, split, outcome);
  if (!reader.ReadRoutes(plan.routes) || !reader.ReadMatches(plan.matches)) return;
  if (split.matches.has_value()) plan.splitter = SplitServiceOf(*plan.source, split.root);
  if (!reader.CheckRegistered(plan.routes) || !reader.ReadProtocol(plan.routes, plan.protocol)) return;
  if (!reader.CheckNames(plan.routes, plan.splitter)) return;
  reader.ReportHeadless();
  outcome.explanation = std::string(split.matches.has_value() ? "Matching requests" : "Requests") + " to service " +
                        split.root + " are shared among the backends by weight" + (outcome.lost ? ", in part." : ".");
  planned_.push_back(std::move(plan));
}

void Splits::Draft(EmitContext& context, const Catalog& catalog, translate::Outcomes& outcomes) const {
  std::map<std::pair<std::string, std::string>, const smi::Head*> splitters;
  for (const Planned& plan : planned_) splitters.emplace(std::pair(plan.namespace_name, plan.splitter), plan.source);
  for (const Planned& plan : planned_) {
    Outcome& outcome = outcomes.at(plan.source);
    const auto nested = std::find_if(plan.routes.begin(), plan.routes.end(), [&](const smi::SplitRoute& route) {
      return route.service != plan.root && splitters.count({plan.namespace_name, route.service}) != 0;
    });
    if (nested != plan.routes.end()) {
      outcome.lost = true;
      outcome.Report("NOT_REPRESENTABLE", smi::Severity::kError, plan.source->spec_pointer + "/backends",
                     "backend " + nested->service + " is split itself, and Consul would split its share again",
                     kSplitter);
      outcome.explanation = "Not applied: Consul cannot say this split exactly.";
      continue;
    }
    std::vector<std::int64_t> weights;
    for (const smi::SplitRoute& route : plan.routes) weights.push_back(route.weight);
    const SplitShares shares = SharesOf(weights);
    if (shares.rounded_to_zero) {
      outcome.lost = true;
      outcome.Report("WEIGHT_ROUNDED", smi::Severity::kInfo, plan.source->spec_pointer + "/backends",
                     "a backend's share is below what Consul can say, and it gets nothing", kSplitter);
    }
    json splits = json::array();
    for (const SplitShare& share : shares.shares) {
      splits.push_back({{"weight", Weight(share.hundredths)}, {"service", plan.routes[share.index].service}});
    }
    AddDefaults(context, catalog, plan.namespace_name, plan.root, plan.protocol, {plan.source});
    AddDefaults(context, catalog, plan.namespace_name, plan.splitter, plan.protocol, {plan.source});
    for (const smi::SplitRoute& route : plan.routes) {
      AddDefaults(context, catalog, plan.namespace_name, route.service, plan.protocol, {plan.source});
    }
    context.drafts.Add({kSplitterWave,
                        {kVersion, kSplitter, plan.namespace_name, plan.splitter},
                        {{"splits", std::move(splits)}},
                        {plan.source}});
    ++outcome.in_force;
    if (plan.splitter == plan.root) continue;
    json routes = json::array();
    for (const json& match : plan.matches) {
      routes.push_back({{"match", {{"http", match}}}, {"destination", {{"service", plan.splitter}}}});
    }
    context.drafts.Add({kRouterWave,
                        {kVersion, kRouter, plan.namespace_name, plan.root},
                        {{"routes", std::move(routes)}},
                        {plan.source}});
  }
}

}  // namespace meshplay::consul
