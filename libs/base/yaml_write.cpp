#include <algorithm>
#include <cctype>
#include <utility>

#include "libs/base/yaml.h"

namespace meshplay {
namespace {

using nlohmann::json;

bool IsReservedWord(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view word : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (lower == word) return true;
  }
  return false;
}

/// True for text that every reader, also of YAML 1.1, takes for a string without quotes.
bool IsPlainText(std::string_view text) {
  if (text.empty() || text.size() > 200 || IsReservedWord(text)) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (!letter(text.front()) && text.front() != '/') return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/'; });
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// A JSON string is a YAML string, but for characters that YAML takes for line breaks or refuses.
std::string QuoteText(const json& value) {
  std::string quoted = value.dump(-1, ' ', false, json::error_handler_t::replace);
  // In the long form: readers have been seen to take \N for the bare byte 0x85.
  constexpr std::pair<std::string_view, std::string_view> kEscapes[] = {{"\x7f", "\\u007f"},
                                                                        {"\xC2\x85", "\\u0085"},
                                                                        {"\xE2\x80\xA8", "\\u2028"},
                                                                        {"\xE2\x80\xA9", "\\u2029"},
                                                                        {"\xEF\xBB\xBF", "\\ufeff"}};
  for (const auto& [from, to] : kEscapes) ReplaceAll(quoted, from, to);
  return quoted;
}

std::string Scalar(const json& value) {
  if (!value.is_string()) return value.dump(-1, ' ', false, json::error_handler_t::replace);
  const std::string& text = value.get_ref<const std::string&>();
  return IsPlainText(text) ? text : QuoteText(value);
}

bool IsBlock(const json& value) {
  return value.is_structured() && !value.empty();
}

void Write(const json& value, std::size_t indent, std::string& out) {
  // Readers give up on keys of more than 1,024 characters unless they are marked.
  constexpr std::size_t kLongKey = 500;
  const std::string margin(indent, ' ');
  if (!IsBlock(value)) {
    out += margin + Scalar(value) + '\n';
  } else if (value.is_array()) {
    for (const json& item : value) {
      const std::size_t start = out.size();
      Write(item, indent + 2, out);
      out[start + indent] = '-';
    }
  } else {
    for (const auto& [key, item] : value.items()) {
      const std::string name = Scalar(json(key));
      out += name.size() > kLongKey ? margin + "? " + name + '\n' + margin + ":" : margin + name + ':';
      if (IsBlock(item)) {
        out += '\n';
        Write(item, indent + 2, out);
      } else {
        out += ' ' + Scalar(item) + '\n';
      }
    }
  }
}

}  // namespace

std::string ToYaml(const json& value) {
  std::string out;
  Write(value, 0, out);
  return out;
}

}  // namespace meshplay
