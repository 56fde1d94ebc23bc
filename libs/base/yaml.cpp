#include "libs/base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "libs/base/json.h"
#include "libs/base/utf8.h"

namespace meshplay {
namespace {

using nlohmann::json;

/// Carries an Error through the parser, which knows only exceptions.
struct Refused : std::exception {
  explicit Refused(Error why) : error(std::move(why)) {}
  Error error;
};

std::string At(const YAML::Mark& mark) {
  return " at line " + std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1);
}

[[noreturn]] void Refuse(const char* reason, const std::string& what, const YAML::Mark& mark) {
  throw Refused(InvalidArgument(reason, what + At(mark)));
}

bool AllOf(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool LooksLikeFloat(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  constexpr std::string_view kDigits = "0123456789";
  const std::size_t exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    std::string_view power = text.substr(exponent + 1);
    if (!power.empty() && (power[0] == '-' || power[0] == '+')) power.remove_prefix(1);
    if (!AllOf(power, kDigits)) return false;
    text = text.substr(0, exponent);
  }
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return AllOf(text, kDigits);
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction = text.substr(dot + 1);
  if (whole.empty()) return AllOf(fraction, kDigits);
  return AllOf(whole, kDigits) && (fraction.empty() || AllOf(fraction, kDigits));
}

template <class Integer>
bool ReadInteger(std::string_view digits, int base, Integer& value) {
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  return code == std::errc() && end == digits.data() + digits.size();
}

/// True when `text` is an integer of the core schema; `value` stays discarded when it does not fit 64 bits.
bool ReadIntegerScalar(std::string_view text, json& value) {
  const bool negative = !text.empty() && text[0] == '-';
  std::string_view digits = text;
  if (negative || (!text.empty() && text[0] == '+')) digits.remove_prefix(1);
  int base = 10;
  const std::string_view prefix = digits.substr(0, 2);
  if (digits.size() == text.size() && (prefix == "0x" || prefix == "0o")) {
    base = prefix == "0x" ? 16 : 8;
    digits.remove_prefix(2);
    if (!AllOf(digits, base == 16 ? "0123456789abcdefABCDEF" : "01234567")) return false;
  } else if (!AllOf(digits, "0123456789")) {
    return false;
  } else if (digits.size() > 1 && digits[0] == '0' && AllOf(digits, "01234567")) {
    base = 8;  // As kubectl: `defaultMode: 0644` means file mode 0644.
  }
  value = json(json::value_t::discarded);
  std::uint64_t magnitude = 0;
  if (!ReadInteger(digits, base, magnitude)) return true;
  if (!negative) {
    value = magnitude;
  } else if (magnitude <= std::uint64_t{1} << 63U) {
    value = static_cast<std::int64_t>(0 - magnitude);
  }
  return true;
}

/// A plain scalar of the core schema.
json ReadPlainScalar(const std::string& text, const YAML::Mark& mark) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  json value;
  if (ReadIntegerScalar(text, value)) {
    if (value.is_discarded()) Refuse("YAML_INVALID", "a whole number is outside the 64 bit range", mark);
    return value;
  }
  const std::string_view unsigned_text =
      text[0] == '-' || text[0] == '+' ? std::string_view(text).substr(1) : std::string_view(text);
  for (const std::string_view word : {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"}) {
    if (unsigned_text == word) Refuse("YAML_INVALID", "a number is infinite or not a number", mark);
  }
  if (!LooksLikeFloat(text)) return text;
  double number = 0;
  const char* const first = text.data() + (text[0] == '+' ? 1 : 0);
  const auto [end, code] = std::from_chars(first, text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    Refuse("YAML_INVALID", "a number is out of range", mark);
  }
  return number;
}

json ReadScalar(const std::string& tag, const std::string& text, const YAML::Mark& mark) {
  if (tag == "?" || tag.empty()) return ReadPlainScalar(text, mark);
  if (tag == "!" || tag == "tag:yaml.org,2002:str") return text;
  json value = ReadPlainScalar(text, mark);
  const bool fits = (tag == "tag:yaml.org,2002:int" && value.is_number_integer()) ||
                    (tag == "tag:yaml.org,2002:bool" && value.is_boolean()) ||
                    (tag == "tag:yaml.org,2002:null" && value.is_null());
  if (fits) return value;
  if (tag == "tag:yaml.org,2002:float" && value.is_number()) return value.get<double>();
  Refuse("YAML_INVALID", "a tag is not known or does not fit its value", mark);
}

/// What a finished node costs when it is repeated by an alias.
struct Cost {
  std::size_t values = 0;
  std::size_t bytes = 0;
  std::size_t height = 0;
};

/// Builds JSON from the parser's events and stops it at the first breach of a limit. The parser recurses once a level
/// and each level is reported here first, so the depth limit also bounds its stack.
class JsonBuilder final : public YAML::EventHandler {
 public:
  explicit JsonBuilder(const YamlLimits& limits) : limits_(limits) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    document_mark_ = mark;
    anchors_.clear();
    frames_.clear();
    root_ = nullptr;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Finish(mark, anchor, nullptr, {1, 0, 0}); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    // The parser turns the escapes \N and \_ into bare bytes.
    if (!IsUtf8(text)) Refuse("YAML_INVALID", "an escape in a text is not supported", mark);
    if (ExpectsKey()) {
      // Keys are text in JSON; numbers and booleans keep the way they were written.
      if (tag == "?" && text == "<<") return StartMerge(mark);
      if (tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str") {
        Refuse("YAML_INVALID", "a key has a tag", mark);
      }
      return Finish(mark, anchor, text, {1, text.size(), 0});
    }
    Finish(mark, anchor, ReadScalar(tag, text, mark), {1, text.size(), 0});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) Refuse("YAML_INVALID", "an alias points into itself", mark);
    Add(mark, found->second.value, found->second.cost);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, "tag:yaml.org,2002:seq", anchor, json::array());
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, "tag:yaml.org,2002:map", anchor, json::object());
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapEnd() override { Close(); }

  json TakeRoot() { return std::move(root_); }
  const YAML::Mark& document_mark() const { return document_mark_; }
  const YAML::Mark& root_mark() const { return root_mark_; }
  std::size_t last_line() const { return last_line_; }

 private:
  struct Frame {
    json value;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    bool has_key = false;
    bool merges = false;  ///< The key is "<<", and its value stands for keys of this map.
    std::string key;
    json merged;  ///< Those keys; the map's own are stronger.
    Cost cost{1, 0, 1};
  };
  struct Anchored {
    json value;
    Cost cost;
  };

  bool ExpectsKey() const { return !frames_.empty() && frames_.back().value.is_object() && !frames_.back().has_key; }

  void Open(const YAML::Mark& mark, const std::string& tag, std::string_view own_tag, YAML::anchor_t anchor,
            json value) {
    if (!tag.empty() && tag != "?" && tag != own_tag) Refuse("YAML_INVALID", "a tag is not known", mark);
    if (ExpectsKey()) Refuse("YAML_INVALID", "a key is not a scalar", mark);
    if (frames_.size() >= limits_.max_depth) TooDeep(mark);
    Count(mark, {1, 0, 0});
    Frame frame;
    frame.value = std::move(value);
    frame.anchor = anchor;
    frame.mark = mark;
    frames_.push_back(std::move(frame));
  }

  void StartMerge(const YAML::Mark& mark) {
    Frame& frame = frames_.back();
    if (!frame.merged.is_null()) Refuse("YAML_DUPLICATE_KEY", "a map has the same key twice", mark);
    frame.merged = json::object();
    frame.has_key = frame.merges = true;
  }

  // Of several maps the first that has a key gives its value. What is merged was counted as a value already.
  static void Merge(json& merged, const json& from, const YAML::Mark& mark) {
    const bool is_list = from.is_array();
    for (const json& map : is_list ? from : json::array({from})) {
      if (!map.is_object()) Refuse("YAML_INVALID", "a merge key names no map", mark);
      for (const auto& [key, value] : map.items()) merged.emplace(key, value);
    }
  }

  void Close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (!frame.merged.is_null()) frame.value.insert(frame.merged.begin(), frame.merged.end());
    Remember(frame.anchor, frame.value, frame.cost);
    Place(frame.mark, std::move(frame.value), frame.cost);
  }

  void Finish(const YAML::Mark& mark, YAML::anchor_t anchor, json value, const Cost& cost) {
    Remember(anchor, value, cost);
    Add(mark, std::move(value), cost);
  }

  void Add(const YAML::Mark& mark, json value, const Cost& cost) {
    if (frames_.size() + cost.height > limits_.max_depth) TooDeep(mark);
    Count(mark, cost);
    Place(mark, std::move(value), cost);
  }

  void Remember(YAML::anchor_t anchor, const json& value, const Cost& cost) {
    if (anchor != 0) anchors_[anchor] = {value, cost};
  }

  void Place(const YAML::Mark& mark, json value, const Cost& cost) {
    last_line_ = static_cast<std::size_t>(mark.line);
    if (frames_.empty()) {
      root_mark_ = mark;
      root_ = std::move(value);
      return;
    }
    Frame& frame = frames_.back();
    frame.cost.values += cost.values;
    frame.cost.bytes += cost.bytes;
    frame.cost.height = std::max(frame.cost.height, cost.height + 1);
    if (frame.merges) {
      Merge(frame.merged, value, mark);
      frame.merges = frame.has_key = false;
    } else if (frame.value.is_array()) {
      frame.value.push_back(std::move(value));
    } else if (!frame.has_key) {
      if (!value.is_string()) Refuse("YAML_INVALID", "a key is empty or not a scalar", mark);
      frame.key = value.get<std::string>();
      if (frame.value.contains(frame.key)) Refuse("YAML_DUPLICATE_KEY", "a map has the same key twice", mark);
      frame.has_key = true;
    } else {
      frame.value.emplace(std::move(frame.key), std::move(value));
      frame.has_key = false;
    }
  }

  void Count(const YAML::Mark& mark, const Cost& cost) {
    values_ += cost.values;
    bytes_ += cost.bytes;
    // Anchored values are kept a second time; nested anchors are paid for by the depth limit.
    if (values_ > limits_.max_values || bytes_ > limits_.max_bytes) {
      Refuse("YAML_TOO_LARGE", "the document is too large once its aliases are filled in", mark);
    }
  }

  [[noreturn]] void TooDeep(const YAML::Mark& mark) const {
    Refuse("YAML_TOO_DEEP", "more than " + std::to_string(limits_.max_depth) + " levels", mark);
  }

  const YamlLimits& limits_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  json root_;
  YAML::Mark document_mark_;
  YAML::Mark root_mark_;
  std::size_t last_line_ = 0;
  std::size_t values_ = 0;
  std::size_t bytes_ = 0;
};

/// Lines that start with "---" and with "...": the parser itself takes `{} {}` for two documents.
class Separators {
 public:
  explicit Separators(std::string_view text) {
    for (std::size_t line = 0;; ++line) {
      const std::string_view start = text.substr(0, 3);
      if (start == "---") starts_.insert(line);
      if (start == "...") ends_.insert(line);
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
  }
  bool Between(std::size_t last_line, const YAML::Mark& next) const {
    const auto line = static_cast<std::size_t>(next.line);
    if (next.column == 0 && starts_.count(line) != 0) return true;
    const auto found = ends_.lower_bound(last_line);
    return found != ends_.end() && *found <= line;
  }

 private:
  std::set<std::size_t> starts_;
  std::set<std::size_t> ends_;
};

/// The parser reads a flow collection to its end before it reports the first value, and keeps 200 bytes for each token.
/// So what would be too deep or too large is found before: by its brackets and commas, wherever they stand, far above
/// what quoted texts hold.
Status CheckFlow(std::string_view text) {
  constexpr std::size_t kMaxOpen = 10'000;
  constexpr std::size_t kMaxTokens = 1'000'000;
  std::size_t open = 0;
  std::size_t tokens = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') {
      if (open == 0) tokens = 0;
      ++open;
    } else if (c == ']' || c == '}') {
      open -= open == 0 ? 0 : 1;
    } else if (c != ',') {
      continue;
    }
    if (open > kMaxOpen) {
      return InvalidArgument("YAML_TOO_DEEP", "more than " + std::to_string(kMaxOpen) + " brackets are not closed");
    }
    if (open > 0 && ++tokens > kMaxTokens) {
      return InvalidArgument("YAML_TOO_LARGE", "more than " + std::to_string(kMaxTokens) + " parts in one collection");
    }
  }
  return {};
}

/// JSON has escapes (surrogate pairs) that the YAML parser refuses, and is read faster as what it is.
std::optional<YamlDocument> ReadAsJson(std::string_view text, const YamlLimits& limits) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || (text[start] != '{' && text[start] != '[')) return std::nullopt;
  auto value = ParseJson(text, {limits.max_bytes, limits.max_depth, limits.max_values});
  if (!value) return std::nullopt;
  const auto lines = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(start), '\n');
  return YamlDocument{std::move(*value), static_cast<std::size_t>(lines) + 1};
}

}  // namespace

Result<std::vector<YamlDocument>> ParseYaml(std::string_view text, const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return InvalidArgument("YAML_TOO_LARGE", "the text is larger than " + std::to_string(limits.max_bytes) + " bytes");
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  if (!IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    return InvalidArgument("YAML_INVALID", "the text is not valid UTF-8");
  }
  if (auto document = ReadAsJson(text, limits)) return std::vector<YamlDocument>{*std::move(document)};
  MP_CHECK(CheckFlow(text));
  try {
    const Separators separators(text);
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    JsonBuilder builder(limits);
    std::vector<YamlDocument> documents;
    std::size_t last_line = 0;
    for (std::size_t count = 0; parser.HandleNextDocument(builder); ++count) {
      if (count >= limits.max_documents) {
        return InvalidArgument("YAML_TOO_LARGE", "more than " + std::to_string(limits.max_documents) + " documents");
      }
      if (count > 0 && !separators.Between(last_line, builder.document_mark())) {
        Refuse("YAML_INVALID", "there is text after the end of the document", builder.document_mark());
      }
      last_line = builder.last_line();
      json root = builder.TakeRoot();
      if (root.is_null()) continue;
      documents.push_back({std::move(root), static_cast<std::size_t>(builder.root_mark().line) + 1});
    }
    return documents;
  } catch (const Refused& refused) {
    return refused.error;
  } catch (const YAML::Exception& fault) {
    return InvalidArgument("YAML_INVALID", "the text is not valid YAML" + At(fault.mark));
  } catch (const std::exception&) {
    return InvalidArgument("YAML_INVALID", "the text is not valid YAML");
  }
}

}  // namespace meshplay
