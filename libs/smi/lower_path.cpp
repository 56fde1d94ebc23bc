#include <algorithm>

#include "libs/smi/internal/pattern.h"
#include "libs/smi/lower.h"

namespace meshplay::smi {
namespace {

constexpr std::string_view kHole = "{*}";

std::string WithoutCaret(std::string_view regex) {
  constexpr std::string_view kQuantifiers = "*+?{";
  while (regex.starts_with("^")) {
    if (regex.size() > 1 && kQuantifiers.find(regex[1]) != std::string_view::npos) break;
    regex.remove_prefix(1);
  }
  return std::string(regex);
}

// A hole stands for a whole segment only between slashes.
std::optional<std::string> TemplateText(const Sequence& sequence) {
  std::string text;
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    const Atom& atom = sequence[i];
    if (atom.type == Atom::Type::kLiteral) {
      if (atom.text.find_first_of("{}*") != std::string::npos) return std::nullopt;
      text += atom.text;
      continue;
    }
    const bool slash_before = !text.empty() && text.back() == '/';
    const bool slash_after = i + 1 == sequence.size() ||
                             (sequence[i + 1].type == Atom::Type::kLiteral && sequence[i + 1].text.front() == '/');
    if (!slash_before || !slash_after) return std::nullopt;
    text += kHole;
  }
  return text;
}

std::optional<PathPattern> PatternOf(Sequence sequence, bool open, bool lenient_dots, bool& dot_taken_literally) {
  Sequence joined;
  bool has_segment = false;
  for (Atom& atom : sequence) {
    if (atom.type == Atom::Type::kOneChar && lenient_dots) {
      dot_taken_literally = true;
      atom = {Atom::Type::kLiteral, "."};
    }
    if (atom.type != Atom::Type::kLiteral && atom.type != Atom::Type::kSegment) return std::nullopt;
    has_segment = has_segment || atom.type == Atom::Type::kSegment;
    if (atom.type == Atom::Type::kLiteral && !joined.empty() && joined.back().type == Atom::Type::kLiteral) {
      joined.back().text += atom.text;
    } else {
      joined.push_back(std::move(atom));
    }
  }
  if (has_segment) {
    const std::optional<std::string> text = TemplateText(joined);
    if (!text.has_value()) return std::nullopt;
    return PathPattern{PathForm::kTemplate, *text, open};
  }
  const std::string text = joined.empty() ? "" : joined.front().text;
  if (!open) return PathPattern{PathForm::kExact, text, false};
  if (text.empty() || text == "/") return PathPattern{PathForm::kAny, "", false};
  return PathPattern{PathForm::kPrefix, text, false};
}

bool Covers(const PathPattern& wide, const PathPattern& narrow) {
  if (wide == narrow) return true;
  if (wide.form == PathForm::kAny) return true;
  if (wide.form != PathForm::kPrefix) return false;
  const bool literal =
      narrow.form == PathForm::kPrefix || narrow.form == PathForm::kExact || narrow.form == PathForm::kSegmentPrefix;
  return literal && narrow.text.starts_with(wide.text);
}

// Removes branches that others cover, and joins "L" and "L/..." into one segment prefix.
std::vector<PathPattern> Simplify(const std::vector<PathPattern>& branches) {
  std::vector<PathPattern> kept;
  for (std::size_t i = 0; i < branches.size(); ++i) {
    bool covered = false;
    for (std::size_t k = 0; k < branches.size() && !covered; ++k) {
      if (k == i || !Covers(branches[k], branches[i])) continue;
      covered = !(branches[k] == branches[i]) || k < i;
    }
    if (!covered) kept.push_back(branches[i]);
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i].form != PathForm::kExact) continue;
    const PathPattern rest{PathForm::kPrefix, kept[i].text + "/", false};
    const auto found = std::find(kept.begin(), kept.end(), rest);
    if (found == kept.end() || kept[i].text.empty()) continue;
    kept[i].form = PathForm::kSegmentPrefix;
    const auto position = static_cast<std::size_t>(found - kept.begin());
    kept.erase(found);
    if (position < i) --i;
  }
  return kept;
}

bool MatchesTemplate(std::string_view pattern, std::string_view path, bool open) {
  while (!pattern.empty()) {
    if (pattern.starts_with(kHole)) {
      pattern.remove_prefix(kHole.size());
      const std::size_t end = std::min(path.find('/'), path.size());
      if (end == 0) return false;
      path.remove_prefix(end);
    } else {
      if (path.empty() || path.front() != pattern.front()) return false;
      path.remove_prefix(1);
      pattern.remove_prefix(1);
    }
  }
  return open || path.empty();
}

}  // namespace

LoweredPath LowerPath(std::string_view path_regex, const PathOptions& options) {
  LoweredPath out;
  const bool full = options.anchor == PathAnchor::kFull;
  const std::string regex = WithoutCaret(WithoutQuotations(path_regex));
  if (regex.empty()) {
    out.alternatives.push_back({PathForm::kAny, "", false});
    return out;
  }
  out.full_regex = full ? regex : "(?:" + regex + ").*";
  const PathPattern as_regex{PathForm::kRegex, regex, !full};
  const auto branches = ExpandPattern(regex);
  if (!branches.has_value()) {
    out.alternatives.push_back(as_regex);
    return out;
  }
  std::vector<PathPattern> patterns;
  for (Sequence branch : *branches) {
    const Tail tail = StripTail(branch);
    if (tail.impossible) continue;
    const bool open = tail.anything || (!full && !tail.closed);
    const auto pattern = PatternOf(std::move(branch), open, options.lenient_dots, out.dot_taken_literally);
    if (!pattern.has_value()) {
      out.dot_taken_literally = false;
      out.alternatives = {as_regex};
      return out;
    }
    // Every path starts with "/", so nothing is exactly empty.
    if (pattern->form == PathForm::kExact && pattern->text.empty()) continue;
    patterns.push_back(*pattern);
  }
  out.alternatives = Simplify(patterns);
  const bool any = std::any_of(out.alternatives.begin(), out.alternatives.end(),
                               [](const PathPattern& p) { return p.form == PathForm::kAny; });
  if (any) {
    out.alternatives = {PathPattern{}};
    out.full_regex.clear();
  }
  return out;
}

bool Matches(const LoweredPath& lowered, std::string_view path) {
  for (const PathPattern& pattern : lowered.alternatives) {
    switch (pattern.form) {
      case PathForm::kAny:
        return true;
      case PathForm::kExact:
        if (path == pattern.text) return true;
        break;
      case PathForm::kPrefix:
        if (path.starts_with(pattern.text)) return true;
        break;
      case PathForm::kSegmentPrefix:
        if (path == pattern.text || path.starts_with(pattern.text + "/")) return true;
        break;
      case PathForm::kTemplate:
        if (MatchesTemplate(pattern.text, path, pattern.open)) return true;
        break;
      case PathForm::kRegex:
        if (RegexMatchesFully(lowered.full_regex, path)) return true;
        break;
    }
  }
  return false;
}

std::string LiteralPrefix(std::string_view path_regex) {
  const std::string regex = WithoutCaret(path_regex);
  if (regex.find('|') != std::string::npos) return "";
  constexpr std::string_view kSpecial = "\\.[](){}*+?^$|";
  std::string prefix;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    char c = regex[i];
    std::size_t next = i + 1;
    if (c == '\\') {
      if (next >= regex.size() || kSpecial.find(regex[next]) == std::string_view::npos) break;
      c = regex[next++];
    } else if (kSpecial.find(c) != std::string_view::npos || c < ' ' || c > '~') {
      break;
    }
    // A quantifier could make this character absent.
    if (next < regex.size() && std::string_view("*?{").find(regex[next]) != std::string_view::npos) break;
    prefix += c;
    i = next - 1;
  }
  return prefix;
}

}  // namespace meshplay::smi
