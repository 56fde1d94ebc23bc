#include "adapters/cilium/emitter/internal/access.h"

#include <algorithm>

#include "adapters/cilium/emitter/internal/http_rules.h"
#include "adapters/cilium/emitter/internal/pod_ports.h"

namespace meshplay::cilium {
namespace {

using nlohmann::json;
using smi::PortScope;
using translate::EmitContext;
using translate::Outcome;

constexpr const char* kVersion = "cilium.io/v2";
constexpr const char* kKind = "CiliumNetworkPolicy";
constexpr const char* kAccountLabel = "k8s:io.cilium.k8s.policy.serviceaccount";
constexpr const char* kNamespaceLabel = "k8s:io.kubernetes.pod.namespace";
constexpr const char* kDenyNamespace = "smi-deny-all";
constexpr std::size_t kMaxPorts = 40;         // Limit of `ports` in Cilium's schema.
constexpr std::size_t kMaxAccountBytes = 63;  // Of a label's value, by which policies know a ServiceAccount.

json PodsOf(const smi::Identity& destination, const smi::Labels& selector) {
  json labels = {{kAccountLabel, destination.service_account}};
  for (const auto& [key, value] : selector) labels["k8s:" + key] = value;
  return {{"matchLabels", std::move(labels)}};
}

std::string PolicyName(const smi::Head& source, const std::string& namespace_name, const std::string& part) {
  const std::string& name = source.key.name;
  const std::string out = translate::ObjectName(source.key, namespace_name, name, part);
  if (out != kDenyNamespace) return out;
  return translate::ObjectName(source.key, namespace_name, name, "target");
}

void AddPolicy(EmitContext& context, const smi::Head& source, const smi::Identity& destination,
               const smi::Labels& selector, const std::string& part, json ingress) {
  const Wave wave = ingress.empty() ? kDenyWave : kAllowWave;
  // A rule that allows nobody turns the default around.
  if (ingress.empty()) ingress = json::array({json::object()});
  context.drafts.Add(
      {wave,
       {kVersion, kKind, destination.namespace_name, PolicyName(source, destination.namespace_name, part)},
       {{"endpointSelector", PodsOf(destination, selector)}, {"ingress", std::move(ingress)}},
       {&source}});
}

void AddNamespaceBaseline(EmitContext& context, const smi::Head& source, const std::string& namespace_name,
                          BaselineMode mode) {
  if (mode != BaselineMode::kStrict) return;
  context.drafts.Add({kDenyNamespaceWave,
                      {kVersion, kKind, namespace_name, kDenyNamespace},
                      {{"endpointSelector", json::object()}, {"ingress", json::array({json::object()})}},
                      {&source}});
}

json Callers(const smi::Grant& grant, Outcome& outcome) {
  json from = json::array();
  for (const smi::Identity& identity : grant.sources) {
    if (!identity.spiffe_id.empty()) {
      outcome.lost = true;
      outcome.Warn("NARROWED", grant.target->head.spec_pointer + "/sources",
                   identity.spiffe_id + " cannot be named: Cilium knows callers by ServiceAccount", "fromEndpoints");
      continue;
    }
    if (identity.service_account.size() > kMaxAccountBytes) {
      outcome.lost = true;
      outcome.Warn("NARROWED", grant.target->head.spec_pointer + "/sources",
                   "ServiceAccount " + identity.service_account + " is too long a name for a label", "fromEndpoints");
      continue;
    }
    from.push_back(
        {{"matchLabels", {{kNamespaceLabel, identity.namespace_name}, {kAccountLabel, identity.service_account}}}});
  }
  return from;
}

// Entries of toPorts, each with at most 40 ports. `http` empty: any bytes.
void AddPorts(const std::set<int>& ports, const char* protocol, const json& http, json& to) {
  json list = json::array();
  const auto flush = [&] {
    if (list.empty()) return;
    to.push_back({{"ports", std::move(list)}});
    if (!http.empty()) to.back()["rules"] = {{"http", http}};
    list = json::array();
  };
  for (const int port : ports) {
    list.push_back({{"port", std::to_string(port)}, {"protocol", protocol}});
    if (list.size() == kMaxPorts) flush();
  }
  flush();
}

/// What a grant says about requests, the same for all its pods.
struct Requests {
  bool limited = false;  ///< Only `http` is allowed.
  json http = json::array();
  bool refused = false;
};

Requests RequestsOf(const EmitContext& context, const smi::Grant& grant, Outcome& outcome) {
  Requests out;
  if (!grant.http.has_value()) return out;
  out.limited = true;
  for (const smi::RequestMatch& match : *grant.http) {
    HttpRules read = RulesOf(context, match, outcome);
    out.refused = out.refused || read.refused;
    for (json& rule : read.rules) {
      if (std::find(out.http.begin(), out.http.end(), rule) == out.http.end()) out.http.push_back(std::move(rule));
    }
  }
  return out;
}

class TargetWriter {
 public:
  TargetWriter(EmitContext& context, const smi::Grant& grant, Outcome& outcome)
      : context_(context), grant_(grant), outcome_(outcome), source_(grant.target->head) {}

  void Run() {
    const json from = Callers(grant_, outcome_);
    const Requests requests = RequestsOf(context_, grant_, outcome_);
    const PodGroups pods = GroupsOf(context_.facts, grant_);
    pending_ = pods.pending;
    ReportPods(pods);
    const bool nothing = from.empty() || requests.refused;
    const bool everything =
        !grant_.http.has_value() && grant_.tcp.scope == PortScope::kAny && grant_.udp.scope == PortScope::kAny;
    if (nothing || everything || pods.groups.size() + pods.unlabelled.size() == 1) {
      json ingress = nothing      ? json::array()
                     : everything ? json::array({{{"fromEndpoints", from}}})
                                  : IngressOf(pods.groups.front(), from, requests);
      outcome_.in_force += static_cast<int>(ingress.size());
      AddPolicy(context_, source_, grant_.destination, {}, "", std::move(ingress));
      return;
    }
    // Pods of one account that serve different ports: each group gets its own, and the account denies the rest.
    AddPolicy(context_, source_, grant_.destination, {}, "", json::array());
    for (const PodGroup& group : pods.groups) {
      json ingress = IngressOf(group, from, requests);
      if (ingress.empty()) continue;
      ++outcome_.in_force;
      AddPolicy(context_, source_, grant_.destination, group.selector, group.name, std::move(ingress));
    }
  }

 private:
  void ReportPods(const PodGroups& pods) {
    const std::string& at = source_.spec_pointer;
    const std::string account = grant_.destination.namespace_name + "/" + grant_.destination.service_account;
    if (pods.pending) {
      outcome_.Report("PENDING", smi::Severity::kInfo, at + "/destination",
                      "no workload runs as ServiceAccount " + account + " yet");
    }
    for (const int port : pods.assumed) {
      outcome_.Warn("PORT_ASSUMED_TARGET", at,
                    "no Service of ServiceAccount " + account + " has port " + std::to_string(port) +
                        "; it is taken for a pod port");
    }
    for (const PodGroup& group : pods.groups) {
      for (const int port : group.ambiguous) {
        outcome_.lost = true;
        outcome_.Warn("NARROWED", at,
                      "pod port " + std::to_string(port) + " is something else at other pods that the policy for " +
                          (group.name.empty() ? account : group.name) + " would select; nothing is allowed there",
                      "toPorts");
      }
    }
    for (const std::string& name : pods.unlabelled) {
      outcome_.lost = true;
      outcome_.Warn("NARROWED", at, "workload " + name + " has no labels to select its pods by; it allows nothing",
                    "endpointSelector");
    }
  }

  json IngressOf(const PodGroup& group, const json& from, const Requests& requests) {
    json to = json::array();
    if (!requests.limited || !requests.http.empty()) AddPorts(group.tcp, "TCP", requests.http, to);
    AddPorts(group.udp, "UDP", json::array(), to);
    const bool wants_tcp = grant_.AllowsTcp() && group.tcp.empty();
    const bool wants_udp = grant_.udp.scope != PortScope::kNone && group.udp.empty();
    if (wants_tcp || wants_udp) {
      const std::string pods = group.name.empty() ? "the destination's pods" : "pods of " + group.name;
      const bool only_http = wants_tcp && grant_.http.has_value() && grant_.tcp.scope == PortScope::kAny;
      const std::string ports = !wants_tcp ? "UDP ports" : only_http ? "ports that carry HTTP" : "TCP ports";
      outcome_.Warn("NARROWED", source_.spec_pointer,
                    pending_ ? "which " + ports + " " + pods + " will serve is not known yet; nothing is allowed there"
                             : pods + " serve none of the " + ports + "; nothing is allowed there",
                    "toPorts");
    }
    if (to.empty()) return json::array();
    return json::array({{{"fromEndpoints", from}, {"toPorts", std::move(to)}}});
  }

  EmitContext& context_;
  const smi::Grant& grant_;
  Outcome& outcome_;
  const smi::Head& source_;
  bool pending_ = false;  ///< No pod of the destination is known.
};

// False, with a report, when no policy can select the destination's pods.
bool IsSelectable(const smi::Head& head, const std::string& account, Outcome& outcome) {
  if (account.size() <= kMaxAccountBytes) return true;
  outcome.lost = true;
  outcome.Warn("ACCESS_UNSUPPORTED", head.spec_pointer + "/destination",
               "ServiceAccount " + account + " is too long a name for a label; nothing guards its pods",
               "endpointSelector");
  outcome.explanation = "Not applied: no policy can select the destination's pods.";
  return false;
}

std::string Explain(const smi::Grant& grant, const Outcome& outcome) {
  const std::string account = grant.destination.namespace_name + "/" + grant.destination.service_account;
  if (outcome.in_force == 0) return "Nothing of this target is in force; pods of " + account + " deny by default.";
  if (outcome.lost) return "Part of what this target allows at " + account + " is in force; the rest is denied.";
  return "Pods of " + account + " accept exactly what this target allows; what no target allows is denied.";
}

}  // namespace

void EmitTarget(EmitContext& context, const smi::Grant& grant, BaselineMode mode, Outcome& outcome) {
  outcome.lost = outcome.lost || grant.reduced;
  if (!IsSelectable(grant.target->head, grant.destination.service_account, outcome)) return;
  TargetWriter(context, grant, outcome).Run();
  AddNamespaceBaseline(context, grant.target->head, grant.destination.namespace_name, mode);
  outcome.explanation = Explain(grant, outcome);
}

void EmitBaseline(EmitContext& context, const smi::TrafficTarget& target, BaselineMode mode, Outcome& outcome) {
  const smi::Identity destination{target.destination.namespace_name, target.destination.name, ""};
  if (!IsSelectable(target.head, destination.service_account, outcome)) return;
  AddPolicy(context, target.head, destination, {}, "", json::array());
  AddNamespaceBaseline(context, target.head, destination.namespace_name, mode);
  outcome.explanation = "The object is not valid: it allows nothing, and its destination denies by default.";
}

}  // namespace meshplay::cilium
