#include "adapters/legacy/emitter/internal/requests.h"

#include <algorithm>
#include <string_view>

#include "adapters/legacy/emitter/internal/preflight.h"
#include "adapters/legacy/emitter/internal/traefik_path.h"

namespace meshplay::legacy {
namespace {

using nlohmann::json;
using smi::HeaderForm;
using smi::PathForm;
using smi::PathPattern;

constexpr int kGroupWave = 0;

bool IsAny(const smi::LoweredPath& path) {
  return std::any_of(path.alternatives.begin(), path.alternatives.end(),
                     [](const PathPattern& pattern) { return pattern.form == PathForm::kAny; });
}

// A full match, as short as it can be written.
std::string FullPath(const smi::LoweredPath& path) {
  if (path.alternatives.size() == 1) {
    const PathPattern& pattern = path.alternatives.front();
    if (pattern.form == PathForm::kExact) return EscapeRegex(pattern.text);
    if (pattern.form == PathForm::kPrefix) return EscapeRegex(pattern.text) + ".*";
    if (pattern.form == PathForm::kSegmentPrefix) return EscapeRegex(pattern.text) + "(?:/.*)?";
  }
  return path.full_regex;
}

std::string Anchored(const std::string& regex) {
  return "^(?:" + regex + ")$";
}

// nullopt: the mesh has no form for it.
std::optional<std::string> PathOf(Mesh mesh, const smi::LoweredPath& path) {
  switch (mesh) {
    case Mesh::kTraefik:
      return TraefikPath(path);
    case Mesh::kOsm:
      return FullPath(path);
    case Mesh::kNginx:
      break;
  }
  // How NGINX Service Mesh anchors is not documented: this means the same under every reading.
  return Anchored(FullPath(path));
}

std::string HeaderOf(Mesh mesh, const smi::HeaderCondition& header) {
  if (mesh == Mesh::kOsm) return header.regex.empty() ? "^$" : header.regex;
  return Anchored(header.regex);
}

// Text that every path accepted by the pattern starts with.
std::string StartOf(const PathPattern& pattern) {
  if (pattern.form == PathForm::kRegex) return smi::LiteralPrefix(pattern.text);
  if (pattern.form == PathForm::kTemplate) return pattern.text.substr(0, pattern.text.find("{*}"));
  return pattern.text;
}

bool MayOverlap(const PathPattern& a, const PathPattern& b) {
  if (a.form == PathForm::kAny || b.form == PathForm::kAny) return true;
  const std::string start_a = StartOf(a);
  const std::string start_b = StartOf(b);
  if (a.form == PathForm::kExact) return b.form == PathForm::kExact ? a.text == b.text : a.text.starts_with(start_b);
  if (b.form == PathForm::kExact) return b.text.starts_with(start_a);
  return start_a.starts_with(start_b) || start_b.starts_with(start_a);
}

bool MayOverlap(const std::vector<smi::HeaderCondition>& a, const std::vector<smi::HeaderCondition>& b) {
  for (const smi::HeaderCondition& x : a) {
    for (const smi::HeaderCondition& y : b) {
      if (x.name != y.name || x.patterns.size() != 1 || y.patterns.size() != 1) continue;
      const smi::HeaderPattern& p = x.patterns.front();
      const smi::HeaderPattern& q = y.patterns.front();
      if (p.form == HeaderForm::kExact && q.form == HeaderForm::kExact && p.text != q.text) return false;
    }
  }
  return true;
}

std::string TextOf(json item) {
  item.erase("name");
  return item.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Rendered Render(Mesh mesh, const smi::RequestMatch& match, smi::PathAnchor anchor) {
  // These meshes have regular expressions: a dot needs no lenient reading.
  const smi::LoweredPath path = smi::LowerPath(match.path_regex, {anchor, false});
  if (path.alternatives.empty()) return {};
  json item = {{"name", match.name}};
  if (match.methods.has_value()) {
    std::vector<std::string> methods = *match.methods;
    std::sort(methods.begin(), methods.end());
    item["methods"] = methods;
  }
  json headers = json::array();
  for (const smi::HeaderCondition& header : match.headers) {
    if (header.patterns.empty()) return {};
    const std::string value = HeaderOf(mesh, header);
    if (mesh == Mesh::kTraefik && header.name == "host") return {{}, "Traefik Mesh does not see the host as a header"};
    if (mesh == Mesh::kTraefik && (header.name + value).find('`') != std::string::npos) {
      return {{}, "Traefik Mesh takes no backquote in a header's name or expression"};
    }
    headers.push_back({{header.name, value}});
  }
  if (!headers.empty()) item["headers"] = std::move(headers);
  if (!IsAny(path)) {
    const std::optional<std::string> regex = PathOf(mesh, path);
    if (!regex.has_value()) return {{}, "Traefik Mesh has no form for the path's expression"};
    item["pathRegex"] = *regex;
  } else if (item.size() == 1) {
    // A match without conditions means nothing to Traefik Mesh beside other matches.
    item["pathRegex"] = "/.*";
  }
  std::string text = TextOf(item);
  return {Request{match.group, std::move(item), path, &match, std::move(text)}, ""};
}

Request EveryRequest(const std::string& group) {
  json item = {{"name", "every-request"}, {"pathRegex", "/.*"}};
  std::string text = TextOf(item);
  return {group, std::move(item), {}, nullptr, std::move(text)};
}

bool MayOverlap(const Request& a, const Request& b) {
  if (a.match == nullptr || b.match == nullptr) return true;
  const auto& methods_a = a.match->methods;
  const auto& methods_b = b.match->methods;
  if (methods_a.has_value() && methods_b.has_value()) {
    const bool common = std::any_of(methods_a->begin(), methods_a->end(), [&](const std::string& method) {
      return std::find(methods_b->begin(), methods_b->end(), method) != methods_b->end();
    });
    if (!common) return false;
  }
  if (!MayOverlap(a.match->headers, b.match->headers)) return false;
  for (const PathPattern& x : a.path.alternatives) {
    for (const PathPattern& y : b.path.alternatives) {
      if (MayOverlap(x, y)) return true;
    }
  }
  return false;
}

void GroupList::Add(const std::string& namespace_name, const Request& request, const smi::Head& source) {
  Group& group = groups_[{namespace_name, request.group}];
  if (std::find(group.items.begin(), group.items.end(), request.item) == group.items.end()) {
    group.items.push_back(request.item);
  }
  if (std::find(group.sources.begin(), group.sources.end(), &source) == group.sources.end()) {
    group.sources.push_back(&source);
  }
}

void GroupList::Draft(Mesh mesh, translate::EmitContext& context) const {
  for (const auto& [name, group] : groups_) {
    std::vector<json> items = group.items;
    std::sort(items.begin(), items.end(), [](const json& a, const json& b) { return a["name"] < b["name"]; });
    context.drafts.Add({kGroupWave,
                        {SpecsVersion(mesh), "HTTPRouteGroup", name.first, name.second},
                        {{"matches", std::move(items)}},
                        group.sources});
  }
}

}  // namespace meshplay::legacy
