#include <re2/re2.h>

#include <algorithm>
#include <numeric>

#include "libs/smi/internal/pattern.h"
#include "libs/smi/internal/regex_size.h"
#include "libs/smi/lower.h"

namespace meshplay::smi {
namespace {

constexpr std::int64_t kRegexMemoryBytes = 1 << 20;
constexpr std::size_t kMaxRegexSize = 40'000;  // What the memory holds of RE2's instructions.

RE2::Options RegexOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryBytes);
  return options;
}

std::optional<HeaderPattern> HeaderPatternOf(Sequence branch, const Tail& tail) {
  bool leading = false;
  while (!branch.empty() && branch.front().type == Atom::Type::kAnything) {
    leading = true;
    branch.erase(branch.begin());
  }
  if (branch.size() > 1) return std::nullopt;
  if (branch.empty()) {
    const bool anything = leading || tail.anything;
    return HeaderPattern{anything ? HeaderForm::kPresent : HeaderForm::kExact, ""};
  }
  if (branch.front().type != Atom::Type::kLiteral) return std::nullopt;
  const std::string& text = branch.front().text;
  if (leading) return HeaderPattern{tail.anything ? HeaderForm::kContains : HeaderForm::kSuffix, text};
  return HeaderPattern{tail.anything ? HeaderForm::kPrefix : HeaderForm::kExact, text};
}

}  // namespace

Status CheckRegex(std::string_view regex) {
  std::size_t size = 0;
  return CheckRegex(regex, size);
}

Status CheckRegex(std::string_view regex, std::size_t& size) {
  size = 0;
  if (regex.size() > kMaxRegexBytes) {
    return InvalidArgument("REGEX_TOO_LONG",
                           "the regular expression is longer than " + std::to_string(kMaxRegexBytes) + " bytes");
  }
  const RE2 compiled(re2::StringPiece(regex.data(), regex.size()), RegexOptions());
  if (!compiled.ok()) {
    if (compiled.error_code() == RE2::ErrorPatternTooLarge) size = kMaxRegexSize;
    return InvalidArgument("REGEX_INVALID", "not a regular expression of RE2: " + compiled.error());
  }
  size = static_cast<std::size_t>(compiled.ProgramSize());
  return {};
}

bool RegexMatchesFully(const std::string& regex, std::string_view text) {
  const RE2 compiled(regex, RegexOptions());
  return compiled.ok() && RE2::FullMatch(re2::StringPiece(text.data(), text.size()), compiled);
}

std::vector<HeaderPattern> LowerHeader(std::string_view value_regex) {
  const std::string regex = WithoutQuotations(value_regex);
  const auto branches = ExpandPattern(regex);
  const HeaderPattern as_regex{HeaderForm::kRegex, regex};
  if (!branches.has_value()) return {as_regex};
  std::vector<HeaderPattern> out;
  for (Sequence branch : *branches) {
    const Tail tail = StripTail(branch);
    if (tail.impossible) continue;
    const auto pattern = HeaderPatternOf(std::move(branch), tail);
    if (!pattern.has_value()) return {as_regex};
    if (pattern->form == HeaderForm::kPresent) return {*pattern};
    if (std::find(out.begin(), out.end(), *pattern) == out.end()) out.push_back(*pattern);
  }
  return out;
}

bool Matches(const std::vector<HeaderPattern>& lowered, std::string_view value) {
  for (const HeaderPattern& pattern : lowered) {
    switch (pattern.form) {
      case HeaderForm::kPresent:
        return true;
      case HeaderForm::kExact:
        if (value == pattern.text) return true;
        break;
      case HeaderForm::kPrefix:
        if (value.starts_with(pattern.text)) return true;
        break;
      case HeaderForm::kSuffix:
        if (value.ends_with(pattern.text)) return true;
        break;
      case HeaderForm::kContains:
        if (value.find(pattern.text) != std::string_view::npos) return true;
        break;
      case HeaderForm::kRegex:
        if (RegexMatchesFully(pattern.text, value)) return true;
        break;
    }
  }
  return false;
}

std::optional<std::vector<std::string>> LowerMethods(const std::vector<std::string>& methods) {
  std::vector<std::string> out;
  for (const std::string& method : methods) {
    if (method == "*") return std::nullopt;
    if (std::find(out.begin(), out.end(), method) == out.end()) out.push_back(method);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

Shares LargestRemainder(const std::vector<std::int64_t>& weights, std::int64_t total) {
  Shares shares;
  shares.values.assign(weights.size(), 0);
  const std::int64_t sum = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  if (sum <= 0) return shares;
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::int64_t left = total;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    shares.values[i] = weights[i] * total / sum;
    left -= shares.values[i];
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return weights[a] * total % sum > weights[b] * total % sum; });
  for (std::size_t i = 0; i < order.size() && left > 0; ++i, --left) ++shares.values[order[i]];
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0 && shares.values[i] == 0) shares.rounded_to_zero = true;
  }
  return shares;
}

}  // namespace meshplay::smi
