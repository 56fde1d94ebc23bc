#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/result.h"

namespace meshplay::helm {

/// Where charts come from. Parsed from "repo:URL", "oci:REF", "dir:PATH" or "bundle:FILE".
struct ChartSource {
  enum class Kind { kRepository, kOci, kDirectory, kBundle };
  Kind kind = Kind::kRepository;
  std::string location;
};
/// Errors: kInvalidArgument CHART_SOURCE_INVALID.
Result<ChartSource> ParseChartSource(const std::string& text);

struct ReleaseName {
  std::string name;
  std::string name_space;
};

struct Release {
  std::string name;
  std::string name_space;
  std::string status;  ///< "deployed", "failed", "pending-install", "uninstalling", ...
  int revision = 0;
  std::string chart;  ///< "istiod-1.30.3"
  std::string chart_version;
  std::string app_version;
  std::string description;
  nlohmann::json values;  ///< User-supplied values; null when not asked for.
};

struct ChartRequest {
  ReleaseName release;
  std::string chart;    ///< "istiod"
  std::string version;  ///< Exact version.
  nlohmann::json values = nlohmann::json::object();
  bool create_namespace = false;
  bool dry_run_server = false;
};

struct HelmOptions {
  std::string program = "helm";  ///< Path or name on PATH.
  std::string kubeconfig_path;   ///< File of the adapter's machine.
  std::string context;
  std::string work_directory;  ///< For values files and caches; mode 0700.
  ChartSource source;
  std::chrono::milliseconds call_timeout{300'000};
};

/// Runs the real helm 4 with argument vectors: own process group, values by file (mode 0600, removed), no --wait
/// (readiness is watched by the caller), JSON output parsed, no rollback-on-failure. One call at a time per release.
/// Threads: any. `should_stop` true ends helm by SIGTERM, then SIGKILL; the release is then read, never guessed.
/// Errors: kFailedPrecondition HELM_MISSING, HELM_TOO_OLD, RELEASE_PENDING, CHART_BROKEN; kNotFound CHART_NOT_FOUND;
/// kUnavailable CHART_SOURCE_UNREACHABLE, TARGET_UNREACHABLE; kAborted RELEASE_OWNERSHIP (objects owned by another
/// release, named in metadata), kCancelled CANCELLED; kDeadlineExceeded HELM_TIMEOUT; kFailedPrecondition
/// ADMISSION_DENIED; kInternal HELM_FAILED (with helm's last line, secrets masked).
class Helm {
 public:
  explicit Helm(HelmOptions options);

  Result<std::string> Version();
  Result<std::optional<Release>> Find(const ReleaseName& release);
  Result<std::vector<Release>> List(const std::string& name_space);  ///< "" all namespaces.
  /// install or upgrade, decided by the release's state; recovers a pending one first (Recover).
  Result<Release> Apply(const ChartRequest& request, const std::function<bool()>& should_stop = {});
  /// Absent is fine. Keeps nothing.
  Status Uninstall(const ReleaseName& release, const std::function<bool()>& should_stop = {});
  /// Brings a release out of pending-install (uninstall), pending-upgrade and pending-rollback (rollback to the last
  /// good revision), uninstalling (uninstall again). Says what it did; empty when there was nothing to do.
  Result<std::string> Recover(const ReleaseName& release, const std::function<bool()>& should_stop = {});
  /// Rendered manifests, as helm would send them, for plans.
  Result<std::vector<nlohmann::json>> Template(const ChartRequest& request, const std::string& kube_version,
                                               bool is_upgrade);
  /// Chart.yaml of a chart of the source. Errors: kNotFound CHART_NOT_FOUND.
  Result<nlohmann::json> ChartMetadata(const std::string& chart, const std::string& version);

 private:
  HelmOptions options_;
};

}  // namespace meshplay::helm
