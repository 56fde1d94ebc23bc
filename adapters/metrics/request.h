#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/metrics/dialect.h"
#include "libs/base/result.h"

namespace meshplay::metrics {

enum class Version { kV1Alpha1, kV1Alpha2 };  ///< v1alpha2 adds `side` (06 §2).

std::string_view VersionName(Version version);

/// One call of the SMI metrics API, as its path says (06 §2.1).
struct MetricsRequest {
  enum class Form { kIndex, kList, kGet, kEdges };
  Form form = Form::kIndex;
  Version version = Version::kV1Alpha1;
  Kind kind = Kind::kNamespace;
  std::string name_space;  ///< Empty: all namespaces. Of a namespace itself: its name.
  std::string name;        ///< Empty in a list.
  std::chrono::seconds window{30};
};

inline constexpr std::chrono::seconds kDefaultWindow{30};
inline constexpr std::chrono::hours kMaxWindow{24};

/// `path` is what follows "/apis/metrics.smi-spec.io/<version>", for example "/namespaces/shop/deployments/web/edges".
/// A slash at the end is ignored. Errors: kNotFound METRICS_RESOURCE_UNKNOWN (its message is what upstream's server
/// answers), kInvalidArgument METRICS_NAME_INVALID for names that no Kubernetes object can have.
Result<MetricsRequest> ParseRequest(std::string_view path, Version version);

/// A Go duration ("30s", "1m30s", "1.5h") as whole seconds, at least 1 s and at most a day; what cannot be read is 30
/// s.
std::chrono::seconds ParseWindow(std::string_view text);

}  // namespace meshplay::metrics
