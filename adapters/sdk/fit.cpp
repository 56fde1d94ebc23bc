#include "adapters/sdk/internal/fit.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace meshplay::sdk {

namespace {

namespace pb = meshplay::adapter::v1;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::size_t kMaxString = 256;
constexpr std::size_t kMaxText = 4 * 1024;
constexpr std::size_t kResultRoom = kMaxFrameBytes - 64 * 1024;  ///< The frame around a result and some reserve.
constexpr int kMaxElements = 10'000;

bool IsDocument(std::string_view name) {
  return name.ends_with("_json") || name == "json_patch" || name == "parameters_schema";
}

std::size_t LimitOf(const FieldDescriptor& field) {
  const std::string& name = field.name();
  if (IsDocument(name)) return kMaxDocumentBytes;
  static constexpr std::array<std::string_view, 10> kTexts = {
      "message", "summary",     "detail", "description", "explanation",
      "text",    "remediation", "why",    "note",        "probable_cause"};
  const bool text =
      std::find(kTexts.begin(), kTexts.end(), name) != kTexts.end() || name.ends_with("_message") || name == "help_url";
  return text ? kMaxText : kMaxString;
}

/// Length of the well-formed UTF-8 sequence at `at`; 0 when there is none.
std::size_t SequenceAt(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(at + 1);
  const bool bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                   (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return bad ? 0 : length;
}

}  // namespace

std::string FitText(const std::string& text, std::size_t limit) {
  std::string fit;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = SequenceAt(text, at);
    fit += length == 0 ? std::string("?") : text.substr(at, length);
    at += std::max<std::size_t>(1, length);
  }
  if (fit.size() <= limit) return fit;
  std::size_t end = limit - 3;
  while (end > 0 && (static_cast<unsigned char>(fit[end]) & 0xc0) == 0x80) --end;
  return fit.substr(0, end) + "...";
}

void FitFrame(Message& message) {
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_map()) continue;
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      for (int i = 0; i < count; ++i) {
        FitFrame(field->is_repeated() ? *reflection.MutableRepeatedMessage(&message, field, i)
                                      : *reflection.MutableMessage(&message, field));
      }
    } else if (field->type() == FieldDescriptor::TYPE_STRING && !IsDocument(field->name())) {
      for (int i = 0; i < count; ++i) {
        const std::string text = field->is_repeated() ? reflection.GetRepeatedString(message, field, i)
                                                      : reflection.GetString(message, field);
        std::string fit = FitText(text, LimitOf(*field));
        if (fit == text) continue;
        if (field->is_repeated()) {
          reflection.SetRepeatedString(&message, field, i, std::move(fit));
        } else {
          reflection.SetString(&message, field, std::move(fit));
        }
      }
    }
  }
}

void FitResult(pb::TaskResult& result, bool past_barrier) {
  FitFrame(result);
  const auto fits = [&] {
    return result.ByteSizeLong() <= kResultRoom && result.output_json().size() <= kMaxDocumentBytes &&
           result.changes_size() <= kMaxElements && result.diagnostics_size() <= kMaxElements &&
           result.plan().changes_size() <= kMaxElements;
  };
  for (pb::PlannedChange& change : *result.mutable_plan()->mutable_changes()) {
    const bool large = change.before_json().size() > kMaxDocumentBytes ||
                       change.after_json().size() > kMaxDocumentBytes || change.json_patch().size() > kMaxDocumentBytes;
    if (!large && result.ByteSizeLong() <= kResultRoom) continue;
    change.clear_before_json();
    change.clear_after_json();
    change.clear_json_patch();
    change.set_bodies_omitted(true);
  }
  if (result.plan().ByteSizeLong() == 0) result.clear_plan();
  if (fits()) return;
  pb::TaskResult small;
  small.set_task_id(result.task_id());
  small.set_attempt(result.attempt());
  small.set_fence(result.fence());
  small.set_seq(result.seq());
  small.set_outcome(pb::OUTCOME_FAILED);
  pb::Error& error = *small.mutable_error();
  error.set_reason("RESULT_TOO_LARGE");
  error.set_error_class(pb::ERROR_CLASS_BUG);
  error.set_message("the result is larger than a frame may be");
  error.set_side_effects(!past_barrier                               ? pb::SIDE_EFFECTS_NONE
                         : result.outcome() == pb::OUTCOME_SUCCEEDED ? pb::SIDE_EFFECTS_COMPLETE
                         : result.has_error()                        ? result.error().side_effects()
                                                                     : pb::SIDE_EFFECTS_UNKNOWN);
  result = std::move(small);
}

}  // namespace meshplay::sdk
