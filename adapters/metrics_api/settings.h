#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/kube/object.h"
#include "adapters/metrics/request.h"
#include "libs/base/result.h"

namespace meshplay::metrics_api {

inline constexpr char kOwner[] = "metrics-api";
inline constexpr char kFieldManager[] = "meshplay-smi-metrics";
inline constexpr char kConfigName[] = "meshplay-smi-metrics-api";
inline constexpr char kServiceName[] = "meshplay-smi-metrics";

/// What smi.metricsApi.enable asks for. Stands in a ConfigMap beside the control plane: while that is there the API is
/// enabled, whatever process of the adapter runs.
struct Settings {
  std::string mesh_key;
  std::string name_space;  ///< Of the Service.
  std::string host;        ///< Where the adapter is, an IP address or a DNS name; empty: `selector` says.
  std::uint16_t port = 0;
  std::map<std::string, std::string> selector;  ///< Labels of the adapter's pods.
  std::vector<metrics::Version> versions;       ///< The first one is preferred.
  bool operator==(const Settings&) const = default;

  /// The name by which the API server checks the adapter's certificate.
  std::string ServerName() const { return std::string(kServiceName) + "." + name_space + ".svc"; }
};

/// Errors: kInvalidArgument METRICS_API_CONFIG_INVALID.
Result<Settings> ReadSettings(const nlohmann::json& config_map);
std::optional<metrics::Version> VersionNamed(const std::string& name);

/// Selects our objects of one mesh type.
std::string OwnSelector(const std::string& mesh_type);

kube::ObjectRef ApiServiceRef(metrics::Version version);
/// The APIService of one version, with our labels. `authority_pem` signs the adapter's certificate.
nlohmann::json ApiServiceObject(const Settings& settings, metrics::Version version, const std::string& mesh_type,
                                const std::string& authority_pem);
/// Everything that enables the API, with our labels, in the order in which it is applied: the APIServices come last, so
/// that they never point at nothing.
std::vector<nlohmann::json> Objects(const Settings& settings, const std::string& config_namespace,
                                    const std::string& mesh_type, const std::string& authority_pem);

}  // namespace meshplay::metrics_api
