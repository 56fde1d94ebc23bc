#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/common/operation.h"
#include "adapters/helm/helm.h"
#include "adapters/istio/adapter.h"
#include "adapters/istio/control_planes.h"

namespace meshplay::istio {

/// How long one helm run may take; it waits for nothing, so this is generous.
inline constexpr std::chrono::milliseconds kHelmTimeout{120'000};

/// Makes the helm runner of one attempt.
struct HelmFactory {
  IstioOptions options;
  helm::ChartSource source;

  /// `asked` is the parameter chart_source; empty: the adapter's own source. Only sources that name no file of the
  /// adapter's machine may be asked for. Errors: kInvalidArgument CHART_SOURCE_INVALID.
  Result<helm::Helm> For(const common::Cluster& cluster, const std::string& asked) const;
};

/// What all descriptors of this adapter have in common: NATURAL, cancelled between steps, planned, exclusive.
pb::OperationDescriptor Describe(const std::string& type, pb::OperationCategory category, const std::string& title,
                                 const std::string& description, const char* schema);

/// Older names of this tool family with the parameters they stand for.
void AddAliases(pb::OperationDescriptor& descriptor,
                std::initializer_list<std::pair<const char*, const char*>> names_and_parameters);

/// The ConfigMap beside a control plane that says where its telemetry is, and its key.
inline constexpr const char* kPrometheusKey = "prometheus";
std::string MetricsConfigName(const ControlPlane& plane);

/// The control plane an operation is about: the offer's mesh_key, else the only one, else the default revision.
/// Errors: kFailedPrecondition PREREQUISITE_MISSING when there is none.
Result<ControlPlane> TargetPlane(common::Attempt& attempt);

// One function an operation type; each in the file of its name.
std::unique_ptr<common::Operation> MakeInstall(const HelmFactory& helm);
std::unique_ptr<common::Operation> MakeUninstall(const HelmFactory& helm);
std::unique_ptr<common::Operation> MakeInjectionSet();
std::unique_ptr<common::Operation> MakeMtlsSet();
std::unique_ptr<common::Operation> MakeMetricsSet();
std::unique_ptr<common::Operation> MakeSampleAppInstall();
std::unique_ptr<common::Operation> MakeSampleAppRemove();
std::unique_ptr<common::Operation> MakeCustomApply();
std::unique_ptr<common::Operation> MakeCustomDelete();
std::unique_ptr<common::Operation> MakeSmiApply();
std::unique_ptr<common::Operation> MakeSmiDelete();
std::unique_ptr<common::Operation> MakeConformance(const IstioOptions& options);

}  // namespace meshplay::istio
