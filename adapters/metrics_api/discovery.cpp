#include "adapters/metrics_api/discovery.h"

#include <map>

#include "adapters/metrics/traffic_metrics.h"
#include "libs/base/json.h"

namespace meshplay::metrics_api {
namespace {

using nlohmann::json;

const char* ReasonOf(int code) {
  static const std::map<int, const char*> kReasons = {
      {400, "BadRequest"},       {401, "Unauthorized"},          {403, "Forbidden"},     {404, "NotFound"},
      {405, "MethodNotAllowed"}, {413, "RequestEntityTooLarge"}, {500, "InternalError"}, {503, "ServiceUnavailable"}};
  const auto found = kReasons.find(code);
  return found == kReasons.end() ? "BadRequest" : found->second;
}

json VersionEntry(metrics::Version version) {
  const std::string name(metrics::VersionName(version));
  return {{"groupVersion", std::string(kGroup) + "/" + name}, {"version", name}};
}

/// One version of the aggregated form, from the plain list of its resources.
json AggregatedVersion(metrics::Version version) {
  const std::string name(metrics::VersionName(version));
  const nlohmann::ordered_json list = metrics::ResourceList(version);
  json resources = json::array();
  for (const auto& resource : list.at("resources")) {
    const bool namespaced = resource.at("namespaced").get<bool>();
    resources.push_back({{"resource", resource.at("name")},
                         {"responseKind", {{"group", kGroup}, {"version", name}, {"kind", resource.at("kind")}}},
                         {"scope", namespaced ? "Namespaced" : "Cluster"},
                         {"singularResource", ""},
                         {"verbs", resource.at("verbs")}});
  }
  return {{"version", name}, {"resources", std::move(resources)}, {"freshness", "Current"}};
}

http::ServerAnswer Aggregated(const std::vector<metrics::Version>& versions, const std::string& form) {
  json entries = json::array();
  for (const metrics::Version version : versions) entries.push_back(AggregatedVersion(version));
  const json body = {{"kind", "APIGroupDiscoveryList"},
                     {"apiVersion", "apidiscovery.k8s.io/" + form},
                     {"metadata", json::object()},
                     {"items", {{{"metadata", {{"name", kGroup}}}, {"versions", std::move(entries)}}}}};
  return {200, "application/json;g=apidiscovery.k8s.io;v=" + form + ";as=APIGroupDiscoveryList", DumpJson(body), {}};
}

}  // namespace

json StatusBody(int code, const std::string& message) {
  return {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", json::object()},
          {"status", "Failure"}, {"message", message}, {"reason", ReasonOf(code)},
          {"code", code}};
}

json Group(const std::vector<metrics::Version>& versions) {
  json entries = json::array();
  for (const metrics::Version version : versions) entries.push_back(VersionEntry(version));
  return {{"kind", "APIGroup"},
          {"apiVersion", "v1"},
          {"name", kGroup},
          {"versions", entries},
          {"preferredVersion", versions.empty() ? json(nullptr) : VersionEntry(versions.front())}};
}

http::ServerAnswer GroupList(const std::vector<metrics::Version>& versions, const std::string& accept) {
  for (const std::string form : {"v2", "v2beta1"}) {
    const bool wanted =
        accept.find("g=apidiscovery.k8s.io;v=" + form + ";as=APIGroupDiscoveryList") != std::string::npos;
    if (wanted) return Aggregated(versions, form);
  }
  json group = Group(versions);
  group.erase("kind");
  group.erase("apiVersion");
  const json body = {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", {std::move(group)}}};
  return {200, "application/json", DumpJson(body), {}};
}

}  // namespace meshplay::metrics_api
