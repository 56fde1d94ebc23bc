#include "adapters/common/convert.h"

namespace meshplay::common {
namespace {

pb::ObjectKey ToKey(const smi::ObjectKey& key) {
  pb::ObjectKey out;
  out.set_api_version(key.api_version);
  out.set_kind(key.kind);
  out.set_namespace_(key.namespace_name);
  out.set_name(key.name);
  return out;
}

}  // namespace

pb::ObjectKey ToKey(const kube::ObjectRef& ref) {
  pb::ObjectKey key;
  key.set_api_version(ref.gvk.ApiVersion());
  key.set_kind(ref.gvk.kind);
  key.set_namespace_(ref.name_space);
  key.set_name(ref.name);
  return key;
}

pb::ObjectKey KeyOf(const nlohmann::json& object) {
  return ToKey(kube::RefOf(object));
}

kube::ObjectRef ToRef(const pb::ObjectKey& key) {
  return {kube::MakeGvk(key.api_version(), key.kind()), key.namespace_(), key.name()};
}

pb::Health ToHealth(kube::Health health) {
  switch (health) {
    case kube::Health::kHealthy:
      return pb::HEALTH_HEALTHY;
    case kube::Health::kProgressing:
      return pb::HEALTH_PROGRESSING;
    case kube::Health::kSuspended:
      return pb::HEALTH_SUSPENDED;
    case kube::Health::kMissing:
      return pb::HEALTH_MISSING;
    case kube::Health::kDegraded:
      return pb::HEALTH_DEGRADED;
    case kube::Health::kUnknown:
      break;
  }
  return pb::HEALTH_UNSPECIFIED;
}

pb::SmiReport ToReport(const smi::SmiReport& report) {
  pb::SmiReport out;
  *out.mutable_source() = ToKey(report.source);
  switch (report.level) {
    case smi::SupportLevel::kFull:
      out.set_level(pb::SUPPORT_LEVEL_FULL);
      break;
    case smi::SupportLevel::kPartial:
      out.set_level(pb::SUPPORT_LEVEL_PARTIAL);
      break;
    case smi::SupportLevel::kNone:
      out.set_level(pb::SUPPORT_LEVEL_NONE);
      break;
  }
  for (const smi::Diagnostic& diagnostic : report.diagnostics) {
    pb::Diagnostic& entry = *out.add_diagnostics();
    entry.set_code(diagnostic.code);
    entry.set_severity(diagnostic.severity == smi::Severity::kError     ? pb::SEVERITY_ERROR
                       : diagnostic.severity == smi::Severity::kWarning ? pb::SEVERITY_WARNING
                                                                        : pb::SEVERITY_INFO);
    entry.set_summary(diagnostic.message);
    entry.set_pointer(diagnostic.pointer);
    entry.set_mesh_feature(diagnostic.mesh_feature);
  }
  for (const smi::ObjectKey& key : report.generated) *out.add_generated() = ToKey(key);
  out.set_explanation(report.explanation);
  return out;
}

pb::Diagnostic MakeDiagnostic(pb::Severity severity, std::string code, std::string summary, std::string detail) {
  pb::Diagnostic diagnostic;
  diagnostic.set_severity(severity);
  diagnostic.set_code(std::move(code));
  diagnostic.set_summary(std::move(summary));
  diagnostic.set_detail(std::move(detail));
  return diagnostic;
}

}  // namespace meshplay::common
