#include "tests/unit/gamma_emitter/gateway_interpreter.h"

#include <re2/re2.h>

#include <algorithm>
#include <tuple>

namespace meshplay::testing {
namespace {

using nlohmann::json;

// Path kind, path length, method, headers: the greatest wins.
using Rank = std::tuple<int, std::size_t, bool, std::size_t>;

// Linkerd takes the first match of a search and asks whether it is the whole text.
bool MatchesRegex(const std::string& regex, const std::string& text, RegexOrder order) {
  if (order != RegexOrder::kByLength) return RE2::FullMatch(text, regex);
  re2::StringPiece found;
  return RE2(regex).Match(text, 0, text.size(), RE2::UNANCHORED, &found, 1) && found.size() == text.size();
}

bool MatchesHeader(const json& header, const Request& request, RegexOrder order) {
  const auto it = request.headers.find(header["name"].get<std::string>());
  if (it == request.headers.end()) return false;
  const std::string value = header["value"];
  return header["type"] == "Exact" ? it->second == value : MatchesRegex(value, it->second, order);
}

bool MatchesPath(const json& path, const std::string& text, RegexOrder order) {
  const std::string value = path["value"];
  if (path["type"] == "Exact") return text == value;
  if (path["type"] == "RegularExpression") return MatchesRegex(value, text, order);
  // By segments.
  const std::string prefix = value.ends_with("/") ? value.substr(0, value.size() - 1) : value;
  return text == prefix || text.starts_with(prefix + "/");
}

json PathOf(const json& match) {
  return match.value("path", json{{"type", "PathPrefix"}, {"value", "/"}});
}

bool MatchesEntry(const json& match, const Request& request, RegexOrder order) {
  const json headers = match.value("headers", json::array());
  return MatchesPath(PathOf(match), request.path, order) &&
         (!match.contains("method") || match["method"] == request.method) &&
         std::all_of(headers.begin(), headers.end(), [&](const json& h) { return MatchesHeader(h, request, order); });
}

Rank RankOf(const json& match, const Request& request, RegexOrder order) {
  const json path = PathOf(match);
  const std::string type = path["type"];
  const std::size_t length = path["value"].get_ref<const std::string&>().size();
  const bool has_method = match.contains("method");
  const std::size_t headers = match.value("headers", json::array()).size();
  if (order == RegexOrder::kByLength) {
    return {0, type == "PathPrefix" ? length : request.path.size(), has_method, headers};
  }
  const int prefix = order == RegexOrder::kAfterPrefix ? 2 : 1;
  const int kind = type == "Exact" ? 3 : type == "PathPrefix" ? prefix : 3 - prefix;
  return {kind, length, has_method, headers};
}

bool HangsOn(const json& object, const std::string& service, int port) {
  if (object["kind"] != "HTTPRoute") return false;
  const json& parents = object["spec"]["parentRefs"];
  return std::any_of(parents.begin(), parents.end(), [&](const json& parent) {
    return parent["kind"] == "Service" && parent["name"] == service && parent["port"] == port;
  });
}

std::string BrokenMatch(const json& match) {
  const json path = PathOf(match);
  const std::string& value = path["value"].get_ref<const std::string&>();
  if (value.empty() || value.size() > 1024) return "length of a path";
  if (path["type"] != "RegularExpression" && !value.starts_with("/")) return "start of a path";
  const json headers = match.value("headers", json::array());
  if (headers.size() > 16) return "headers";
  for (const json& header : headers) {
    const std::size_t size = header["value"].get_ref<const std::string&>().size();
    if (size < 1 || size > 4096) return "length of a header value";
  }
  return "";
}

}  // namespace

std::optional<std::vector<std::string>> GatewayBackends(const std::vector<json>& objects, const std::string& service,
                                                        const Request& request, RegexOrder order) {
  bool has_route = false;
  const json* best = nullptr;
  Rank rank;
  for (const json& object : objects) {
    if (!HangsOn(object, service, request.port)) continue;
    has_route = true;
    for (const json& rule : object["spec"]["rules"]) {
      const json matches = rule.value("matches", json::array({json::object()}));
      for (const json& match : matches) {
        if (!MatchesEntry(match, request, order)) continue;
        const Rank found = RankOf(match, request, order);
        if (best != nullptr && found <= rank) continue;
        best = &rule;
        rank = found;
      }
    }
  }
  if (!has_route) return std::vector<std::string>{service};
  if (best == nullptr) return std::nullopt;
  std::vector<std::string> out;
  for (const json& backend : (*best)["backendRefs"]) {
    if (backend.value("weight", 1) > 0) out.push_back(backend["name"]);
  }
  return out;
}

std::string BrokenLimit(const json& route) {
  const json& rules = route["spec"]["rules"];
  if (rules.empty() || rules.size() > 16) return "rules";
  std::size_t all = 0;
  for (const json& rule : rules) {
    const json matches = rule.value("matches", json::array());
    if (matches.size() > 64) return "matches of a rule";
    all += std::max<std::size_t>(matches.size(), 1);
    if (rule["backendRefs"].empty() || rule["backendRefs"].size() > 16) return "backends";
    for (const json& backend : rule["backendRefs"]) {
      if (backend.value("weight", 1) < 0 || backend.value("weight", 1) > 1'000'000) return "weight";
    }
    for (const json& match : matches) {
      const std::string broken = BrokenMatch(match);
      if (!broken.empty()) return broken;
    }
  }
  return all > 128 ? "matches" : "";
}

}  // namespace meshplay::testing
