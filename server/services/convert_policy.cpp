#include "server/services/convert_policy.h"

#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "server/policy/selection.h"
#include "server/services/convert_common.h"
#include "server/services/internal/core.h"

namespace meshplay::services {
namespace {

std::vector<std::string> Texts(const google::protobuf::RepeatedPtrField<std::string>& list) {
  return {list.begin(), list.end()};
}

policy::Selector ToSelector(const v1::MeshSelector& selector) {
  policy::Selector out;
  out.all = selector.all();
  out.cluster = ToLabelSelector(selector.cluster_labels(), selector.cluster_expressions());
  out.clusters = Texts(selector.clusters());
  out.environments = Texts(selector.environments());
  out.mesh_types = Texts(selector.mesh_types());
  out.meshes = Texts(selector.meshes());
  return out;
}

void FromLabelSelector(const policy::LabelSelector& selector, google::protobuf::Map<std::string, std::string>& labels,
                       google::protobuf::RepeatedPtrField<v1::LabelRequirement>& expressions) {
  for (const auto& [key, value] : selector.labels) labels[key] = value;
  for (const policy::LabelRequirement& one : selector.expressions) {
    v1::LabelRequirement& out = *expressions.Add();
    out.set_key(one.key);
    out.set_operator_(one.op);
    for (const std::string& value : one.values) out.add_values(value);
  }
}

v1::MeshSelector FromSelector(const policy::Selector& selector) {
  v1::MeshSelector out;
  out.set_all(selector.all);
  FromLabelSelector(selector.cluster, *out.mutable_cluster_labels(), *out.mutable_cluster_expressions());
  for (const std::string& id : selector.clusters) out.add_clusters(id);
  for (const std::string& id : selector.environments) out.add_environments(id);
  for (const std::string& type : selector.mesh_types) out.add_mesh_types(type);
  for (const std::string& id : selector.meshes) out.add_meshes(id);
  return out;
}

void ReadLabels(const std::string& labels_json, google::protobuf::Map<std::string, std::string>& labels) {
  const nlohmann::json read = ParseColumn(labels_json);
  if (!read.is_object()) return;
  for (const auto& [key, value] : read.items()) {
    if (value.is_string()) labels[key] = value.get<std::string>();
  }
}

}  // namespace

policy::LabelSelector ToLabelSelector(const google::protobuf::Map<std::string, std::string>& labels,
                                      const google::protobuf::RepeatedPtrField<v1::LabelRequirement>& expressions) {
  policy::LabelSelector out;
  out.labels = {labels.begin(), labels.end()};
  for (const v1::LabelRequirement& one : expressions) {
    out.expressions.push_back({one.key(), one.operator_(), Texts(one.values())});
  }
  return out;
}

Result<policy::Spec> ToSpec(const v1::PolicySpec& spec) {
  policy::Spec out;
  out.documents = spec.documents();
  out.namespace_name = spec.namespace_();
  out.options = {spec.options().begin(), spec.options().end()};
  out.target = ToSelector(spec.target());
  for (const v1::RolloutStage& stage : spec.rollout().stages()) {
    out.stages.push_back({stage.name(), ToSelector(stage.selector()), stage.max_parallel()});
  }
  const v1::RolloutGate& gate = spec.rollout().gate();
  if (!gate.min_level().empty()) out.min_level = gate.min_level();
  if (gate.has_settle()) out.settle = ToMilliseconds(gate.settle());
  if (spec.rollout().max_parallel() != 0) out.max_parallel = spec.rollout().max_parallel();
  if (spec.on_drift().empty() || spec.on_drift() == "REPORT") return out;
  if (spec.on_drift() != "REPAIR") {
    return InvalidArgument("POLICY_SPEC_INVALID", "the policy's spec is not valid")
        .WithViolation("/spec/on_drift", "must be REPORT or REPAIR");
  }
  out.on_drift = policy::OnDrift::kRepair;
  return out;
}

v1::PolicySpec FromSpec(const policy::Spec& spec) {
  v1::PolicySpec out;
  out.set_documents(spec.documents);
  out.set_namespace_(spec.namespace_name);
  for (const auto& [key, value] : spec.options) (*out.mutable_options())[key] = value;
  *out.mutable_target() = FromSelector(spec.target);
  v1::Rollout& rollout = *out.mutable_rollout();
  for (const policy::Stage& stage : spec.stages) {
    v1::RolloutStage& shown = *rollout.add_stages();
    shown.set_name(stage.name);
    *shown.mutable_selector() = FromSelector(stage.selector);
    shown.set_max_parallel(stage.max_parallel);
  }
  rollout.mutable_gate()->set_min_level(spec.min_level);
  *rollout.mutable_gate()->mutable_settle() = ToDuration(spec.settle);
  rollout.set_max_parallel(spec.max_parallel);
  out.set_on_drift(spec.on_drift == policy::OnDrift::kRepair ? "REPAIR" : "REPORT");
  return out;
}

v1::Policy ToPolicy(const store::PolicyRecord& record, const store::PolicyRevisionRecord& revision,
                    const std::map<std::string, std::uint32_t>& counts) {
  const policy::Spec spec = policy::SpecFrom(revision.spec_json, revision.documents);
  v1::Policy out;
  out.set_id(record.id);
  out.set_uid(record.uid);
  *out.mutable_create_time() = ToTimestamp(record.created_unix_ms);
  *out.mutable_update_time() = ToTimestamp(record.updated_unix_ms);
  out.set_etag(EtagOf(record.version));
  ReadLabels(record.labels_json, *out.mutable_labels());
  out.set_display_name(record.display_name);
  *out.mutable_spec() = FromSpec(spec);
  out.set_revision(record.revision);
  out.set_digest(revision.digest);
  out.set_state(policy::WorstState(counts));
  out.set_paused(record.paused);
  out.set_pause_reason(record.pause_reason);
  out.set_deleting(record.deleting);
  v1::RolloutStatus& rollout = *out.mutable_rollout_status();
  rollout.set_state(record.rollout_state);
  rollout.set_stage(record.rollout_stage);
  rollout.set_stages(policy::StageCount(spec));
  if (record.rollout_stage < spec.stages.size()) rollout.set_stage_name(spec.stages[record.rollout_stage].name);
  if (record.rollout_settled_unix_ms != 0) {
    *rollout.mutable_settled_since() = ToTimestamp(record.rollout_settled_unix_ms);
  }
  rollout.set_message(record.rollout_message);
  for (const auto& [state, count] : counts) {
    v1::PolicyMeshCount& shown = *out.add_meshes();
    shown.set_state(state);
    shown.set_count(count);
  }
  out.set_created_by(record.created_by);
  return out;
}

v1::PolicyMesh ToPolicyMesh(const store::PolicyRecord& policy, const store::PolicyMeshRecord& record,
                            const store::PolicyReportRecord& report, bool stale) {
  v1::PolicyMesh out;
  out.set_mesh(record.mesh_id);
  out.set_cluster(record.cluster_id);
  out.set_mesh_type(record.mesh_type);
  out.set_state(record.state);
  out.set_level(record.level);
  out.set_reason(record.reason);
  out.set_message(record.message);
  out.set_revision(record.applied_revision);
  out.set_wanted_revision(policy.deleting ? 0 : policy.revision);
  out.set_stage(record.stage);
  const bool changing = !record.operation_id.empty() && record.operation_kind != "PLAN";
  out.set_operation_id(changing ? record.operation_id : record.last_operation_id);
  out.set_plan_operation_id(record.plan_operation_id);
  if (!report.error_json.empty()) *out.mutable_error() = ToOperationError(report.error_json);
  out.set_smi_reports_json(report.reports_json);
  if (record.drifted) out.set_drift_json(report.drift_json);
  if (record.since_unix_ms != 0) *out.mutable_since() = ToTimestamp(record.since_unix_ms);
  if (record.drift_checked_unix_ms != 0) *out.mutable_drift_checked() = ToTimestamp(record.drift_checked_unix_ms);
  if (record.failures > 0 && record.retry_unix_ms != 0) {
    *out.mutable_retry_time() = ToTimestamp(record.retry_unix_ms);
  }
  out.set_stale(stale);
  return out;
}

v1::PolicyDocumentChange ToDocumentChange(const policy::DocumentChange& change) {
  v1::PolicyDocumentChange shown;
  v1::ObjectKey& object = *shown.mutable_object();
  object.set_api_version(change.api_version);
  object.set_kind(change.kind);
  object.set_namespace_(change.namespace_name);
  object.set_name(change.name);
  shown.set_action(change.action);
  if (!change.before.is_null()) shown.set_before_json(CanonicalJson(change.before));
  if (!change.after.is_null()) shown.set_after_json(CanonicalJson(change.after));
  if (!change.patch.is_null()) shown.set_patch_json(CanonicalJson(change.patch));
  return shown;
}

v1::PolicyRevision ToPolicyRevision(const store::PolicyRevisionRecord& record) {
  v1::PolicyRevision out;
  out.set_number(record.number);
  out.set_digest(record.digest);
  *out.mutable_spec() = FromSpec(policy::SpecFrom(record.spec_json, record.documents));
  out.set_principal(record.principal);
  out.set_note(record.note);
  out.set_restored_from(record.restored_from);
  *out.mutable_create_time() = ToTimestamp(record.created_unix_ms);
  return out;
}

v1::Environment ToEnvironment(const store::EnvironmentRecord& record) {
  v1::Environment out;
  out.set_id(record.id);
  out.set_uid(record.uid);
  *out.mutable_create_time() = ToTimestamp(record.created_unix_ms);
  *out.mutable_update_time() = ToTimestamp(record.updated_unix_ms);
  out.set_etag(EtagOf(record.version));
  ReadLabels(record.labels_json, *out.mutable_labels());
  out.set_display_name(record.display_name);
  for (const std::string& id : record.clusters) out.add_clusters(id);
  FromLabelSelector(policy::LabelSelectorFromJson(ParseColumn(record.selector_json)), *out.mutable_cluster_labels(),
                    *out.mutable_cluster_expressions());
  return out;
}

std::string LabelsJson(const google::protobuf::Map<std::string, std::string>& labels) {
  if (labels.empty()) return {};
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [key, value] : labels) out[key] = value;
  return CanonicalJson(out);
}

}  // namespace meshplay::services
