#include "tests/unit/linkerd_emitter/linkerd_interpreter.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>

namespace meshplay::testing {
namespace {

using nlohmann::json;
using Rank = std::array<long, 3>;

// The leftmost match of a search must be the whole text; RE2 finds the same one as Rust.
bool SearchIsWhole(const std::string& regex, const std::string& text) {
  static std::map<std::string, RE2> cache;
  const RE2& compiled = cache.try_emplace(regex, regex).first->second;
  re2::StringPiece found;
  if (!compiled.ok() || !compiled.Match(text, 0, text.size(), RE2::UNANCHORED, &found, 1)) return false;
  return found.data() == text.data() && found.size() == text.size();
}

std::optional<long> PathLength(const json& match, const std::string& path) {
  if (!match.contains("path")) return 1;
  const std::string value = match["path"]["value"];
  const std::string type = match["path"]["type"];
  const long length = static_cast<long>(path.size());
  if (type == "Exact") return path == value ? std::optional(length) : std::nullopt;
  if (type == "RegularExpression") return SearchIsWhole(value, path) ? std::optional(length) : std::nullopt;
  if (value == "/") return 1;
  const bool segment = path.starts_with(value) && (path.size() == value.size() || path[value.size()] == '/');
  return segment ? std::optional(static_cast<long>(value.size())) : std::nullopt;
}

std::optional<Rank> RankOf(const json& match, const Request& request, TieOrder order) {
  const auto length = PathLength(match, request.path);
  if (!length.has_value()) return std::nullopt;
  if (match.contains("method") && match["method"] != request.method) return std::nullopt;
  const json headers = match.value("headers", json::array());
  for (const json& header : headers) {
    const auto it = request.headers.find(header["name"].get<std::string>());
    if (it == request.headers.end()) return std::nullopt;
    const std::string value = header["value"];
    const bool fits = header["type"] == "Exact" ? it->second == value : SearchIsWhole(value, it->second);
    if (!fits) return std::nullopt;
  }
  const long methods = match.contains("method") ? 1 : 0;
  const long count = static_cast<long>(headers.size());
  return order == TieOrder::kHeadersFirst ? Rank{*length, count, methods} : Rank{*length, methods, count};
}

// The best of a rule's matches.
std::optional<Rank> RankOfRule(const json& rule, const Request& request, TieOrder order) {
  if (!rule.contains("matches") || rule["matches"].empty()) return Rank{1, 0, 0};
  std::optional<Rank> best;
  for (const json& match : rule["matches"]) {
    const auto rank = RankOf(match, request, order);
    if (rank.has_value() && (!best.has_value() || *rank > *best)) best = rank;
  }
  return best;
}

}  // namespace

const json* LinkerdInbound::ServerOf(const Request& request) const {
  for (const json& object : objects_) {
    if (object["kind"] != "Server" || object["spec"]["port"] != request.port) continue;
    const auto labels = object["spec"]["podSelector"]["matchLabels"].get<std::map<std::string, std::string>>();
    const bool selects = std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
      const auto it = request.target_labels.find(label.first);
      return it != request.target_labels.end() && it->second == label.second;
    });
    if (selects) return &object;
  }
  return nullptr;
}

bool LinkerdInbound::AuthenticatedBy(const json& reference, const Request& request) const {
  for (const json& object : objects_) {
    if (object["kind"] != reference["kind"] || object["metadata"]["name"] != reference["name"]) continue;
    if (object["kind"] == "NetworkAuthentication") return true;
    for (const json& identity : object["spec"].value("identityRefs", json::array())) {
      if (identity["kind"] == "ServiceAccount" && identity["name"] == request.source_account &&
          identity["namespace"] == request.source_namespace) {
        return true;
      }
    }
  }
  return false;
}

bool LinkerdInbound::Authorized(const std::string& kind, const std::string& name, const Request& request) const {
  return std::any_of(objects_.begin(), objects_.end(), [&](const json& object) {
    if (object["kind"] != "AuthorizationPolicy") return false;
    const json& target = object["spec"]["targetRef"];
    if (target["kind"] != kind || target["name"] != name) return false;
    const json& required = object["spec"]["requiredAuthenticationRefs"];
    return std::all_of(required.begin(), required.end(),
                       [&](const json& reference) { return AuthenticatedBy(reference, request); });
  });
}

bool LinkerdInbound::Allows(const Request& request, const std::set<std::string>& probes) const {
  const json* server = ServerOf(request);
  if (server == nullptr) return true;
  const std::string name = (*server)["metadata"]["name"];
  const bool by_server = Authorized("Server", name, request);
  if (by_server && (!request.is_http || (*server)["spec"]["proxyProtocol"] == "opaque")) return true;
  if (!request.is_http || (*server)["spec"]["proxyProtocol"] == "opaque") return false;

  bool has_routes = false;
  std::optional<Rank> best;
  std::string route;
  for (const json& object : objects_) {
    if (object["kind"] != "HTTPRoute" || object["spec"]["parentRefs"][0]["kind"] != "Server" ||
        object["spec"]["parentRefs"][0]["name"] != name) {
      continue;
    }
    has_routes = true;
    for (const json& rule : object["spec"]["rules"]) {
      const auto rank = RankOfRule(rule, request, order_);
      if (!rank.has_value() || (best.has_value() && *rank <= *best)) continue;
      best = rank;
      route = object["metadata"]["name"];
    }
  }
  if (!has_routes) return by_server || (request.method == "GET" && probes.count(request.path) != 0);
  return best.has_value() && (by_server || Authorized("HTTPRoute", route, request));
}

std::map<std::string, int> LinkerdRoute(const json& route, const Request& request) {
  std::optional<Rank> best;
  const json* chosen = nullptr;
  for (const json& rule : route["spec"]["rules"]) {
    const auto rank = RankOfRule(rule, request, TieOrder::kHeadersFirst);
    if (!rank.has_value() || (best.has_value() && *rank <= *best)) continue;
    best = rank;
    chosen = &rule;
  }
  std::map<std::string, int> out;
  if (chosen == nullptr) return out;
  for (const json& backend : (*chosen)["backendRefs"]) {
    out[backend["name"].get<std::string>() + ":" + backend["port"].dump()] += backend.value("weight", 1);
  }
  return out;
}

}  // namespace meshplay::testing
