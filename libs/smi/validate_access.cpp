#include <algorithm>
#include <set>

#include "libs/smi/internal/checks.h"
#include "libs/smi/internal/names.h"

namespace meshplay::smi {
namespace {

constexpr std::string_view kServiceAccount = "ServiceAccount";
constexpr std::string_view kIdentityBinding = "IdentityBinding";

void CheckSubject(Checks& checks, const Head& head, const Subject& subject, const std::string& pointer) {
  if (subject.kind.empty()) {
    checks.Error(head, "TARGET_INCOMPLETE", pointer + "/kind", "a kind is required");
  } else if (subject.kind != kServiceAccount && !(head.version == 4 && subject.kind == kIdentityBinding)) {
    checks.Error(head, "SUBJECT_KIND_INVALID", pointer + "/kind",
                 head.version == 4 ? "must be ServiceAccount or IdentityBinding" : "must be ServiceAccount");
  }
  // The name becomes part of a mesh identity, where "*" and "/" would mean something.
  if (!IsDnsSubdomain(subject.name)) {
    checks.Error(head, "TARGET_INCOMPLETE", pointer + "/name",
                 subject.name.empty() ? "a name is required" : "must be a DNS subdomain of at most 253 characters");
  }
  if (!subject.namespace_defaulted && !IsDnsLabel(subject.namespace_name)) {
    checks.Error(head, "TARGET_INCOMPLETE", pointer + "/namespace", "must be a DNS label");
  }
  if (subject.kind == kIdentityBinding && !checks.HasBinding(subject.namespace_name, subject.name)) {
    checks.Warn(head, "REFERENCE_UNRESOLVED", pointer + "/name",
                "IdentityBinding " + subject.namespace_name + "/" + subject.name + " does not exist");
  }
}

void CheckRule(Checks& checks, const TrafficTarget& target, const TargetRule& rule, const std::string& pointer) {
  const Head& head = target.head;
  const std::string& namespace_name = head.key.namespace_name;
  const bool udp = rule.kind == KindName(Kind::kUdpRoute);
  const bool port_route = udp || rule.kind == KindName(Kind::kTcpRoute);
  if (rule.kind != KindName(Kind::kHttpRouteGroup) && !port_route) {
    checks.Error(head, "RULE_KIND_INVALID", pointer + "/kind", "must be HTTPRouteGroup, TCPRoute or UDPRoute");
    return;
  }
  if (udp && head.version < 3) {
    checks.Error(head, "RULE_KIND_INVALID", pointer + "/kind",
                 "UDPRoute exists from access v1alpha3 on; must be HTTPRouteGroup or TCPRoute");
    return;
  }
  if (rule.name.empty()) {
    checks.Error(head, "TARGET_INCOMPLETE", pointer + "/name", "a name is required");
    return;
  }
  if (port_route) {
    if (!rule.matches.empty()) {
      checks.Warn(head, "MATCHES_IGNORED", pointer + "/matches", rule.kind + " has no named matches");
    }
    if (!checks.HasPortRoute(rule.kind, namespace_name, rule.name)) {
      checks.Warn(head, "REFERENCE_UNRESOLVED", pointer + "/name",
                  rule.kind + " " + namespace_name + "/" + rule.name + " does not exist");
    }
    return;
  }
  const HttpRouteGroup* group = checks.FindGroup(namespace_name, rule.name);
  if (group == nullptr) {
    checks.Warn(head, "REFERENCE_UNRESOLVED", pointer + "/name",
                "HTTPRouteGroup " + namespace_name + "/" + rule.name + " does not exist");
    return;
  }
  std::set<std::string> names;
  for (const HttpMatch& match : group->matches) names.insert(match.name);
  for (std::size_t i = 0; i < rule.matches.size(); ++i) {
    if (names.count(rule.matches[i]) != 0) continue;
    checks.Warn(head, "MATCH_UNRESOLVED", pointer + "/matches/" + std::to_string(i),
                "HTTPRouteGroup " + rule.name + " has no match \"" + rule.matches[i] + "\"");
  }
}

}  // namespace

void CheckTarget(Checks& checks, const TrafficTarget& target) {
  const Head& head = target.head;
  const std::string& at = head.spec_pointer;
  CheckSubject(checks, head, target.destination, at + "/destination");
  const bool port_wanted = head.version == 1 && !target.destination_port.has_value();
  if (port_wanted) {
    checks.Error(head, "TARGET_INCOMPLETE", at + "/destination/port", "a port is required in v1alpha1");
  }
  if (target.destination_port.has_value() && (*target.destination_port < 1 || *target.destination_port > 65535)) {
    checks.Error(head, "PORT_INVALID", at + "/destination/port", "must be between 1 and 65535");
  }
  if (target.destination.namespace_name != head.key.namespace_name) {
    checks.Warn(head, "DESTINATION_NAMESPACE_FOREIGN", at + "/destination/namespace",
                "the destination is in \"" + target.destination.namespace_name + "\", the TrafficTarget in \"" +
                    head.key.namespace_name + "\"");
  }

  const std::string rules_key = head.version == 1 ? "/specs" : "/rules";
  if (target.rules.empty()) checks.Error(head, "TARGET_INCOMPLETE", at + rules_key, "at least one rule is required");
  for (std::size_t i = 0; i < target.rules.size(); ++i) {
    CheckRule(checks, target, target.rules[i], at + rules_key + "/" + std::to_string(i));
  }

  if (target.sources.empty()) {
    checks.Error(head, "TARGET_INCOMPLETE", at + "/sources", "at least one source is required");
  }
  for (std::size_t i = 0; i < target.sources.size(); ++i) {
    CheckSubject(checks, head, target.sources[i], at + "/sources/" + std::to_string(i));
  }
}

void CheckBinding(Checks& checks, const IdentityBinding& binding) {
  const Head& head = binding.head;
  const std::string at = head.spec_pointer + "/schemes";
  if (binding.has_pod_labels && !binding.service_account.empty()) {
    checks.Error(head, "IDENTITY_BINDING_INVALID", at + "/podLabelSelector",
                 "podLabelSelector and serviceAccount are mutually exclusive");
    checks.Error(head, "IDENTITY_BINDING_INVALID", at + "/serviceAccount",
                 "serviceAccount and podLabelSelector are mutually exclusive");
  }
  if (binding.has_pod_labels && binding.pod_labels.empty()) {
    checks.Error(head, "IDENTITY_BINDING_INVALID", at + "/podLabelSelector/matchLabels",
                 "at least one label is required");
  }
  if (!binding.has_pod_labels && binding.service_account.empty() && binding.spiffe_ids.empty()) {
    checks.Error(head, "IDENTITY_BINDING_INVALID", at, "at least one scheme is required");
  }
  if (!binding.service_account.empty() && !IsDnsSubdomain(binding.service_account)) {
    checks.Error(head, "IDENTITY_BINDING_INVALID", at + "/serviceAccount", "must be a DNS subdomain");
  }
  for (std::size_t i = 0; i < binding.spiffe_ids.size(); ++i) {
    if (IsSpiffeId(binding.spiffe_ids[i])) continue;
    checks.Error(head, "IDENTITY_BINDING_INVALID", at + "/spiffeIdentities/" + std::to_string(i),
                 "must be a SPIFFE id such as spiffe://cluster.local/ns/shop/sa/web");
  }
}

}  // namespace meshplay::smi
