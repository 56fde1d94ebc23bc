#include "adapters/sdk/adapter.h"

namespace meshplay::sdk {

pb::Error MakeError(std::string reason, pb::ErrorClass error_class, pb::SideEffects side_effects, std::string message,
                    std::string remediation) {
  pb::Error error;
  error.set_reason(std::move(reason));
  error.set_error_class(error_class);
  error.set_side_effects(side_effects);
  error.set_message(std::move(message));
  error.set_remediation(std::move(remediation));
  return error;
}

pb::TaskResult Succeeded() {
  pb::TaskResult result;
  result.set_outcome(pb::OUTCOME_SUCCEEDED);
  return result;
}

pb::TaskResult Failed(pb::Error error) {
  pb::TaskResult result;
  result.set_outcome(pb::OUTCOME_FAILED);
  *result.mutable_error() = std::move(error);
  return result;
}

void MeshAdapter::Attach(const AdapterLink&) {}

pb::TaskResult MeshAdapter::Query(TaskContext&) {
  return Failed(MakeError("OPERATION_UNKNOWN", pb::ERROR_CLASS_INVALID, pb::SIDE_EFFECTS_NONE,
                          "this adapter answers no queries"));
}

}  // namespace meshplay::sdk
