#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "libs/base/json_member.h"
#include "server/policy/preview.h"
#include "server/services/convert_common.h"
#include "server/services/convert_policy.h"
#include "server/services/internal/policy_operation.h"
#include "server/services/internal/policy_plan.h"
#include "server/store/operation_states.h"

namespace meshplay::services {
namespace {

using nlohmann::json;

constexpr std::size_t kMostMeshes = 100;
constexpr std::chrono::milliseconds kMostWait{30'000};
constexpr std::chrono::milliseconds kSlice{200};

void SetError(const Error& error, v1::PolicyMeshPlan& out) {
  out.set_status("FAILED");
  v1::OperationError& shown = *out.mutable_error();
  shown.set_reason(error.reason());
  shown.set_message(error.message());
  shown.set_remediation(error.remediation());
  shown.set_side_effects("NONE");
}

/// Asks for the plan of one mesh. Returns its operation; nullopt when nobody can be asked.
std::optional<store::OperationRecord> Ask(const Core& core, const CallContext& context, policy::PreviewMesh mesh,
                                          std::chrono::milliseconds wait, v1::PolicyMeshPlan& out) {
  out.set_mesh(mesh.mesh.id);
  out.set_cluster(mesh.mesh.cluster_id);
  out.set_mesh_type(mesh.mesh.mesh_type);
  out.set_stage(mesh.stage);
  out.set_action(mesh.wish.kind == policy::OperationWish::Kind::kDelete ? "DELETE" : "APPLY");
  if (!mesh.unreachable.empty()) {
    out.set_status("UNREACHABLE");
    out.mutable_error()->set_reason(mesh.unreachable);
    return std::nullopt;
  }
  mesh.wish.principal = context.caller.principal;
  mesh.wish.reason = "plan of policy " + mesh.wish.policy_id;
  Result<engine::OperationRequest> request = PreparePolicyPlan(core, mesh.wish);
  Result<engine::Submitted> submitted = Internal("INTERNAL_BUG", "not asked");
  if (request) {
    request->origin = context.origin;
    request->request_id = context.request_id;
    request->deadline = std::max<std::chrono::milliseconds>(wait, std::chrono::seconds(1));  // of no use afterwards
    submitted = core.deps.engine.Submit(*request);
  }
  if (!request || !submitted) {
    SetError(!request ? request.error() : submitted.error(), out);
    return std::nullopt;
  }
  out.set_plan_operation_id(submitted->operation.id);
  return submitted->operation;
}

/// `left` is what all meshes together may still be waited for.
Status AwaitOne(const Core& core, const CallContext& context, std::chrono::milliseconds& left,
                store::OperationRecord& operation) {
  while (!store::IsFinal(operation.state)) {
    if (left <= std::chrono::milliseconds(0) || core.stopping || (context.cancelled && context.cancelled())) return {};
    const std::chrono::milliseconds slice = std::min(kSlice, left);
    MP_TRY(operation, core.deps.engine.Await(context.caller.tenant, operation.id, slice));
    if (!store::IsFinal(operation.state)) left -= slice;
  }
  return {};
}

void FillPlan(const json& plan, const std::string& body, v1::PolicyMeshPlan& out) {
  out.set_status("ANSWERED");
  out.set_changes_json(PlannedChangesOf(body));
  const json& reports = Member(plan, "smi");
  const json& diagnostics = Member(plan, "diagnostics");
  if (reports.is_array()) {
    out.set_smi_reports_json(CanonicalJson(reports));
    out.set_level(policy::WorstLevel(reports));
  }
  if (diagnostics.is_array()) out.set_diagnostics_json(CanonicalJson(diagnostics));
}

Status Read(const Core& core, const store::OperationRecord& operation, v1::PolicyMeshPlan& out) {
  if (operation.state != store::OperationState::kSucceeded) {
    out.set_status(store::IsFinal(operation.state) ? "FAILED" : "PENDING");
    if (!operation.error_json.empty()) *out.mutable_error() = ToOperationError(operation.error_json);
    return {};
  }
  return core.deps.store.Read([&](store::Reader& reader) -> Status {
    MP_TRY(const auto plan, reader.FindPlanOfOperation(operation.id));
    if (!plan) return Internal("INTERNAL_BUG", "a plan that succeeded is not there");
    FillPlan(json::parse(plan->body_json, nullptr, false), plan->body_json, out);
    return {};
  });
}

}  // namespace

std::string PlannedChangesOf(const std::string& plan_body_json) {
  const json body = json::parse(plan_body_json, nullptr, false);
  json changes = json::array();
  for (const json& change : body.is_object() ? body.value("changes", json::array()) : json::array()) {
    if (change.is_object() && change.value("action", json()) != "NOOP") changes.push_back(change);
  }
  return CanonicalJson(changes);
}

Result<v1::PolicyPlan> PlanPolicy(const Core& core, const CallContext& context, const v1::PlanPolicyRequest& request) {
  std::chrono::milliseconds wait = request.has_wait() ? ToMilliseconds(request.wait()) : kMostWait;
  if (wait <= std::chrono::milliseconds(0) || wait > kMostWait) {
    return InvalidArgument("FIELD_INVALID", "a field is out of range").WithViolation("/wait", "must be at most 30 s");
  }
  MP_TRY(const policy::Spec spec, ToSpec(request.spec()));
  MP_TRY(policy::Preview preview, ReadFrom<policy::Preview>(core, [&](store::Reader& reader) {
           return policy::PreviewPolicy(reader, context.caller.tenant, request.id(), spec);
         }));
  v1::PolicyPlan plan;
  plan.set_id(request.id());
  plan.set_revision(preview.revision);
  for (const policy::DocumentChange& change : policy::DiffDocuments(preview.before, spec)) {
    *plan.add_documents() = ToDocumentChange(change);
  }
  if (preview.revision != 0) plan.set_settings_patch_json(CanonicalJson(policy::DiffSettings(preview.before, spec)));
  if (preview.meshes.size() > kMostMeshes) {
    plan.set_omitted_meshes(static_cast<std::uint32_t>(preview.meshes.size() - kMostMeshes));
    preview.meshes.resize(kMostMeshes);
  }
  std::vector<std::pair<int, store::OperationRecord>> asked;
  for (policy::PreviewMesh& mesh : preview.meshes) {
    v1::PolicyMeshPlan& out = *plan.add_meshes();
    auto operation = Ask(core, context, std::move(mesh), wait, out);
    if (operation) asked.emplace_back(plan.meshes_size() - 1, std::move(*operation));
  }
  for (auto& [index, operation] : asked) {
    MP_CHECK(AwaitOne(core, context, wait, operation));
    MP_CHECK(Read(core, operation, *plan.mutable_meshes(index)));
  }
  return plan;
}

}  // namespace meshplay::services
