#include "adapters/consul/emitter/internal/requests.h"

#include <algorithm>

namespace meshplay::consul {
namespace {

using nlohmann::json;
using smi::HeaderForm;
using smi::PathForm;

// Consul takes exact paths and prefixes that start with "/".
bool IsPlain(const smi::PathPattern& pattern) {
  switch (pattern.form) {
    case PathForm::kAny:
      return true;
    case PathForm::kExact:
    case PathForm::kPrefix:
    case PathForm::kSegmentPrefix:
      return pattern.text.starts_with("/");
    case PathForm::kTemplate:
    case PathForm::kRegex:
      break;
  }
  return false;
}

std::vector<json> Paths(const smi::RequestMatch& match) {
  const auto& alternatives = match.path.alternatives;
  if (alternatives.empty()) return {};
  // One expression says all alternatives at once.
  if (!std::all_of(alternatives.begin(), alternatives.end(), IsPlain)) return {{{"pathRegex", match.path.full_regex}}};
  std::vector<json> out;
  for (const smi::PathPattern& pattern : alternatives) {
    if (pattern.form == PathForm::kAny) return {json::object()};
    if (pattern.form != PathForm::kPrefix) out.push_back({{"pathExact", pattern.text}});
    if (pattern.form == PathForm::kPrefix) out.push_back({{"pathPrefix", pattern.text}});
    if (pattern.form == PathForm::kSegmentPrefix) out.push_back({{"pathPrefix", pattern.text + "/"}});
  }
  return out;
}

json Header(const smi::HeaderCondition& header) {
  json out = {{"name", header.name == "host" ? ":authority" : header.name}};
  if (header.patterns.size() == 1) {
    const smi::HeaderPattern& pattern = header.patterns.front();
    const bool has_text = !pattern.text.empty();  // Consul takes an empty string for nothing said.
    if (pattern.form == HeaderForm::kPresent) {
      out["present"] = true;
      return out;
    }
    if (has_text && pattern.form == HeaderForm::kExact) {
      out["exact"] = pattern.text;
      return out;
    }
    if (has_text && pattern.form == HeaderForm::kPrefix) {
      out["prefix"] = pattern.text;
      return out;
    }
    if (has_text && pattern.form == HeaderForm::kSuffix) {
      out["suffix"] = pattern.text;
      return out;
    }
  }
  // "contains" is unknown to routers and to older intentions; the expression says the same.
  out["regex"] = header.regex.empty() ? "^$" : header.regex;
  return out;
}

}  // namespace

json AnyRequest() {
  return {{"pathPrefix", "/"}};
}

std::vector<json> HttpEntries(const smi::RequestMatch& match) {
  json headers = json::array();
  for (const smi::HeaderCondition& header : match.headers) {
    if (header.patterns.empty()) return {};
    headers.push_back(Header(header));
  }
  std::vector<json> out = Paths(match);
  for (json& entry : out) {
    if (match.methods.has_value()) entry["methods"] = *match.methods;
    if (!headers.empty()) entry["header"] = headers;
    if (entry.empty()) entry = AnyRequest();
  }
  return out;
}

}  // namespace meshplay::consul
