#include "adapters/envoy/rbac.h"

#include <re2/re2.h>

#include <algorithm>

namespace meshplay::envoy {
namespace {

using nlohmann::json;
using smi::HeaderForm;
using smi::PathForm;

constexpr std::string_view kHole = "{*}";

// One rule says itself, several are joined by `word`; none holds always.
json Join(const char* word, json rules) {
  if (rules.empty()) return {{"any", true}};
  if (rules.size() == 1) return std::move(rules.front());
  return {{word, {{"rules", std::move(rules)}}}};
}

json AnyOf(json rules) {
  return Join("or_rules", std::move(rules));
}

json AllOf(json rules) {
  return Join("and_rules", std::move(rules));
}

json Regex(const std::string& regex) {
  return {{"safe_regex", {{"regex", regex}}}};
}

json UrlPath(json matcher) {
  return {{"url_path", {{"path", std::move(matcher)}}}};
}

json Header(const std::string& name, json matcher) {
  return {{"header", {{"name", name}, {"string_match", std::move(matcher)}}}};
}

std::string TemplateRegex(const smi::PathPattern& pattern) {
  std::string regex;
  for (std::size_t start = 0; start <= pattern.text.size();) {
    const std::size_t hole = pattern.text.find(kHole, start);
    regex += RE2::QuoteMeta(pattern.text.substr(start, hole - start));
    if (hole == std::string::npos) break;
    regex += "[^/]+";
    start = hole + kHole.size();
  }
  return pattern.open ? regex + ".*" : regex;
}

// The expressions that a match needs: for its path and its headers.
std::vector<std::string> RegexesOf(const smi::RequestMatch& match) {
  std::vector<std::string> out;
  for (const smi::PathPattern& pattern : match.path.alternatives) {
    if (pattern.form == PathForm::kRegex) out.push_back(match.path.full_regex);
    if (pattern.form == PathForm::kTemplate) out.push_back(TemplateRegex(pattern));
  }
  for (const smi::HeaderCondition& header : match.headers) {
    for (const smi::HeaderPattern& pattern : header.patterns) {
      if (pattern.form == HeaderForm::kRegex) out.push_back(pattern.text);
    }
  }
  return out;
}

json PathRules(const smi::RequestMatch& match) {
  json rules = json::array();
  for (const smi::PathPattern& pattern : match.path.alternatives) {
    switch (pattern.form) {
      case PathForm::kAny:
        break;  // It is the only one then.
      case PathForm::kExact:
        rules.push_back(UrlPath({{"exact", pattern.text}}));
        break;
      case PathForm::kPrefix:
        rules.push_back(UrlPath({{"prefix", pattern.text}}));
        break;
      case PathForm::kSegmentPrefix:
        rules.push_back(UrlPath({{"exact", pattern.text}}));
        rules.push_back(UrlPath({{"prefix", pattern.text + "/"}}));
        break;
      case PathForm::kTemplate:
        rules.push_back(UrlPath(Regex(TemplateRegex(pattern))));
        break;
      case PathForm::kRegex:
        rules.push_back(UrlPath(Regex(match.path.full_regex)));
        break;
    }
  }
  return rules;
}

json HeaderRule(const smi::HeaderCondition& header) {
  const std::string name = header.name == "host" ? ":authority" : header.name;
  json rules = json::array();
  for (const smi::HeaderPattern& pattern : header.patterns) {
    switch (pattern.form) {
      case HeaderForm::kPresent:
        rules.push_back({{"header", {{"name", name}, {"present_match", true}}}});
        break;
      case HeaderForm::kExact:
        rules.push_back(Header(name, {{"exact", pattern.text}}));
        break;
      case HeaderForm::kPrefix:
        rules.push_back(Header(name, {{"prefix", pattern.text}}));
        break;
      case HeaderForm::kSuffix:
        rules.push_back(Header(name, {{"suffix", pattern.text}}));
        break;
      case HeaderForm::kContains:
        rules.push_back(Header(name, {{"contains", pattern.text}}));
        break;
      case HeaderForm::kRegex:
        rules.push_back(Header(name, Regex(pattern.text)));
        break;
    }
  }
  return AnyOf(std::move(rules));
}

// Some conditions hold for no request: such a match allows nothing.
bool IsPossible(const smi::RequestMatch& match) {
  const bool every_header = std::all_of(match.headers.begin(), match.headers.end(),
                                        [](const smi::HeaderCondition& header) { return !header.patterns.empty(); });
  return every_header && !match.path.alternatives.empty();
}

void AddConditions(const smi::RequestMatch& match, json& rules) {
  if (match.methods.has_value()) {
    std::string either;
    for (const std::string& method : *match.methods) either += (either.empty() ? "" : "|") + method;
    rules.push_back(Header(":method", match.methods->size() == 1 ? json{{"exact", either}} : Regex(either)));
  }
  json paths = PathRules(match);
  if (!paths.empty()) rules.push_back(AnyOf(std::move(paths)));
  for (const smi::HeaderCondition& header : match.headers) rules.push_back(HeaderRule(header));
}

json PermissionsOf(const Allow& allow, bool requests) {
  json ports = json::array();
  for (const int port : allow.ports) ports.push_back({{"destination_port", port}});
  json common = json::array();
  if (!ports.empty()) common.push_back(AnyOf(std::move(ports)));
  json out = json::array();
  if (allow.matches == nullptr) {
    out.push_back(AllOf(std::move(common)));
  } else if (requests) {
    for (const smi::RequestMatch& match : *allow.matches) {
      if (!IsPossible(match)) continue;
      json rules = common;
      AddConditions(match, rules);
      out.push_back(AllOf(std::move(rules)));
    }
  }
  return out;
}

json RulesOf(const std::vector<Allow>& allows, bool requests) {
  json policies = json::object();
  for (const Allow& allow : allows) {
    json permissions = PermissionsOf(allow, requests);
    json principals = json::array();
    for (const Caller& caller : allow.callers) {
      json name = caller.is_regex ? Regex(caller.uri) : json{{"exact", caller.uri}};
      principals.push_back({{"authenticated", {{"principal_name", std::move(name)}}}});
    }
    if (permissions.empty() || principals.empty()) continue;
    policies[allow.name] = {{"permissions", std::move(permissions)}, {"principals", std::move(principals)}};
  }
  return {{"action", "ALLOW"}, {"policies", std::move(policies)}};
}

}  // namespace

Caller AccountOfAnyDomain(const std::string& namespace_name, const std::string& service_account) {
  return {"spiffe://[^/]+/ns/" + RE2::QuoteMeta(namespace_name) + "/sa/" + RE2::QuoteMeta(service_account), true};
}

std::optional<std::string> WhyNotTaken(const smi::RequestMatch& match) {
  for (const std::string& regex : RegexesOf(match)) {
    // Envoy takes texts for bytes, older versions for UTF-8.
    RE2::Options bytes(RE2::Quiet);
    bytes.set_encoding(RE2::Options::EncodingLatin1);
    const RE2 of_bytes(regex, bytes);
    const RE2 of_text(regex, RE2::Quiet);
    const bool ascii = std::all_of(regex.begin(), regex.end(), [](unsigned char c) { return c < 0x80; });
    if (!ascii || !of_bytes.ok()) return "Envoy takes the regular expression " + regex + " for one of bytes";
    if (!of_text.ok()) return "the regular expression " + regex + " is too large";
    if (static_cast<std::size_t>(std::max(of_bytes.ProgramSize(), of_text.ProgramSize())) > kMaxProgramSize) {
      return "a regular expression has more than " + std::to_string(kMaxProgramSize) + " instructions";
    }
  }
  return std::nullopt;
}

json HttpFilter(const std::vector<Allow>& allows) {
  return {{"name", kFilterName},
          {"typed_config",
           {{"@type", "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"},
            {"rules", RulesOf(allows, true)}}}};
}

json NetworkFilter(const std::vector<Allow>& allows) {
  return {{"name", kFilterName},
          {"typed_config",
           {{"@type", "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC"},
            {"stat_prefix", "meshplay_smi."},
            {"rules", RulesOf(allows, false)}}}};
}

}  // namespace meshplay::envoy
