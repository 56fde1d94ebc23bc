#include "libs/smi/internal/write.h"

#include <string>

namespace meshplay::smi {
namespace {

using nlohmann::json;

json Envelope(const Head& head, Kind kind, int version) {
  json metadata = {{"name", head.key.name}, {"namespace", head.key.namespace_name}};
  if (!head.labels.empty()) metadata["labels"] = head.labels;
  auto annotations = head.annotations;
  annotations.erase("kubectl.kubernetes.io/last-applied-configuration");  // Holds the old version.
  if (!annotations.empty()) metadata["annotations"] = std::move(annotations);
  return {{"apiVersion", std::string(KindGroup(kind)) + "/v1alpha" + std::to_string(version)},
          {"kind", KindName(kind)},
          {"metadata", std::move(metadata)}};
}

json WriteSubject(const Subject& subject) {
  return {{"kind", subject.kind}, {"name", subject.name}, {"namespace", subject.namespace_name}};
}

json WriteHeaders(const HttpMatch& match, HeaderShape shape) {
  json out = shape == HeaderShape::kMap ? json::object() : json::array();
  for (const auto& [name, value] : match.headers) {
    if (shape == HeaderShape::kMap) {
      out[name] = value;
    } else {
      out.push_back({{name, value}});
    }
  }
  return out;
}

}  // namespace

json WriteTarget(const TrafficTarget& target, int version) {
  json fields = {{"destination", WriteSubject(target.destination)}};
  if (version <= 2 && target.destination_port.has_value()) fields["destination"]["port"] = *target.destination_port;
  json rules = json::array();
  for (const TargetRule& rule : target.rules) {
    json item = {{"kind", rule.kind}, {"name", rule.name}};
    if (!rule.matches.empty()) item["matches"] = rule.matches;
    rules.push_back(std::move(item));
  }
  fields[version == 1 ? "specs" : "rules"] = std::move(rules);
  json sources = json::array();
  for (const Subject& source : target.sources) sources.push_back(WriteSubject(source));
  fields["sources"] = std::move(sources);

  json document = Envelope(target.head, Kind::kTrafficTarget, version);
  if (version == 1) {
    document.update(fields);
  } else {
    document["spec"] = std::move(fields);
  }
  return document;
}

json WriteBinding(const IdentityBinding& binding) {
  json schemes = json::object();
  if (binding.has_pod_labels) schemes["podLabelSelector"] = {{"matchLabels", binding.pod_labels}};
  if (!binding.service_account.empty()) schemes["serviceAccount"] = binding.service_account;
  if (!binding.spiffe_ids.empty()) schemes["spiffeIdentities"] = binding.spiffe_ids;
  json document = Envelope(binding.head, Kind::kIdentityBinding, 4);
  document["spec"] = {{"schemes", std::move(schemes)}};
  return document;
}

json WriteGroup(const HttpRouteGroup& group, int version, HeaderShape headers) {
  json matches = json::array();
  for (const HttpMatch& match : group.matches) {
    json item = {{"name", match.name}};
    if (!match.path_regex.empty()) item["pathRegex"] = match.path_regex;
    if (!match.methods.empty()) item["methods"] = match.methods;
    if (!match.headers.empty() && version >= 2) item["headers"] = WriteHeaders(match, headers);
    matches.push_back(std::move(item));
  }
  json document = Envelope(group.head, Kind::kHttpRouteGroup, version);
  if (version <= 2) {
    document["matches"] = std::move(matches);
  } else {
    document["spec"] = {{"matches", std::move(matches)}};
  }
  return document;
}

json WritePortRoute(const PortRoute& route, int version) {
  const bool udp = route.head.key.kind == KindName(Kind::kUdpRoute);
  json document = Envelope(route.head, udp ? Kind::kUdpRoute : Kind::kTcpRoute, version);
  if (version == 3) document["spec"] = json::object();
  if (version == 4) document["spec"] = {{"matches", {{"ports", route.ports}}}};
  return document;
}

json WriteSplit(const TrafficSplit& split, int version) {
  json backends = json::array();
  for (const SplitBackend& backend : split.backends) {
    json item = {{"service", backend.service}, {"weight", backend.weight}};
    if (version == 1) item["weight"] = std::to_string(backend.weight);
    backends.push_back(std::move(item));
  }
  json spec = {{"service", split.service}, {"backends", std::move(backends)}};
  if (!split.matches.empty() && version >= 3) {
    json matches = json::array();
    for (const SplitMatchRef& match : split.matches) {
      json item = {{"kind", match.kind}, {"name", match.name}};
      if (!match.api_group.empty()) item["apiGroup"] = match.api_group;
      matches.push_back(std::move(item));
    }
    spec["matches"] = std::move(matches);
  }
  json document = Envelope(split.head, Kind::kTrafficSplit, version);
  document["spec"] = std::move(spec);
  return document;
}

}  // namespace meshplay::smi
