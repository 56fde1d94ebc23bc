#include "adapters/metrics_api/settings.h"

#include <arpa/inet.h>

#include <array>

#include "adapters/common/ownership.h"
#include "adapters/metrics_api/discovery.h"
#include "libs/base/base64.h"
#include "libs/base/json.h"

namespace meshplay::metrics_api {
namespace {

using nlohmann::json;

constexpr char kPortName[] = "https";

Error Invalid(const std::string& what) {
  return InvalidArgument("METRICS_API_CONFIG_INVALID", "the ConfigMap of the SMI metrics API " + what)
      .WithRemediation("Run smi.metricsApi.enable again.");
}

/// "IPv4" or "IPv6" as EndpointSlices say it; empty for a DNS name.
std::string AddressType(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  if (::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return "IPv4";
  return ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1 ? "IPv6" : "";
}

json VersionNames(const std::vector<metrics::Version>& versions) {
  json names = json::array();
  for (const metrics::Version version : versions) names.push_back(metrics::VersionName(version));
  return names;
}

json ConfigObject(const Settings& settings, const std::string& name_space) {
  const json content = {{"meshKey", settings.mesh_key},  {"namespace", settings.name_space},
                        {"host", settings.host},         {"port", settings.port},
                        {"selector", settings.selector}, {"versions", VersionNames(settings.versions)}};
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", kConfigName}, {"namespace", name_space}}},
          {"data", {{"settings", CanonicalJson(content)}}}};
}

json ServiceObject(const Settings& settings) {
  const json port = {{"name", kPortName}, {"port", settings.port}, {"targetPort", settings.port}, {"protocol", "TCP"}};
  json spec = {{"ports", {port}}};
  if (!settings.selector.empty()) {
    spec["type"] = "ClusterIP";
    spec["selector"] = settings.selector;
  } else if (AddressType(settings.host).empty()) {
    spec["type"] = "ExternalName";
    spec["externalName"] = settings.host;
  } else {
    spec["type"] = "ClusterIP";
  }
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", kServiceName}, {"namespace", settings.name_space}}},
          {"spec", std::move(spec)}};
}

json SliceObject(const Settings& settings) {
  return {{"apiVersion", "discovery.k8s.io/v1"},
          {"kind", "EndpointSlice"},
          {"metadata",
           {{"name", kServiceName},
            {"namespace", settings.name_space},
            {"labels",
             {{"kubernetes.io/service-name", kServiceName}, {"endpointslice.kubernetes.io/managed-by", "meshplay"}}}}},
          {"addressType", AddressType(settings.host)},
          {"endpoints", {{{"addresses", {settings.host}}, {"conditions", {{"ready", true}}}}}},
          {"ports", {{{"name", kPortName}, {"port", settings.port}, {"protocol", "TCP"}}}}};
}

}  // namespace

std::optional<metrics::Version> VersionNamed(const std::string& name) {
  for (const metrics::Version version : {metrics::Version::kV1Alpha1, metrics::Version::kV1Alpha2}) {
    if (metrics::VersionName(version) == name) return version;
  }
  return std::nullopt;
}

Result<Settings> ReadSettings(const json& config_map) {
  const auto content = ParseJson(kube::TextAt(config_map, "/data/settings"));
  if (!content || !content->is_object()) return Invalid("holds no settings");
  Settings settings;
  settings.mesh_key = kube::TextAt(*content, "/meshKey");
  settings.name_space = kube::TextAt(*content, "/namespace");
  settings.host = kube::TextAt(*content, "/host");
  const long long port = kube::NumberAt(*content, "/port");
  const json& selector = kube::ValueAt(*content, "/selector");
  const json& versions = kube::ValueAt(*content, "/versions");
  if (port < 1 || port > 65'535 || settings.name_space.empty() || !selector.is_object() || !versions.is_array()) {
    return Invalid("is not as it was written");
  }
  settings.port = static_cast<std::uint16_t>(port);
  for (const auto& [key, value] : selector.items()) {
    if (!value.is_string()) return Invalid("selects by a label that is no text");
    settings.selector[key] = value.get<std::string>();
  }
  for (const json& name : versions) {
    const auto version = name.is_string() ? VersionNamed(name.get<std::string>()) : std::nullopt;
    if (!version) return Invalid("names a version that there is not");
    settings.versions.push_back(*version);
  }
  return settings;
}

std::string OwnSelector(const std::string& mesh_type) {
  return common::OwnerSelector(kOwner, mesh_type);
}

kube::ObjectRef ApiServiceRef(metrics::Version version) {
  const std::string name = std::string(metrics::VersionName(version)) + "." + kGroup;
  return {{"apiregistration.k8s.io", "v1", "APIService"}, "", name};
}

json ApiServiceObject(const Settings& settings, metrics::Version version, const std::string& mesh_type,
                      const std::string& authority_pem) {
  json object = {
      {"apiVersion", "apiregistration.k8s.io/v1"},
      {"kind", "APIService"},
      {"metadata", {{"name", ApiServiceRef(version).name}}},
      {"spec",
       {{"group", kGroup},
        {"version", metrics::VersionName(version)},
        {"groupPriorityMinimum", 100},
        {"versionPriority", 100},
        {"caBundle", Base64Encode(authority_pem)},
        {"service", {{"name", kServiceName}, {"namespace", settings.name_space}, {"port", settings.port}}}}}};
  common::SetOwnership(object, kOwner, mesh_type);
  return object;
}

std::vector<json> Objects(const Settings& settings, const std::string& config_namespace, const std::string& mesh_type,
                          const std::string& authority_pem) {
  std::vector<json> objects = {ConfigObject(settings, config_namespace), ServiceObject(settings)};
  if (settings.selector.empty() && !AddressType(settings.host).empty()) objects.push_back(SliceObject(settings));
  for (json& object : objects) common::SetOwnership(object, kOwner, mesh_type);
  for (const metrics::Version version : settings.versions) {
    objects.push_back(ApiServiceObject(settings, version, mesh_type, authority_pem));
  }
  return objects;
}

}  // namespace meshplay::metrics_api
