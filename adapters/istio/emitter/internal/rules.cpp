#include "adapters/istio/emitter/internal/rules.h"

#include <algorithm>

namespace meshplay::istio {
namespace {

using nlohmann::json;
using smi::HeaderForm;
using smi::PathForm;
using translate::EmitContext;
using translate::Outcome;

constexpr std::size_t kMaxServiceAccounts = 16;  // Limit of the field in Istio's schema.
constexpr std::string_view kServiceAccountsField =
    "security.istio.io/AuthorizationPolicy:spec.rules.from.source.serviceAccounts";

std::string Principal(const EmitContext& context, const smi::Identity& identity) {
  if (!identity.spiffe_id.empty()) return identity.spiffe_id.substr(std::string_view("spiffe://").size());
  return context.trust_domain + "/ns/" + identity.namespace_name + "/sa/" + identity.service_account;
}

// Istio reads "*" at either end as "anything" and braces as templates, so literal ones cannot be said.
bool IsPlain(const std::string& text) {
  return text.find_first_of("*{}") == std::string::npos;
}

// Envoy's templates take RFC 3986 characters only.
bool IsTemplateText(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~/%!$&'()+,;:@={}*").find(c) != std::string_view::npos;
  });
}

std::string Where(const smi::RequestMatch& match) {
  return "match " + match.group + "/" + match.name;
}

void AddPath(const EmitContext& context, const smi::RequestMatch& match, const smi::PathPattern& pattern, bool filtered,
             Outcome& outcome, json& paths) {
  const std::string& text = pattern.text;
  // Leaves what follows `known` to the filter.
  const auto leave = [&](const std::string& known) {
    const std::string prefix = known.substr(0, known.find_first_of("*{}"));
    paths.push_back(prefix + "*");
    outcome.Warn(kFilterRequired, match.pointer,
                 Where(match) + ": pathRegex " + match.path_regex +
                     " is checked by an EnvoyFilter only; without it \"" + prefix +
                     "\" and all that follows is allowed",
                 "EnvoyFilter");
  };
  const auto drop = [&](const std::string& why) {
    if (filtered) return leave(text);
    outcome.lost = true;
    outcome.Report("NARROWED", smi::Severity::kWarning, match.pointer,
                   Where(match) + ": pathRegex " + match.path_regex + " " + why + "; it allows nothing",
                   "AuthorizationPolicy paths");
  };
  switch (pattern.form) {
    case PathForm::kAny:
      return;
    case PathForm::kExact:
      if (!IsPlain(text)) return drop("holds a character that Istio reads as a wildcard");
      paths.push_back(text);
      return;
    case PathForm::kPrefix:
      if (!IsPlain(text)) return drop("holds a character that Istio reads as a wildcard");
      paths.push_back(text + "*");
      return;
    case PathForm::kSegmentPrefix:
      if (!IsPlain(text)) return drop("holds a character that Istio reads as a wildcard");
      paths.push_back(text);
      paths.push_back(text + "/*");
      return;
    case PathForm::kTemplate:
      if (!IsTemplateText(text)) return drop("holds a character that Istio's path templates do not take");
      if (filtered && pattern.open && !text.ends_with("{*}")) return leave(text);
      paths.push_back(text);
      if (!pattern.open) return;
      paths.push_back(text + "/{**}");
      if (!text.ends_with("{*}")) {
        outcome.lost = true;
        outcome.Report("NARROWED", smi::Severity::kWarning, match.pointer,
                       Where(match) + ": after the last word of pathRegex " + match.path_regex +
                           " Istio's template allows a new segment only",
                       "AuthorizationPolicy path templates");
      }
      return;
    case PathForm::kRegex:
      break;
  }
  if (filtered) return leave(smi::LiteralPrefix(match.path_regex));
  if (!context.options.allow_widening) return drop("is a regular expression, which Istio cannot check here");
  const std::string prefix = smi::LiteralPrefix(match.path_regex);
  outcome.Report("WIDENED", smi::Severity::kWarning, match.pointer,
                 Where(match) + ": pathRegex " + match.path_regex + " became the prefix \"" + prefix + "\"",
                 "AuthorizationPolicy paths");
  outcome.lost = true;
  paths.push_back(IsPlain(prefix) ? prefix + "*" : "*");
}

bool AddHeader(const EmitContext& context, const smi::RequestMatch& match, const smi::HeaderCondition& header,
               bool filtered, Outcome& outcome, json& conditions) {
  json values = json::array();
  bool left_out = false;
  for (const smi::HeaderPattern& pattern : header.patterns) {
    const bool sayable = IsPlain(pattern.text) && (!pattern.text.empty() || pattern.form == HeaderForm::kPresent);
    if (pattern.form == HeaderForm::kPresent) {
      values.push_back("*");
    } else if (pattern.form == HeaderForm::kExact && sayable) {
      values.push_back(pattern.text);
    } else if (pattern.form == HeaderForm::kPrefix && sayable) {
      values.push_back(pattern.text + "*");
    } else if (pattern.form == HeaderForm::kSuffix && sayable) {
      values.push_back("*" + pattern.text);
    } else {
      left_out = true;
    }
  }
  const std::string what = Where(match) + ": header " + header.name + " with " + header.regex;
  if (left_out && filtered) {
    values = json::array({"*"});
    outcome.Warn(kFilterRequired, match.pointer,
                 what + " is checked by an EnvoyFilter only; without it every value is allowed", "EnvoyFilter");
  } else if (left_out) {
    outcome.lost = true;
    if (context.options.allow_widening) {
      values = json::array({"*"});
      outcome.Report("WIDENED", smi::Severity::kWarning, match.pointer, what + " became \"is present\"",
                     "AuthorizationPolicy when");
    } else {
      outcome.Report("NARROWED", smi::Severity::kWarning, match.pointer,
                     what + (values.empty() ? " cannot be checked by Istio; the match allows nothing"
                                            : " can be checked by Istio in part only"),
                     "AuthorizationPolicy when");
    }
  }
  if (values.empty()) return false;
  const std::string name = header.name == "host" ? ":authority" : header.name;
  conditions.push_back({{"key", "request.headers[" + name + "]"}, {"values", std::move(values)}});
  return true;
}

json HeaderMatch(const smi::HeaderCondition& header) {
  if (header.patterns.size() == 1) {
    const smi::HeaderPattern& pattern = header.patterns.front();
    // An empty string would mean "is present".
    if (pattern.form == HeaderForm::kExact && !pattern.text.empty()) return {{"exact", pattern.text}};
    if (pattern.form == HeaderForm::kPrefix) return {{"prefix", pattern.text}};
  }
  // Istio takes no empty expression.
  return {{"regex", header.regex.empty() ? "^$" : header.regex}};
}

std::vector<json> UriMatches(const smi::RequestMatch& match) {
  std::vector<json> out;
  for (const smi::PathPattern& pattern : match.path.alternatives) {
    switch (pattern.form) {
      case PathForm::kAny:
        out.emplace_back();
        break;
      case PathForm::kExact:
        out.push_back({{"exact", pattern.text}});
        break;
      case PathForm::kPrefix:
        out.push_back({{"prefix", pattern.text}});
        break;
      case PathForm::kSegmentPrefix:
        out.push_back({{"exact", pattern.text}});
        out.push_back({{"prefix", pattern.text + "/"}});
        break;
      case PathForm::kTemplate:
      case PathForm::kRegex:
        return {json{{"regex", match.path.full_regex}}};  // Says all alternatives at once.
    }
  }
  return out;
}

}  // namespace

std::vector<envoy::Caller> CallersOf(const EmitContext& context, const std::vector<smi::Identity>& sources) {
  const bool by_account = context.facts.facts().api_fields.count(std::string(kServiceAccountsField)) != 0;
  std::vector<envoy::Caller> out;
  for (const smi::Identity& identity : sources) {
    out.push_back(by_account && identity.spiffe_id.empty()
                      ? envoy::AccountOfAnyDomain(identity.namespace_name, identity.service_account)
                      : envoy::Caller{"spiffe://" + Principal(context, identity), false});
  }
  return out;
}

json FromList(const EmitContext& context, const std::vector<smi::Identity>& sources) {
  const bool by_account = context.facts.facts().api_fields.count(std::string(kServiceAccountsField)) != 0;
  json principals = json::array();
  json accounts = json::array();
  json from = json::array();
  for (const smi::Identity& identity : sources) {
    if (!by_account || !identity.spiffe_id.empty()) {
      principals.push_back(Principal(context, identity));
      continue;
    }
    accounts.push_back(identity.namespace_name + "/" + identity.service_account);
    if (accounts.size() < kMaxServiceAccounts) continue;
    from.push_back({{"source", {{"serviceAccounts", std::move(accounts)}}}});
    accounts = json::array();
  }
  if (!accounts.empty()) from.push_back({{"source", {{"serviceAccounts", std::move(accounts)}}}});
  if (!principals.empty()) from.push_back({{"source", {{"principals", std::move(principals)}}}});
  return from;
}

std::optional<json> RuleOf(const EmitContext& context, const smi::RequestMatch& match, bool filtered,
                           Outcome& outcome) {
  json paths = json::array();
  for (const smi::PathPattern& pattern : match.path.alternatives) {
    AddPath(context, match, pattern, filtered, outcome, paths);
  }
  const bool any_path = match.path.alternatives.size() == 1 && match.path.alternatives.front().form == PathForm::kAny;
  if (paths.empty() && !any_path) return std::nullopt;
  if (match.path.dot_taken_literally) {
    outcome.lost = true;
    outcome.Report("NARROWED", smi::Severity::kWarning, match.pointer,
                   Where(match) + ": \".\" in pathRegex " + match.path_regex + " is taken for a dot (lenientDots)");
  }
  json conditions = json::array();
  for (const smi::HeaderCondition& header : match.headers) {
    if (!AddHeader(context, match, header, filtered, outcome, conditions)) return std::nullopt;
  }

  json operation = json::object();
  if (!paths.empty()) operation["paths"] = std::move(paths);
  if (match.methods.has_value()) operation["methods"] = *match.methods;
  // Without a condition on HTTP the rule would also allow plain TCP.
  if (operation.empty()) operation["methods"] = json::array({"*"});
  json rule = {{"to", json::array({{{"operation", std::move(operation)}}})}};
  if (!conditions.empty()) rule["when"] = std::move(conditions);
  return rule;
}

std::vector<json> RouteMatches(const smi::RequestMatch& match, int port) {
  json common = {{"port", port}};
  if (match.methods.has_value()) {
    std::string either;
    for (const std::string& method : *match.methods) either += (either.empty() ? "" : "|") + method;
    common["method"] = match.methods->size() == 1 ? json{{"exact", either}} : json{{"regex", either}};
  }
  for (const smi::HeaderCondition& header : match.headers) {
    if (header.patterns.empty()) return {};  // No value can satisfy it.
    if (header.name == "host") {
      common["authority"] = HeaderMatch(header);
    } else {
      common["headers"][header.name] = HeaderMatch(header);
    }
  }
  std::vector<json> out;
  for (const json& uri : UriMatches(match)) {
    json entry = common;
    if (!uri.is_null()) entry["uri"] = uri;
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace meshplay::istio
