#include "server/services/convert_common.h"

#include <google/protobuf/util/time_util.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "libs/base/json_member.h"

namespace meshplay::services {
namespace {

constexpr std::int64_t kMsPerSecond = 1'000;
constexpr std::int64_t kNanosPerMs = 1'000'000;

}  // namespace

google::protobuf::Timestamp ToTimestamp(UnixMs unix_ms) {
  google::protobuf::Timestamp time;
  std::int64_t seconds = unix_ms / kMsPerSecond;
  std::int64_t rest = unix_ms % kMsPerSecond;
  if (rest < 0) {
    rest += kMsPerSecond;
    --seconds;
  }
  time.set_seconds(seconds);
  time.set_nanos(static_cast<std::int32_t>(rest * kNanosPerMs));
  return time;
}

UnixMs ToUnixMs(const google::protobuf::Timestamp& time) {
  return time.seconds() * kMsPerSecond + time.nanos() / kNanosPerMs;
}

google::protobuf::Duration ToDuration(std::chrono::milliseconds length) {
  google::protobuf::Duration duration;
  duration.set_seconds(length.count() / kMsPerSecond);
  duration.set_nanos(static_cast<std::int32_t>(length.count() % kMsPerSecond * kNanosPerMs));
  return duration;
}

std::chrono::milliseconds ToMilliseconds(const google::protobuf::Duration& length) {
  return std::chrono::milliseconds(length.seconds() * kMsPerSecond + length.nanos() / kNanosPerMs);
}

nlohmann::json ParseColumn(const std::string& text) {
  if (text.empty()) return nullptr;
  JsonLimits limits;
  limits.max_bytes = 16 * 1024 * 1024;
  limits.max_depth = 128;
  limits.max_values = 2'000'000;
  Result<nlohmann::json> parsed = ParseJson(text, limits);
  return parsed.has_value() ? std::move(*parsed) : nlohmann::json();
}

std::uint64_t CountOf(const nlohmann::json& object, std::string_view key) {
  const nlohmann::json& member = Member(object, key);
  if (member.is_number_unsigned()) return member.get<std::uint64_t>();
  const std::string text = MemberText(object, key);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

std::vector<std::string> TextsOf(const nlohmann::json& object, std::string_view key) {
  std::vector<std::string> texts;
  const nlohmann::json& member = Member(object, key);
  if (!member.is_array()) return texts;
  for (const nlohmann::json& item : member) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::string PartOf(const nlohmann::json& object, std::string_view key) {
  const nlohmann::json& member = Member(object, key);
  return member.is_null() ? std::string() : CanonicalJson(member);
}

UnixMs TimeOf(const nlohmann::json& object, std::string_view key) {
  google::protobuf::Timestamp time;
  const std::string text = MemberText(object, key);
  if (text.empty() || !google::protobuf::util::TimeUtil::FromString(text, &time)) return 0;
  return ToUnixMs(time);
}

google::protobuf::RepeatedPtrField<v1::Condition> ToConditions(const std::string& conditions_json) {
  google::protobuf::RepeatedPtrField<v1::Condition> conditions;
  const nlohmann::json column = ParseColumn(conditions_json);
  if (!column.is_array()) return conditions;
  for (const nlohmann::json& item : column) {
    v1::Condition& condition = *conditions.Add();
    condition.set_type(MemberText(item, "type"));
    const std::string status = MemberText(item, "status");
    // A status that this server does not know must not read as good.
    condition.set_status(status == "True" || status == "False" ? status : "Unknown");
    condition.set_reason(MemberText(item, "reason"));
    condition.set_message(MemberText(item, "message"));
    const UnixMs since = TimeOf(item, "last_transition_time");
    if (since != 0) *condition.mutable_last_transition_time() = ToTimestamp(since);
  }
  return conditions;
}

v1::ObjectKey ToObjectKey(std::string api_version, std::string kind, std::string name_space, std::string name) {
  v1::ObjectKey key;
  key.set_api_version(std::move(api_version));
  key.set_kind(std::move(kind));
  key.set_namespace_(std::move(name_space));
  key.set_name(std::move(name));
  return key;
}

v1::OperationError ToOperationError(const std::string& error_json) {
  v1::OperationError error;
  const nlohmann::json body = ParseColumn(error_json);
  error.set_reason(MemberText(body, "reason"));
  error.set_error_class(MemberText(body, "error_class"));
  error.set_side_effects(MemberText(body, "side_effects"));
  error.set_message(MemberText(body, "message"));
  error.set_probable_cause(MemberText(body, "probable_cause"));
  error.set_remediation(MemberText(body, "remediation"));
  const nlohmann::json& metadata = Member(body, "metadata");
  if (metadata.is_object()) {
    for (const auto& [key, value] : metadata.items()) {
      if (value.is_string()) (*error.mutable_metadata())[key] = value.get<std::string>();
    }
  }
  const nlohmann::json& violations = Member(body, "violations");
  if (violations.is_array()) {
    for (const nlohmann::json& item : violations) {
      v1::Violation& violation = *error.add_violations();
      violation.set_pointer(MemberText(item, "pointer"));
      violation.set_detail(MemberText(item, "detail"));
    }
  }
  return error;
}

v1::Diagnostic ToDiagnostic(const store::DiagnosticRecord& record) {
  v1::Diagnostic diagnostic;
  diagnostic.set_severity(record.severity);
  diagnostic.set_code(record.code);
  diagnostic.set_summary(record.summary);
  diagnostic.set_detail(record.detail);
  diagnostic.set_pointer(record.pointer);
  diagnostic.set_mesh_feature(record.mesh_feature);
  const nlohmann::json object = ParseColumn(record.object_json);
  if (object.is_object()) {
    *diagnostic.mutable_object() = ToObjectKey(MemberText(object, "api_version"), MemberText(object, "kind"),
                                               MemberText(object, "namespace"), MemberText(object, "name"));
  }
  return diagnostic;
}

}  // namespace meshplay::services
