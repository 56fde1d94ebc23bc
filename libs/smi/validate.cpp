#include "libs/smi/validate.h"

#include <algorithm>
#include <set>

#include "libs/smi/internal/checks.h"
#include "libs/smi/internal/findings.h"
#include "libs/smi/internal/names.h"
#include "libs/smi/internal/regex_size.h"
#include "libs/smi/limits.h"

namespace meshplay::smi {
namespace {

constexpr std::size_t kMaxViolations = 100;

void CheckMetadata(Checks& checks) {
  std::set<ObjectKey> seen;
  for (const Head* head : AllHeads(checks.set())) {
    const std::string at = head->pointer + "/metadata";
    if (!IsDnsSubdomain(head->key.name)) {
      checks.Error(*head, "METADATA_INVALID", at + "/name", "must be a DNS subdomain of at most 253 characters");
    }
    if (!IsDnsLabel(head->key.namespace_name)) {
      checks.Error(*head, "METADATA_INVALID", at + "/namespace",
                   head->key.namespace_name.empty() ? "a namespace is required" : "must be a DNS label");
    }
    ObjectKey identity = head->key;
    identity.api_version.clear();
    if (!seen.insert(identity).second) {
      checks.Error(*head, "METADATA_INVALID", at + "/name", identity.Text() + " is given twice");
    }
  }
}

}  // namespace

Checks::Checks(const DocumentSet& set, const FactsIndex* facts, const ValidateOptions& options)
    : set_(set), facts_(facts), options_(options), findings_(set.findings) {
  for (const HttpRouteGroup& group : set.http_groups) {
    groups_.emplace(Name(group.head.key.namespace_name, group.head.key.name), &group);
  }
  const auto add = [this](const Head& head) {
    others_[head.key.kind][Name(head.key.namespace_name, head.key.name)] = true;
  };
  for (const PortRoute& route : set.tcp_routes) add(route.head);
  for (const PortRoute& route : set.udp_routes) add(route.head);
  for (const IdentityBinding& binding : set.bindings) add(binding.head);
}

void Checks::Report(const Head& head, std::string code, Severity severity, std::string pointer, std::string message) {
  AddFinding(findings_, head, {std::move(code), severity, std::move(pointer), std::move(message), ""});
}

void Checks::CheckExpression(const Head& head, const std::string& regex, const std::string& pointer) {
  if (regexes_size_ > kMaxRegexesSize) {
    Error(head, "REGEX_INVALID", pointer, "the regular expressions of these documents are too large together");
    return;
  }
  std::size_t size = 0;
  const Status status = CheckRegex(regex, size);
  regexes_size_ += size;
  if (!status.has_value()) Error(head, status.error().reason(), pointer, status.error().message());
}

const HttpRouteGroup* Checks::FindGroup(const std::string& namespace_name, const std::string& name) const {
  const auto it = groups_.find(Name(namespace_name, name));
  return it == groups_.end() ? nullptr : it->second;
}

bool Checks::HasPortRoute(const std::string& kind, const std::string& namespace_name, const std::string& name) const {
  const auto it = others_.find(kind);
  return it != others_.end() && it->second.count(Name(namespace_name, name)) != 0;
}

bool Checks::HasBinding(const std::string& namespace_name, const std::string& name) const {
  return HasPortRoute(std::string(KindName(Kind::kIdentityBinding)), namespace_name, name);
}

std::vector<Finding> Validate(const DocumentSet& set, const FactsIndex* facts, const ValidateOptions& options) {
  Checks checks(set, facts, options);
  CheckMetadata(checks);
  for (const TrafficTarget& target : set.targets) CheckTarget(checks, target);
  for (const IdentityBinding& binding : set.bindings) CheckBinding(checks, binding);
  for (const HttpRouteGroup& group : set.http_groups) CheckGroup(checks, group);
  for (const PortRoute& route : set.tcp_routes) CheckPortRoute(checks, route);
  for (const PortRoute& route : set.udp_routes) CheckPortRoute(checks, route);
  CheckSplits(checks);
  std::vector<Finding> findings = std::move(checks.findings());
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.document < b.document; });
  return findings;
}

bool HasErrors(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.diagnostic.severity == Severity::kError; });
}

Status ToStatus(const std::vector<Finding>& findings) {
  std::vector<Violation> violations;
  std::size_t errors = 0;
  for (const Finding& finding : findings) {
    if (finding.diagnostic.severity != Severity::kError) continue;
    ++errors;
    if (violations.size() >= kMaxViolations) continue;
    violations.push_back({"/" + std::to_string(finding.document) + finding.diagnostic.pointer,
                          finding.object.Text() + ": " + finding.diagnostic.code + ": " + finding.diagnostic.message});
  }
  if (errors == 0) return {};
  return InvalidArgument("SMI_INVALID",
                         "the SMI documents have " + std::to_string(errors) + (errors == 1 ? " fault" : " faults"))
      .WithViolations(std::move(violations))
      .WithRemediation("Correct each fault named by its pointer; the first number is the document, from 0.");
}

}  // namespace meshplay::smi
