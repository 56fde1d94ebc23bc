#include "server/hub/convert_task.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "server/engine/task_error.h"
#include "server/hub/internal/proto_json.h"

namespace meshplay::hub {
namespace {

using nlohmann::json;

/// A C++ enum with the wire's numbers; anything beyond `last` is unspecified.
template <class To, class From>
To SameNumber(From value, To last) {
  const int number = static_cast<int>(value);
  return number >= 0 && number <= static_cast<int>(last) ? static_cast<To>(number) : static_cast<To>(0);
}

store::StepRecord ConvertStep(const pb::Step& step) {
  store::StepRecord record;
  record.index = step.index();
  record.name = step.name();
  record.title = step.title();
  record.state = BareName(pb::StepState_descriptor(), step.state(), "STEP_STATE_", "PENDING");
  record.text = step.text();
  return record;
}

store::DiagnosticRecord ConvertDiagnostic(const pb::Diagnostic& diagnostic) {
  store::DiagnosticRecord record;
  record.severity = BareName(pb::Severity_descriptor(), diagnostic.severity(), "SEVERITY_", "INFO");
  record.code = diagnostic.code();
  record.summary = diagnostic.summary();
  record.detail = diagnostic.detail();
  record.pointer = diagnostic.pointer();
  if (diagnostic.has_object()) record.object_json = ToJson(diagnostic.object()).value_or("");
  record.mesh_feature = diagnostic.mesh_feature();
  return record;
}

store::ObjectOutcomeRecord ConvertOutcome(const pb::ObjectOutcome& outcome) {
  store::ObjectOutcomeRecord record;
  record.api_version = outcome.object().api_version();
  record.kind = outcome.object().kind();
  record.namespace_name = outcome.object().namespace_();
  record.name = outcome.object().name();
  record.action = BareName(pb::ChangeAction_descriptor(), outcome.action(), "CHANGE_ACTION_", "");
  record.ok = outcome.ok();
  if (outcome.has_error()) record.error_json = engine::ToPublicJson(FromProto(outcome.error()));
  record.uid = outcome.uid();
  record.health = BareName(pb::Health_descriptor(), outcome.health(), "HEALTH_", "UNKNOWN");
  return record;
}

template <class Record, class List, class Convert>
std::vector<Record> ConvertList(const List& list, const Convert& convert) {
  std::vector<Record> records;
  records.reserve(static_cast<std::size_t>(list.size()));
  for (const auto& entry : list) records.push_back(convert(entry));
  return records;
}

/// Evidence is JSON in bytes: shown as JSON, not as base64.
Result<std::string> ConformanceJson(const pb::ConformanceReport& report) {
  pb::ConformanceReport plain = report;
  for (auto& entry : *plain.mutable_cases()) entry.clear_evidence_json();
  MP_TRY(const std::string text, ToJson(plain));
  MP_TRY(json document, ParseJson(text));
  for (int i = 0; i < report.cases_size(); ++i) {
    const std::string& evidence = report.cases(i).evidence_json();
    if (evidence.empty()) continue;
    MP_TRY(document["cases"][static_cast<std::size_t>(i)]["evidence"], ParseJson(evidence));
  }
  return DumpJson(document);
}

Result<std::string> SmiReportsJson(const google::protobuf::RepeatedPtrField<pb::SmiReport>& reports) {
  std::string list = "[";
  for (const pb::SmiReport& report : reports) {
    MP_TRY(const std::string text, ToPublicJson(report));
    if (list.size() > 1) list += ",";
    list += text;
  }
  return list + "]";
}

}  // namespace

std::chrono::milliseconds FromProto(const google::protobuf::Duration& duration) {
  constexpr std::int64_t kMaxSeconds = 315'360'000;  // ten years: no sum of ours overflows
  const std::int64_t seconds = std::clamp<std::int64_t>(duration.seconds(), 0, kMaxSeconds);
  const std::int64_t nanos = std::clamp<std::int64_t>(duration.nanos(), 0, 999'999'999);
  return std::chrono::milliseconds(seconds * 1000 + nanos / 1'000'000);
}

google::protobuf::Duration ToProto(std::chrono::milliseconds duration) {
  google::protobuf::Duration wire;
  wire.set_seconds(duration.count() / 1000);
  wire.set_nanos(static_cast<std::int32_t>(duration.count() % 1000) * 1'000'000);
  return wire;
}

engine::TaskError FromProto(const pb::Error& error) {
  engine::TaskError converted;
  converted.reason = error.reason();
  converted.error_class = SameNumber(error.error_class(), engine::ErrorClass::kBug);
  converted.side_effects = SameNumber(error.side_effects(), engine::SideEffects::kUnknown);
  converted.message = error.message();
  converted.probable_cause = error.probable_cause();
  converted.remediation = error.remediation();
  for (const auto& [key, value] : error.metadata()) converted.metadata[key] = value;
  for (const pb::FieldViolation& field : error.fields()) {
    converted.violations.push_back({field.pointer(), field.description()});
  }
  if (error.has_retry_after()) converted.retry_after = FromProto(error.retry_after());
  return converted;
}

engine::TaskSnapshot FromProto(const pb::TaskSnapshot& snapshot) {
  engine::TaskSnapshot converted;
  converted.operation_id = snapshot.task_id();
  converted.attempt = snapshot.attempt();
  converted.fence = snapshot.fence();
  converted.phase = SameNumber(snapshot.phase(), engine::AttemptPhase::kFinished);
  converted.last_seq = snapshot.last_seq();
  return converted;
}

Result<engine::OfferReply> FromProto(const pb::OfferReply& reply) {
  engine::OfferReply converted;
  converted.operation_id = reply.task_id();
  converted.attempt = reply.attempt();
  converted.fence = reply.fence();
  switch (reply.reply_case()) {
    case pb::OfferReply::kAccepted:
      converted.answer = engine::OfferAnswer::kAccepted;
      return converted;
    case pb::OfferReply::kRejected:
      converted.answer = engine::OfferAnswer::kRejected;
      converted.rejected = FromProto(reply.rejected());
      return converted;
    case pb::OfferReply::kAlreadyFinished:
      converted.answer = engine::OfferAnswer::kAlreadyFinished;
      return converted;
    case pb::OfferReply::REPLY_NOT_SET:
      break;
  }
  return InvalidArgument("FRAME_INVALID", "an OfferReply says neither yes nor no").WithViolation("/reply", "not set");
}

engine::TaskUpdate FromProto(const pb::TaskUpdate& update) {
  engine::TaskUpdate converted;
  converted.operation_id = update.task_id();
  converted.attempt = update.attempt();
  converted.fence = update.fence();
  converted.seq = update.seq();
  converted.phase = SameNumber(update.phase(), engine::AttemptPhase::kFinished);
  converted.progress_done = update.progress().done();
  converted.progress_total = update.progress().total();
  converted.progress_text = update.progress().text();
  converted.diagnostics = ConvertList<store::DiagnosticRecord>(update.diagnostics(), ConvertDiagnostic);
  converted.changes = ConvertList<store::ObjectOutcomeRecord>(update.changes(), ConvertOutcome);
  if (update.has_checkpoint()) converted.checkpoint = update.checkpoint();
  converted.steps = ConvertList<store::StepRecord>(update.steps(), ConvertStep);
  converted.step_timeout = FromProto(update.step_timeout());
  return converted;
}

Result<engine::TaskResult> FromProto(const pb::TaskResult& result) {
  engine::TaskResult converted;
  converted.operation_id = result.task_id();
  converted.attempt = result.attempt();
  converted.fence = result.fence();
  converted.seq = result.seq();
  converted.outcome = SameNumber(result.outcome(), engine::Outcome::kCancelled);
  converted.error = FromProto(result.error());
  if (!result.output_json().empty()) {
    const Status checked = CheckJson(result.output_json());
    if (!checked) {
      return InvalidArgument("FRAME_INVALID", "the output of a task is not valid JSON: " + checked.error().message())
          .WithViolation("/output_json", checked.error().reason());
    }
    converted.output_json = result.output_json();
  }
  converted.changes = ConvertList<store::ObjectOutcomeRecord>(result.changes(), ConvertOutcome);
  converted.diagnostics = ConvertList<store::DiagnosticRecord>(result.diagnostics(), ConvertDiagnostic);
  converted.steps = ConvertList<store::StepRecord>(result.steps(), ConvertStep);
  if (result.has_plan()) {
    MP_TRY(converted.plan_json, ToPublicJson(result.plan()));
    converted.plan_digest = result.plan().digest();
  }
  if (result.has_detection()) {
    MP_TRY(converted.detection_json, ToJson(result.detection()));
  }
  if (result.has_inspection()) {
    converted.inspection = engine::Inspection{SameNumber(result.inspection().effect(), engine::Effect::kUnknown),
                                              result.inspection().fence_on_target()};
  }
  if (result.has_conformance()) {
    MP_TRY(converted.conformance_json, ConformanceJson(result.conformance()));
  }
  if (result.smi_size() > 0) {
    MP_TRY(converted.smi_reports_json, SmiReportsJson(result.smi()));
  }
  return converted;
}

Result<pb::TaskOffer> ToProto(const engine::TaskOffer& offer) {
  pb::TaskOffer wire;
  wire.set_task_id(offer.operation_id);
  wire.set_attempt(offer.attempt);
  wire.set_fence(offer.fence);
  wire.set_kind(static_cast<pb::TaskKind>(offer.kind));
  wire.set_operation_type(offer.operation_type);
  wire.set_idempotency_key(offer.idempotency_key);
  pb::TargetRef& target = *wire.mutable_target();
  target.set_cluster_uid(offer.cluster_uid);
  target.set_cluster_id(offer.cluster_id);
  target.set_namespace_(offer.namespace_name);
  target.set_mesh_key(offer.mesh_key);
  target.set_control_plane_namespace(offer.control_plane_namespace);
  target.set_revision(offer.revision);
  wire.set_parameters_json(offer.parameters_json);
  for (const std::string& name : offer.secret_names) {
    pb::SecretRef& secret = *wire.add_secrets();
    secret.set_name(name);
    secret.set_logical_name(name);
  }
  if (!offer.options_json.empty()) {
    const auto parsed = google::protobuf::util::JsonStringToMessage(offer.options_json, wire.mutable_options());
    if (!parsed.ok()) return Internal("TASK_NOT_SENDABLE", "the stored options of the operation cannot be sent");
  }
  *wire.mutable_time_budget() = ToProto(offer.time_budget);
  *wire.mutable_progress_interval() = ToProto(offer.progress_interval);
  wire.set_checkpoint(offer.checkpoint);
  wire.mutable_actor()->set_principal(offer.principal);
  wire.mutable_actor()->set_tenant(offer.tenant);
  wire.mutable_actor()->set_reason(offer.reason);
  return wire;
}

pb::TaskAck ToProto(const engine::TaskAck& ack) {
  pb::TaskAck wire;
  wire.set_task_id(ack.operation_id);
  wire.set_attempt(ack.attempt);
  wire.set_acked_seq(ack.acked_seq);
  wire.set_finished(ack.finished);
  return wire;
}

pb::CancelTask ToProto(const engine::CancelRequest& cancel) {
  pb::CancelTask wire;
  wire.set_task_id(cancel.operation_id);
  wire.set_attempt(cancel.attempt);
  wire.set_reason(cancel.reason);
  *wire.mutable_grace() = ToProto(cancel.grace);
  return wire;
}

pb::TaskDirective ToProto(const engine::TaskDirective& directive) {
  pb::TaskDirective wire;
  wire.set_task_id(directive.operation_id);
  wire.set_attempt(directive.attempt);
  wire.set_directive(static_cast<pb::Directive>(directive.directive));
  wire.set_resend_from_seq(directive.resend_from_seq);
  return wire;
}

}  // namespace meshplay::hub
