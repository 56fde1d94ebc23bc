#pragma once

#include "adapters/common/attempt.h"

namespace meshplay::common {

/// One type of the manifest. Stateless: what an attempt needs is in the Attempt. Threads: const methods from any.
class Operation {
 public:
  virtual ~Operation() = default;
  virtual pb::OperationDescriptor descriptor() const = 0;
  /// APPLY. The value is the result of a success; errors become a failure with the attempt's true side effects.
  virtual Result<pb::TaskResult> Apply(Attempt& attempt) const = 0;
  /// PLAN. Must not change the cluster.
  virtual Result<pb::Plan> Plan(Attempt& attempt) const = 0;
  /// INSPECT: what of it took effect? Looks only; the fence has been raised.
  virtual Result<pb::Inspection> Inspect(Attempt& attempt) const = 0;
};

/// What descriptors have in common: NATURAL, cancelled between steps, planned, exclusive, seconds to ten minutes.
pb::OperationDescriptor Describe(const std::string& type, pb::OperationCategory category, const std::string& title,
                                 const std::string& description, const char* schema);

}  // namespace meshplay::common
