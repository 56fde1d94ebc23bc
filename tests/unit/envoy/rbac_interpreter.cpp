#include "tests/unit/envoy/rbac_interpreter.h"

#include <re2/re2.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace meshplay::testing {
namespace {

using nlohmann::json;

constexpr const char* kHttpType = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
constexpr const char* kNetworkType = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC";

bool MatchesString(const json& matcher, const std::string& text) {
  const auto& [form, value] = *matcher.items().begin();
  if (matcher.size() != 1) throw std::invalid_argument("one form at a time: " + matcher.dump());
  if (form == "safe_regex") return RE2::FullMatch(text, value.at("regex").get<std::string>());
  const auto wanted = value.get<std::string>();
  if (form == "exact") return text == wanted;
  if (wanted.empty()) throw std::invalid_argument("Envoy refuses this empty text: " + matcher.dump());
  if (form == "prefix") return text.starts_with(wanted);
  if (form == "suffix") return text.ends_with(wanted);
  if (form == "contains") return text.find(wanted) != std::string::npos;
  throw std::invalid_argument("unknown form: " + matcher.dump());
}

std::optional<std::string> ValueOf(const std::string& header, const Request& request) {
  if (header == ":method") return request.method;
  const auto it = request.headers.find(header == ":authority" ? "host" : header);
  return it == request.headers.end() ? std::nullopt : std::optional<std::string>(it->second);
}

bool Permits(const json& rule, const Request& request) {
  if (rule.size() != 1) throw std::invalid_argument("one rule at a time: " + rule.dump());
  const auto& [kind, value] = *rule.items().begin();
  const auto permits = [&](const json& inner) { return Permits(inner, request); };
  if (kind == "any") return value.get<bool>();
  if (kind == "and_rules") return std::all_of(value.at("rules").begin(), value.at("rules").end(), permits);
  if (kind == "or_rules") return std::any_of(value.at("rules").begin(), value.at("rules").end(), permits);
  if (kind == "destination_port") return value == request.port;
  if (!request.is_http) throw std::invalid_argument("no request to look at: " + rule.dump());
  if (kind == "url_path") return MatchesString(value.at("path"), request.path.substr(0, request.path.find('?')));
  if (kind != "header") throw std::invalid_argument("unknown rule: " + rule.dump());
  const auto found = ValueOf(value.at("name"), request);
  if (!found.has_value()) return false;
  return value.contains("present_match") || MatchesString(value.at("string_match"), *found);
}

}  // namespace

bool RbacAllows(const json& filter, const std::string& uri, const Request& request) {
  const json& config = filter.at("typed_config");
  if (config.at("@type") != (request.is_http ? kHttpType : kNetworkType)) throw std::invalid_argument("wrong filter");
  if (config.at("rules").at("action") != "ALLOW") throw std::invalid_argument("wrong action");
  const json& policies = config.at("rules").at("policies");
  return std::any_of(policies.begin(), policies.end(), [&](const json& policy) {
    const json& permissions = policy.at("permissions");
    const json& principals = policy.at("principals");
    return std::any_of(principals.begin(), principals.end(),
                       [&](const json& p) { return MatchesString(p.at("authenticated").at("principal_name"), uri); }) &&
           std::any_of(permissions.begin(), permissions.end(), [&](const json& p) { return Permits(p, request); });
  });
}

}  // namespace meshplay::testing
