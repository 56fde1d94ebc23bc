#include "adapters/common/ownership.h"
#include "adapters/controller/smi_kinds.h"
#include "adapters/controller/state.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

json Text() {
  return {{"type", "string"}};
}
json Text(const char* description) {
  return {{"type", "string"}, {"description", description}};
}
json OneOf(std::initializer_list<const char*> values) {
  json list = json::array();
  for (const char* value : values) list.push_back(value);
  return {{"type", "string"}, {"enum", std::move(list)}};
}
json ListOf(json items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}
json Fields(json properties, std::initializer_list<const char*> required = {}) {
  json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  for (const char* name : required) schema["required"].push_back(name);
  return schema;
}

json Subject() {
  // Examples in the specification carry a group.
  return Fields({{"kind", OneOf({"ServiceAccount", "IdentityBinding"})},
                 {"name", Text()},
                 {"namespace", Text()},
                 {"group", Text()}},
                {"kind", "name"});
}

json TargetSpec() {
  const json rule = Fields({{"kind", OneOf({"HTTPRouteGroup", "TCPRoute", "UDPRoute"})},
                            {"name", Text()},
                            {"matches", ListOf(Text("A match of the group; none named: all of them."))}},
                           {"kind", "name"});
  return Fields({{"destination", Subject()}, {"rules", ListOf(rule)}, {"sources", ListOf(Subject())}},
                {"destination", "rules", "sources"});
}

json BindingSpec() {
  const json labels = Fields({{"matchLabels", {{"type", "object"}, {"additionalProperties", Text()}}}});
  const json schemes = Fields(
      {{"podLabelSelector", labels}, {"serviceAccount", Text()}, {"spiffeIdentities", ListOf(Text("spiffe://..."))}});
  return Fields({{"schemes", schemes}}, {"schemes"});
}

json GroupSpec() {
  const json match =
      Fields({{"name", Text()},
              {"pathRegex", Text("Anchored at the start of the path.")},
              {"methods",
               ListOf(OneOf({"*", "GET", "HEAD", "PUT", "POST", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}))},
              // A list of maps with one key each, or one map: both are in use, and both are read.
              {"headers", {{"x-kubernetes-preserve-unknown-fields", true}}}},
             {"name"});
  return Fields({{"matches", ListOf(match)}}, {"matches"});
}

json PortsSpec() {
  const json port = {{"type", "integer"}, {"minimum", 1}, {"maximum", 65535}};
  return Fields({{"matches", Fields({{"name", Text()}, {"ports", ListOf(port)}})}});
}

json SplitSpec() {
  const json weight = {{"type", "integer"}, {"minimum", 0}, {"maximum", 1'000'000}};
  const json backend =
      Fields({{"service", Text("A Service of the same namespace.")}, {"weight", weight}}, {"service", "weight"});
  const json match =
      Fields({{"apiGroup", Text()}, {"kind", OneOf({"HTTPRouteGroup"})}, {"name", Text()}}, {"kind", "name"});
  return Fields({{"service", Text("The root Service, which clients call.")},
                 {"backends", ListOf(backend)},
                 {"matches", ListOf(match)}},
                {"service", "backends"});
}

json Status() {
  const json number = {{"type", "integer"}, {"format", "int64"}};
  const json diagnostic = Fields({{"code", Text()}, {"severity", Text()}, {"pointer", Text()}, {"message", Text()}});
  const json condition = Fields({{"type", Text()},
                                 {"status", Text()},
                                 {"reason", Text()},
                                 {"message", Text()},
                                 {"observedGeneration", number},
                                 {"lastTransitionTime", {{"type", "string"}, {"format", "date-time"}}}},
                                {"type", "status"});
  return Fields({{"meshType", Text()},
                 {"state", Text("IN_STEP, DEGRADED, PENDING, CONFLICT, INVALID or FAILED.")},
                 {"level", Text("How much of it is in force: FULL, PARTIAL or NONE.")},
                 {"message", Text()},
                 {"observedGeneration", number},
                 {"diagnostics", ListOf(diagnostic)},
                 {"generated", ListOf(Text("Kind namespace/name"))},
                 {"conditions", ListOf(condition)}});
}

const char* DescriptionOf(const std::string& kind) {
  if (kind == "TrafficTarget")
    return "Allows the sources to reach the destination by the rules; all else is denied there.";
  if (kind == "IdentityBinding") return "Names identities, for use as destination or source of a TrafficTarget.";
  if (kind == "HTTPRouteGroup")
    return "Named matches of HTTP requests, for TrafficTargets and TrafficSplits to refer to.";
  if (kind == "TrafficSplit") return "Shares the traffic to a Service among other Services by weight.";
  return "Ports, for TrafficTargets to refer to; none listed: all of them.";
}

json Columns(const std::string& kind) {
  json columns = json::array();
  if (kind == "TrafficSplit") {
    columns.push_back({{"name", "Service"}, {"type", "string"}, {"jsonPath", ".spec.service"}});
  }
  columns.push_back({{"name", "Level"}, {"type", "string"}, {"jsonPath", ".status.level"}});
  columns.push_back({{"name", "State"}, {"type", "string"}, {"jsonPath", ".status.state"}});
  columns.push_back({{"name", "Age"}, {"type", "date"}, {"jsonPath", ".metadata.creationTimestamp"}});
  return columns;
}

json Version(const std::string& kind, const std::string& name, bool storage, const json& spec) {
  json schema = Fields({{"spec", spec}, {"status", Status()}});
  schema["description"] = DescriptionOf(kind);
  return {{"name", name},
          {"served", true},
          {"storage", storage},
          {"schema", {{"openAPIV3Schema", std::move(schema)}}},
          {"subresources", {{"status", json::object()}}},
          {"additionalPrinterColumns", Columns(kind)}};
}

json Definition(const SmiKind& kind, const std::string& singular, const char* short_name,
                std::initializer_list<const char*> versions, const json& spec) {
  json names = {{"kind", kind.kind}, {"listKind", kind.kind + "List"}, {"plural", kind.plural}, {"singular", singular}};
  if (short_name != nullptr) names["shortNames"] = json::array({short_name});
  json list = json::array();
  for (const char* version : versions) list.push_back(Version(kind.kind, version, list.empty(), spec));
  json object = {{"apiVersion", "apiextensions.k8s.io/v1"},
                 {"kind", "CustomResourceDefinition"},
                 {"metadata", {{"name", kind.definition()}}},
                 {"spec",
                  {{"group", kind.group},
                   {"scope", "Namespaced"},
                   {"names", std::move(names)},
                   {"versions", std::move(list)},
                   {"conversion", {{"strategy", "None"}}}}}};
  return object;
}

}  // namespace

// The first version of each is the stored one.
std::vector<json> SmiDefinitions() {
  std::vector<json> out;
  for (const SmiKind& kind : SmiKinds()) {
    if (kind.kind == "TrafficTarget") {
      out.push_back(Definition(kind, "traffictarget", "tt", {"v1alpha4", "v1alpha3"}, TargetSpec()));
    } else if (kind.kind == "IdentityBinding") {
      out.push_back(Definition(kind, "identitybinding", nullptr, {"v1alpha4"}, BindingSpec()));
    } else if (kind.kind == "HTTPRouteGroup") {
      out.push_back(Definition(kind, "httproutegroup", "htr", {"v1alpha4", "v1alpha3"}, GroupSpec()));
    } else if (kind.kind == "TCPRoute") {
      out.push_back(Definition(kind, "tcproute", "tr", {"v1alpha4"}, PortsSpec()));
    } else if (kind.kind == "UDPRoute") {
      out.push_back(Definition(kind, "udproute", "ur", {"v1alpha4"}, PortsSpec()));
    } else {
      out.push_back(Definition(kind, "trafficsplit", "ts", {"v1alpha4", "v1alpha3", "v1alpha2"}, SplitSpec()));
    }
  }
  return out;
}

}  // namespace meshplay::controller
