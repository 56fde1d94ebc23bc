#include "adapters/common/operation.h"

namespace meshplay::common {

pb::OperationDescriptor Describe(const std::string& type, pb::OperationCategory category, const std::string& title,
                                 const std::string& description, const char* schema) {
  pb::OperationDescriptor out;
  out.set_type(type);
  out.set_category(category);
  out.set_title(title);
  out.set_description(description);
  out.set_parameters_schema(schema);
  out.set_idempotency(pb::IDEMPOTENCY_NATURAL);
  out.set_cancellation(pb::CANCELLATION_BETWEEN_STEPS);
  out.set_plan(pb::PLAN_SUPPORT_BEST_EFFORT);
  out.set_lock(pb::LOCK_MODE_EXCLUSIVE);
  out.mutable_typical_duration()->set_seconds(10);
  out.mutable_max_duration()->set_seconds(600);
  return out;
}

}  // namespace meshplay::common
