#include "libs/base/json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace meshplay {
namespace {

using nlohmann::json;

/// Receives the parser's events and stops at the first breach. The parser itself does not recurse, so depth costs no
/// stack here.
class StrictReader final : public nlohmann::json_sax<json> {
 public:
  explicit StrictReader(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return Value(); }
  bool boolean(bool) override { return Value(); }
  bool number_integer(number_integer_t) override { return Value(); }
  bool number_unsigned(number_unsigned_t) override { return Value(); }
  bool number_float(number_float_t, const string_t& text) override {
    if (!Value()) return false;
    // The parser turns whole numbers beyond 64 bits into doubles without a word.
    if (text.find_first_of(".eE") == std::string::npos) {
      return Fail("JSON_INVALID", "a whole number is outside the 64 bit range", Pointer());
    }
    return true;
  }
  bool string(string_t&) override { return Value(); }
  bool binary(binary_t&) override { return Value(); }
  bool start_object(std::size_t) override { return Open(true); }
  bool start_array(std::size_t) override { return Open(false); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    Frame& frame = frames_.back();
    frame.key = name;
    if (!frame.keys.insert(name).second) {
      return Fail("JSON_DUPLICATE_KEY", "an object has the same key twice", Pointer());
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& fault) override {
    const bool range = fault.id == 406;
    return Fail("JSON_INVALID",
                (range ? "a number is out of range at byte " : "the text is not valid JSON at byte ") +
                    std::to_string(position),
                Pointer());
  }

  std::optional<Error> error() && { return std::move(error_); }

 private:
  struct Frame {
    bool object = false;
    std::size_t index = 0;  ///< Values so far, for arrays.
    std::string key;
    std::unordered_set<std::string> keys;
  };

  bool Fail(const char* reason, const std::string& message, std::string pointer) {
    if (!error_) error_ = InvalidArgument(reason, message).WithViolation(std::move(pointer), message);
    return false;
  }

  bool Value() {
    if (!frames_.empty()) ++frames_.back().index;
    if (++values_ > limits_.max_values) {
      return Fail("JSON_TOO_LARGE", "more than " + std::to_string(limits_.max_values) + " values", Pointer());
    }
    return true;
  }

  bool Open(bool object) {
    if (!Value()) return false;
    if (frames_.size() >= limits_.max_depth) {
      return Fail("JSON_TOO_DEEP", "more than " + std::to_string(limits_.max_depth) + " levels", Pointer());
    }
    frames_.push_back({object, 0, {}, {}});
    return true;
  }

  bool Close() {
    frames_.pop_back();
    return true;
  }

  std::string Pointer() const {
    std::string pointer;
    for (const Frame& frame : frames_) {
      if (frame.object ? frame.keys.empty() : frame.index == 0) break;
      // A long key must not make a long error.
      pointer += '/';
      pointer += frame.object ? EscapePointerToken(std::string_view(frame.key).substr(0, 128))
                              : std::to_string(frame.index - 1);
      if (pointer.size() > 1024) break;
    }
    return pointer;
  }

  const JsonLimits& limits_;
  std::vector<Frame> frames_;
  std::size_t values_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Status CheckJson(std::string_view text, const JsonLimits& limits) {
  const auto refuse = [](const char* reason, const std::string& message) {
    return InvalidArgument(reason, message).WithViolation("", message);
  };
  if (text.size() > limits.max_bytes) {
    return refuse("JSON_TOO_LARGE", "the document is larger than " + std::to_string(limits.max_bytes) + " bytes");
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF") return refuse("JSON_INVALID", "the document starts with a byte order mark");
  // The parser takes a raw zero byte for the end of the text and would ignore what follows.
  if (text.find('\0') != std::string_view::npos) return refuse("JSON_INVALID", "the document holds a zero byte");
  StrictReader reader(limits);
  const bool good = json::sax_parse(text.begin(), text.end(), &reader);
  std::optional<Error> error = std::move(reader).error();
  if (error) return *std::move(error);
  if (!good) return refuse("JSON_INVALID", "the text is not valid JSON");
  return {};
}

Result<json> ParseJson(std::string_view text, const JsonLimits& limits) {
  MP_CHECK(CheckJson(text, limits));
  json document = json::parse(text.begin(), text.end(), nullptr, false);
  if (document.is_discarded()) {
    return InvalidArgument("JSON_INVALID", "the text is not valid JSON").WithViolation("", "not valid JSON");
  }
  return document;
}

std::string CanonicalJson(const json& document) {
  return DumpJson(document);
}

std::string DumpJson(const json& document) {
  // Objects are std::map, so keys are sorted bytewise already.
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string EscapePointerToken(std::string_view token) {
  std::string escaped;
  escaped.reserve(token.size());
  for (const char c : token) {
    if (c == '~') {
      escaped += "~0";
    } else if (c == '/') {
      escaped += "~1";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

void MergePatch(json& target, const json& patch) {
  target.merge_patch(patch);
}

}  // namespace meshplay
