#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "adapters/common/object_set.h"
#include "adapters/common/operation.h"
#include "libs/smi/report.h"

namespace meshplay::common {

/// What one attempt of a SetOperation comes to, found out by reading only.
struct SetJob {
  SetName name;
  SetWish wish;
  std::vector<smi::SmiReport> reports;
  std::vector<pb::Diagnostic> diagnostics;
  nlohmann::json output = nlohmann::json::object();
  pb::Disruption disruption;
  bool wait_until_ready = false;  ///< For the workloads among the objects.
  std::chrono::milliseconds ready_timeout{180'000};
  std::vector<std::string> namespaces_to_remove;  ///< After everything else, and only those of this owner.
};

/// An operation that makes a set of objects be there, or go. Planning, applying and inspecting are three uses of the
/// same preparation, so they cannot disagree.
class SetOperation : public Operation {
 public:
  Result<pb::TaskResult> Apply(Attempt& attempt) const final;
  Result<pb::Plan> Plan(Attempt& attempt) const final;
  Result<pb::Inspection> Inspect(Attempt& attempt) const final;

 protected:
  /// Reads parameters and cluster. Must not change anything.
  virtual Result<SetJob> Prepare(Attempt& attempt) const = 0;
};

}  // namespace meshplay::common
