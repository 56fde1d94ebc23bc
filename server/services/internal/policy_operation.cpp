#include "server/services/internal/policy_operation.h"

#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "server/services/internal/create_operation.h"

namespace meshplay::services {
namespace {

Result<engine::OperationRequest> Prepare(const Core& core, const policy::OperationWish& wish, bool plan_only) {
  const bool removes = wish.kind == policy::OperationWish::Kind::kDelete;
  nlohmann::json parameters = nlohmann::json::object();
  if (!removes) parameters["documents"] = wish.documents;
  if (!removes && !wish.namespace_name.empty()) parameters["namespace"] = wish.namespace_name;
  if (!removes && !wish.options.empty()) parameters["options"] = wish.options;

  v1::CreateOperationRequest request;
  request.set_type(removes ? "smi.delete" : "smi.apply");
  request.mutable_target()->set_cluster(wish.cluster_id);
  request.mutable_target()->set_mesh(wish.mesh_id);
  request.set_parameters_json(CanonicalJson(parameters));
  request.set_reason(wish.reason);
  request.mutable_options()->set_owner_id(wish.policy_id);
  request.mutable_options()->set_prune(!removes);
  // The objects are the policy's alone: what others changed in them is drift, not a claim.
  request.mutable_options()->set_force_conflicts(!removes);

  CallContext context;
  context.caller.tenant = wish.tenant;
  context.caller.principal = wish.principal;
  MP_TRY(engine::OperationRequest out, PrepareOperation(core, context, request, plan_only));
  out.principal = wish.principal;
  return out;
}

}  // namespace

Result<engine::OperationRequest> PreparePolicyOperation(const Core& core, const policy::OperationWish& wish) {
  return Prepare(core, wish, wish.kind == policy::OperationWish::Kind::kPlan);
}

Result<engine::OperationRequest> PreparePolicyPlan(const Core& core, const policy::OperationWish& wish) {
  return Prepare(core, wish, true);
}

}  // namespace meshplay::services
