#pragma once

#include <memory>

#include "adapters/common/operation.h"
#include "adapters/helm/helm.h"
#include "adapters/istio/adapter.h"

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

std::unique_ptr<common::Operation> MakeInstall(const HelmFactory& helm);

}  // namespace meshplay::istio
