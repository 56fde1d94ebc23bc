#include "adapters/common/errors.h"

#include <array>
#include <string_view>

namespace meshplay::common {
namespace {

struct Row {
  std::string_view reason;
  std::string_view protocol_reason;  ///< Empty: the same.
  pb::ErrorClass error_class;
  std::string_view remediation;  ///< Used when the error brings none.
};

constexpr Row kRows[] = {
    {"TARGET_UNREACHABLE", "", pb::ERROR_CLASS_TRANSIENT, "Check the cluster's address, network and API server."},
    {"TARGET_TIMEOUT", "TARGET_UNREACHABLE", pb::ERROR_CLASS_TRANSIENT, "Check the load of the cluster's API server."},
    {"TARGET_SERVER_ERROR", "TARGET_UNREACHABLE", pb::ERROR_CLASS_TRANSIENT,
     "Look at the API server's log; a webhook that does not answer is named when there is one."},
    {"TARGET_THROTTLED", "", pb::ERROR_CLASS_THROTTLED, "Wait, or raise the API server's limits."},
    {"TARGET_UNAUTHENTICATED", "", pb::ERROR_CLASS_AUTH, "Renew the credentials of the adapter's kubeconfig context."},
    {"TARGET_FORBIDDEN", "", pb::ERROR_CLASS_AUTH,
     "Grant the adapter's identity the permissions listed in its manifest (required_permissions)."},
    {"TARGET_MISMATCH", "", pb::ERROR_CLASS_PRECONDITION,
     "The kubeconfig context now points to another cluster: correct it, or register that cluster."},
    {"TARGET_UNKNOWN", "", pb::ERROR_CLASS_INVALID, "Give the adapter a kubeconfig context for this cluster."},
    {"ADMISSION_DENIED", "", pb::ERROR_CLASS_INVALID,
     "An admission rule of the cluster refuses the object: change the parameters or the rule."},
    {"FIELD_CONFLICT", "", pb::ERROR_CLASS_CONFLICT,
     "Let the named manager give up the fields, or apply with force_conflicts."},
    {"OBJECT_CONFLICT", "FIELD_CONFLICT", pb::ERROR_CLASS_CONFLICT, "The object changed meanwhile: try again."},
    {"OBJECT_OWNED", "", pb::ERROR_CLASS_CONFLICT,
     "The object belongs to another owner: choose another name or remove it there first."},
    {"RELEASE_OWNERSHIP", "", pb::ERROR_CLASS_CONFLICT,
     "The objects belong to another helm release: uninstall that release, or use its name."},
    {"PLAN_STALE", "", pb::ERROR_CLASS_CONFLICT, "The cluster changed since the plan: plan again."},
    {"FENCED", "", pb::ERROR_CLASS_CONFLICT, "A later attempt owns the cluster."},
    {"PARAMETERS_INVALID", "", pb::ERROR_CLASS_INVALID, "Correct the parameters at the named places."},
    {"OPERATION_UNKNOWN", "", pb::ERROR_CLASS_INVALID, "Use a type of the adapter's manifest."},
    {"SMI_INVALID", "", pb::ERROR_CLASS_INVALID, "Correct the SMI documents at the named places."},
    {"OBJECT_INVALID", "", pb::ERROR_CLASS_INVALID, "Correct the object at the named places."},
    {"KIND_UNKNOWN", "PREREQUISITE_MISSING", pb::ERROR_CLASS_PRECONDITION,
     "Install the CustomResourceDefinition of this kind first; for Istio's kinds install the mesh."},
    {"OBJECT_NOT_FOUND", "PREREQUISITE_MISSING", pb::ERROR_CLASS_PRECONDITION, "Create the named object first."},
    {"PREREQUISITE_MISSING", "", pb::ERROR_CLASS_PRECONDITION, ""},
    {"NAMESPACE_TERMINATING", "", pb::ERROR_CLASS_PRECONDITION,
     "Wait until the namespace is gone; its status conditions say what holds it up."},
    {"QUOTA_EXCEEDED", "", pb::ERROR_CLASS_PRECONDITION, "Raise the quota of the namespace or free resources."},
    {"NOT_READY_IN_TIME", "", pb::ERROR_CLASS_PRECONDITION,
     "Everything is applied; look at the named objects and repeat the operation, which then only waits."},
    {"OBJECT_NOT_GONE_IN_TIME", "", pb::ERROR_CLASS_PRECONDITION,
     "Something holds the deletion up: see the finalizers named, then repeat the operation."},
    {"CHART_NOT_FOUND", "", pb::ERROR_CLASS_PRECONDITION,
     "Choose a version that the chart source has, or another chart source."},
    {"CHART_SOURCE_UNREACHABLE", "", pb::ERROR_CLASS_TRANSIENT,
     "Give the adapter a way to the chart repository, or a chart source of its own (dir:, bundle:)."},
    {"CHART_SOURCE_INVALID", "PARAMETERS_INVALID", pb::ERROR_CLASS_INVALID, ""},
    {"CHART_BROKEN", "", pb::ERROR_CLASS_INVALID, "The chart refuses these values: correct them."},
    {"HELM_MISSING", "", pb::ERROR_CLASS_PRECONDITION, "Install helm 4 on the adapter's machine or name it by --helm."},
    {"HELM_TOO_OLD", "", pb::ERROR_CLASS_PRECONDITION, "Install helm 4 on the adapter's machine."},
    {"HELM_TIMEOUT", "", pb::ERROR_CLASS_TRANSIENT, "Try again; the release is recovered first."},
    {"HELM_KILLED", "", pb::ERROR_CLASS_TRANSIENT, "Try again; the release is recovered first."},
    {"HELM_FAILED", "", pb::ERROR_CLASS_PRECONDITION, "Read helm's message; a repetition recovers the release first."},
    {"RELEASE_PENDING", "", pb::ERROR_CLASS_TRANSIENT, "Another helm is at work on the release: wait for it."},
    {"DEADLINE_EXCEEDED", "", pb::ERROR_CLASS_UNKNOWN_OUTCOME, ""},
    {"LEASE_EXPIRED", "", pb::ERROR_CLASS_TRANSIENT, ""},
    {"CANCELLED", "", pb::ERROR_CLASS_CANCELLED, ""},
    {"FENCE_UNREADABLE", "", pb::ERROR_CLASS_PRECONDITION, ""},
    {"SECRET_UNAVAILABLE", "", pb::ERROR_CLASS_PRECONDITION, ""},
};

// A reason nobody thought of still says by its code what it can.
pb::ErrorClass ClassOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCancelled:
      return pb::ERROR_CLASS_CANCELLED;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kUnimplemented:
      return pb::ERROR_CLASS_INVALID;
    case ErrorCode::kNotFound:
    case ErrorCode::kFailedPrecondition:
      return pb::ERROR_CLASS_PRECONDITION;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kAborted:
      return pb::ERROR_CLASS_CONFLICT;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
      return pb::ERROR_CLASS_AUTH;
    case ErrorCode::kResourceExhausted:
      return pb::ERROR_CLASS_PRECONDITION;
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
      return pb::ERROR_CLASS_TRANSIENT;
    case ErrorCode::kUnknown:
    case ErrorCode::kDataLoss:
      return pb::ERROR_CLASS_UNKNOWN_OUTCOME;
    case ErrorCode::kInternal:
      return pb::ERROR_CLASS_BUG;
  }
  return pb::ERROR_CLASS_UNKNOWN_OUTCOME;
}

template <std::size_t N>
bool IsOneOf(const std::string& reason, const std::array<std::string_view, N>& reasons) {
  for (const std::string_view known : reasons) {
    if (reason == known) return true;
  }
  return false;
}

}  // namespace

pb::Error ToProtocolError(const Error& error, pb::SideEffects side_effects) {
  pb::Error out;
  out.set_reason(error.reason());
  out.set_error_class(ClassOf(error.code()));
  out.set_side_effects(side_effects);
  out.set_message(error.message());
  out.set_remediation(error.remediation());
  for (const Row& row : kRows) {
    if (row.reason != error.reason()) continue;
    out.set_error_class(row.error_class);
    if (!row.protocol_reason.empty()) {
      out.set_reason(std::string(row.protocol_reason));
      (*out.mutable_metadata())["cause_reason"] = error.reason();
    }
    if (error.remediation().empty()) out.set_remediation(std::string(row.remediation));
    break;
  }
  for (const auto& [key, value] : error.metadata()) (*out.mutable_metadata())[key] = value;
  const auto webhook = error.metadata().find("webhook");
  if (error.reason() == "TARGET_SERVER_ERROR" && webhook != error.metadata().end()) {
    out.set_message(error.message() + "; the webhook " + webhook->second + " did not answer as it should");
    out.set_remediation("Repair the service behind that webhook, or remove its configuration if nothing needs it.");
  }
  for (const Violation& violation : error.violations()) {
    pb::FieldViolation& field = *out.add_fields();
    field.set_pointer(violation.pointer);
    field.set_description(violation.detail);
  }
  if (error.retry_after()) {
    out.mutable_retry_after()->set_seconds(error.retry_after()->count() / 1'000);
    out.mutable_retry_after()->set_nanos(static_cast<int>(error.retry_after()->count() % 1'000) * 1'000'000);
  }
  return out;
}

pb::SideEffects EffectsOfFailedWrite(const Error& error) {
  static constexpr std::array<std::string_view, 4> kUncertain = {"TARGET_UNREACHABLE", "TARGET_TIMEOUT",
                                                                 "TARGET_ANSWER_INVALID", "CANCELLED"};
  if (!IsOneOf(error.reason(), kUncertain)) return pb::SIDE_EFFECTS_NONE;
  const auto sent = error.metadata().find("request_sent");
  const bool certainly_not = sent != error.metadata().end() && sent->second == "no";
  return certainly_not ? pb::SIDE_EFFECTS_NONE : pb::SIDE_EFFECTS_UNKNOWN;
}

pb::SideEffects EffectsOfFailedHelm(const Error& error) {
  static constexpr std::array<std::string_view, 7> kBefore = {
      "HELM_MISSING", "HELM_TOO_OLD",      "CHART_NOT_FOUND",     "CHART_SOURCE_UNREACHABLE",
      "CHART_BROKEN", "RELEASE_OWNERSHIP", "CHART_SOURCE_INVALID"};
  return IsOneOf(error.reason(), kBefore) ? pb::SIDE_EFFECTS_NONE : pb::SIDE_EFFECTS_PARTIAL;
}

pb::SideEffects Together(pb::SideEffects a, pb::SideEffects b) {
  if (a == pb::SIDE_EFFECTS_PARTIAL || b == pb::SIDE_EFFECTS_PARTIAL) return pb::SIDE_EFFECTS_PARTIAL;
  if (a == pb::SIDE_EFFECTS_UNKNOWN || b == pb::SIDE_EFFECTS_UNKNOWN) return pb::SIDE_EFFECTS_UNKNOWN;
  return pb::SIDE_EFFECTS_NONE;
}

}  // namespace meshplay::common
