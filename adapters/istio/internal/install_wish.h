#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/common/attempt.h"
#include "adapters/common/preflight.h"
#include "adapters/helm/helm.h"

namespace meshplay::istio {

/// What the parameters of istio.install come to.
struct InstallWish {
  std::string version, profile, name_space, revision, chart_source;
  std::string plane_revision;  ///< As istiod labels it: "default" for the empty one.
  bool gateway = false;
  std::string gateway_name, gateway_namespace;
  std::chrono::milliseconds ready_timeout{300'000};
  nlohmann::json values, base_values, gateway_values;
  std::string service_type;

  std::string mesh_key() const { return name_space + "/" + plane_revision; }
  std::string istiod() const { return revision.empty() ? "istiod" : "istiod-" + revision; }
  helm::ChartRequest Base(const std::string& default_revision) const;
  helm::ChartRequest Istiod() const;
  helm::ChartRequest Gateway() const;
};

inline constexpr char kBaseRelease[] = "istio-base";

/// Errors: kInvalidArgument PARAMETERS_INVALID, DURATION_INVALID.
Result<InstallWish> ReadInstallWish(const common::Attempt& attempt);

/// What the charts and the cluster say before anything is changed.
struct InstallOutlook {
  common::Preflight preflight;
  bool stand_in = false;
  bool base_is_newer = false;  ///< A base of a newer version serves several revisions: it is left alone.
  std::string default_revision;
  bool namespace_exists = false;
  bool base_exists = false, istiod_exists = false, gateway_exists = false;
};

/// Looks at charts, Kubernetes version, meshes, webhooks, permissions and ownership. Changes nothing.
/// Errors: those of helm and of the client; what blocks is in `preflight`.
Result<InstallOutlook> LookAround(common::Attempt& attempt, helm::Helm& helm, const InstallWish& wish);

/// Compares "1.30.3" and "1.29.6" number by number.
bool IsOlder(const std::string& a, const std::string& b);

}  // namespace meshplay::istio
