#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "server/policy/internal/losses.h"
#include "server/policy/internal/pass.h"
#include "server/policy/preview.h"
#include "server/store/operation_states.h"

namespace meshplay::policy::internal {
namespace {

using nlohmann::json;
using store::OperationRecord;
using store::OperationState;

json Member(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() ? *found : json();
}

std::string TextMember(const json& object, const char* name) {
  const json found = Member(object, name);
  return found.is_string() ? found.get<std::string>() : std::string();
}

/// The report of a mesh as stored, to be changed.
Result<store::PolicyReportRecord*> ReportOf(MeshWork& mesh, store::Reader& reader) {
  if (!mesh.report) {
    MP_TRY(const auto stored, reader.FindPolicyReport(mesh.row.policy_uid, mesh.row.mesh_id));
    mesh.report = stored.value_or(store::PolicyReportRecord{mesh.row.policy_uid, mesh.row.mesh_id, "", "", ""});
  }
  return &*mesh.report;
}

Status TakeReports(MeshWork& mesh, const json& reports, store::Reader& reader) {
  const std::string level = WorstLevel(reports);
  if (level.empty()) return {};
  mesh.row.level = level;
  MP_TRY(store::PolicyReportRecord * report, ReportOf(mesh, reader));
  report->reports_json = CanonicalJson(reports);
  return {};
}

Status Failed(const Pass& pass, MeshWork& mesh, const OperationRecord& operation, store::Reader& reader) {
  json error = json::parse(operation.error_json, nullptr, false);
  if (!error.is_object()) error = json::object();
  const std::string state(store::OperationStateName(operation.state));
  if (!error.contains("reason")) error["reason"] = "OPERATION_" + state;
  if (!error.contains("message")) error["message"] = "The operation ended as " + state + ".";
  MP_TRY(store::PolicyReportRecord * report, ReportOf(mesh, reader));
  report->error_json = CanonicalJson(error);
  mesh.row.reason = TextMember(error, "reason");
  mesh.row.message = TextMember(error, "message");
  mesh.row.failures += 1;
  const auto doublings = std::min<std::uint32_t>(mesh.row.failures - 1, 16);
  const auto wait = std::min(pass.options->retry_base * (1U << doublings), pass.options->retry_cap);
  // What a person stopped stays stopped until a person says otherwise.
  mesh.row.retry_unix_ms = operation.state == OperationState::kCancelled ? 0 : pass.AfterWithJitter(wait);
  return {};
}

Status Applied(const Pass& pass, MeshWork& mesh, const OperationRecord& operation, store::Reader& reader) {
  MP_TRY(store::PolicyReportRecord * report, ReportOf(mesh, reader));
  report->error_json.clear();
  report->drift_json.clear();
  mesh.row.applied_revision = mesh.row.operation_revision;
  mesh.row.drifted = false;
  mesh.row.failures = 0;
  mesh.row.retry_unix_ms = 0;
  mesh.row.level.clear();
  mesh.row.reapply_unix_ms = 0;
  const json result = json::parse(operation.result_json, nullptr, false);
  mesh.row.losses_json = PrintLosses(LossesOf(Member(result, "smi")));
  MP_CHECK(TakeReports(mesh, Member(result, "smi"), reader));
  // An outcome that an inspection found has no reports: the PLAN tells the level then, at once.
  mesh.row.drift_due_unix_ms = mesh.row.level.empty() ? pass.now : pass.After(pass.options->drift_debounce);
  return {};
}

/// The changes of a plan that would change something.
json RealChanges(const json& plan) {
  json changes = json::array();
  const json all = Member(plan, "changes");
  for (const json& change : all) {
    const std::string action = TextMember(change, "action");
    if (action != "NOOP" && !action.empty()) changes.push_back(change);
  }
  return changes;
}

/// What the plan says of references that came or went since the revision was applied: the translation is another one
/// then, and nobody has edited anything. What is gone keeps what was in force for the grace; what has come, or is no
/// longer somebody else's, counts at once. Returns the reports that are true for the mesh.
json TakeReferences(const Pass& pass, MeshWork& mesh, const json& reports, const json& before,
                    std::vector<std::string>& happened) {
  const Losses losses = LossesOf(reports);
  const Losses known = ReadLosses(mesh.row.losses_json);
  if (!mesh.row.drifted) {
    mesh.row.losses_json = PrintLosses(losses);
    mesh.row.reapply_unix_ms = 0;
    return reports;
  }
  if (LostSince(known, losses).empty()) {
    const bool came = !std::includes(losses.begin(), losses.end(), known.begin(), known.end());
    mesh.row.reapply_unix_ms = came ? pass.now : 0;
    return reports;
  }
  if (mesh.row.reapply_unix_ms == 0) {
    happened.emplace_back("degraded");
    mesh.row.reapply_unix_ms = pass.After(pass.options->reference_grace);
  }
  return HeldReports(reports, before, known);
}

Status Planned(const Pass& pass, MeshWork& mesh, const OperationRecord& operation, store::Reader& reader,
               std::vector<std::string>& happened) {
  const bool current = mesh.row.operation_revision == mesh.row.applied_revision;
  MP_TRY(const auto stored, reader.FindPlanOfOperation(operation.id));
  mesh.row.drift_due_unix_ms = pass.AfterWithJitter(pass.options->drift_interval);
  if (!stored || !current) return {};
  const json plan = json::parse(stored->body_json, nullptr, false);
  const json changes = RealChanges(plan);
  mesh.row.drift_checked_unix_ms = pass.now;
  if (!mesh.row.drifted && !changes.empty()) happened.emplace_back("drift");
  mesh.row.drifted = !changes.empty();
  MP_TRY(store::PolicyReportRecord * report, ReportOf(mesh, reader));
  const json before = json::parse(report->reports_json, nullptr, false);
  MP_CHECK(TakeReports(mesh, TakeReferences(pass, mesh, Member(plan, "smi"), before, happened), reader));
  report->drift_json = changes.empty() ? std::string() : CanonicalJson(changes);
  return {};
}

Status Absorb(const Pass& pass, MeshWork& mesh, const OperationRecord& operation, store::Reader& reader,
              std::vector<std::string>& happened) {
  const bool succeeded = operation.state == OperationState::kSucceeded;
  const std::string kind = mesh.row.operation_kind;
  if (kind == "PLAN") {
    if (succeeded) return Planned(pass, mesh, operation, reader, happened);
    mesh.row.drift_due_unix_ms = pass.AfterWithJitter(pass.options->drift_interval);
    return {};
  }
  if (!succeeded) {
    happened.emplace_back("failure");
    return Failed(pass, mesh, operation, reader);
  }
  if (kind == "APPLY") return Applied(pass, mesh, operation, reader);
  mesh.row.applied_revision = 0;
  mesh.row.may_have_objects = false;
  mesh.row.drifted = false;
  mesh.row.level.clear();
  mesh.row.failures = 0;
  mesh.row.retry_unix_ms = 0;
  mesh.row.drift_due_unix_ms = 0;
  mesh.row.losses_json.clear();
  mesh.row.reapply_unix_ms = 0;
  return {};
}

}  // namespace

Result<std::vector<std::string>> AbsorbOperations(Pass& pass, store::Reader& reader) {
  std::vector<std::string> happened;
  for (MeshWork& mesh : pass.meshes) {
    if (!mesh.InFlight()) continue;
    MP_TRY(mesh.operation, reader.FindOperation(mesh.row.tenant, mesh.row.operation_id));
    if (mesh.operation && !store::IsFinal(mesh.operation->state)) continue;
    // An operation that retention has taken away tells nothing: what it was for is asked for again.
    if (mesh.operation) MP_CHECK(Absorb(pass, mesh, *mesh.operation, reader, happened));
    mesh.operation.reset();
    mesh.row.operation_id.clear();
  }
  return happened;
}

}  // namespace meshplay::policy::internal
