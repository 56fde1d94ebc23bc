#include "libs/smi/internal/pattern.h"

#include <algorithm>

#include "libs/smi/lower.h"

namespace meshplay::smi {
namespace {

constexpr int kMaxDepth = 8;

bool IsPunctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

void Append(Sequence& to, const Atom& atom) {
  if (atom.type == Atom::Type::kLiteral && !to.empty() && to.back().type == Atom::Type::kLiteral) {
    to.back().text += atom.text;
  } else {
    to.push_back(atom);
  }
}

class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : text_(text) {}

  std::optional<std::vector<Sequence>> Parse() {
    auto branches = Alternation(0, true);
    if (!branches.has_value() || at_ != text_.size()) return std::nullopt;
    return branches;
  }

 private:
  using Branches = std::optional<std::vector<Sequence>>;

  bool Looking(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool Take(std::string_view what) {
    if (!Looking(what)) return false;
    at_ += what.size();
    return true;
  }

  Branches Alternation(int depth, bool at_start) {
    if (depth > kMaxDepth) return std::nullopt;
    std::vector<Sequence> all;
    do {
      Branches branch = Branch(depth, at_start);
      if (!branch.has_value()) return std::nullopt;
      all.insert(all.end(), branch->begin(), branch->end());
      if (all.size() > kMaxAlternatives) return std::nullopt;
    } while (Take("|"));
    return all;
  }

  Branches Branch(int depth, bool at_start) {
    std::vector<Sequence> so_far(1);
    while (at_ < text_.size() && text_[at_] != '|' && text_[at_] != ')') {
      const bool nothing_yet = so_far.size() == 1 && so_far.front().empty();
      if (text_[at_] == '^') {
        // Elsewhere than at the start it can never hold; such expressions stay regular expressions.
        if (!at_start || !nothing_yet) return std::nullopt;
        ++at_;
        if (LookingAtQuantifier()) return std::nullopt;
        continue;
      }
      Branches piece = Piece(depth, at_start && nothing_yet);
      if (!piece.has_value()) return std::nullopt;
      if (so_far.size() * piece->size() > kMaxAlternatives) return std::nullopt;
      std::vector<Sequence> next;
      for (const Sequence& left : so_far) {
        for (const Sequence& right : *piece) {
          Sequence joined = left;
          for (const Atom& atom : right) Append(joined, atom);
          next.push_back(std::move(joined));
        }
      }
      so_far = std::move(next);
    }
    return so_far;
  }

  bool LookingAtQuantifier() const {
    return at_ < text_.size() && (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?' || text_[at_] == '{');
  }

  // One atom or group with its quantifier.
  Branches Piece(int depth, bool at_start) {
    Branches piece;
    const char c = text_[at_];
    if (c == '(') {
      if (!Take("(?:")) {
        if (Looking("(?")) return std::nullopt;
        ++at_;
      }
      piece = Alternation(depth + 1, at_start);
      if (!piece.has_value() || !Take(")")) return std::nullopt;
    } else if (Take("[^/]+")) {
      Take("?");
      if (LookingAtQuantifier()) return std::nullopt;
      return Single({Atom::Type::kSegment, ""});
    } else if (c == '[') {
      piece = OneCharacterClass();
    } else if (Take(".*")) {
      Take("?");
      if (LookingAtQuantifier()) return std::nullopt;
      return Single({Atom::Type::kAnything, ""});
    } else if (c == '.') {
      ++at_;
      piece = Single({Atom::Type::kOneChar, ""});
    } else if (c == '$') {
      ++at_;
      if (LookingAtQuantifier()) return std::nullopt;
      return Single({Atom::Type::kEnd, ""});
    } else if (c == '\\') {
      if (at_ + 1 >= text_.size() || !IsPunctuation(text_[at_ + 1])) return std::nullopt;
      piece = Single({Atom::Type::kLiteral, std::string(1, text_[at_ + 1])});
      at_ += 2;
    } else if (c < ' ' || c > '~' || c == '*' || c == '+' || c == '?' || c == '{' || c == '}' || c == ']') {
      return std::nullopt;  // Beyond ASCII a quantifier would bind to a character of several bytes.
    } else {
      ++at_;
      piece = Single({Atom::Type::kLiteral, std::string(1, c)});
    }
    if (!piece.has_value()) return std::nullopt;
    if (Take("?")) {
      Take("?");
      piece->push_back({});
    }
    if (LookingAtQuantifier()) return std::nullopt;
    return piece;
  }

  // "[.]" as people write it instead of "\.".
  Branches OneCharacterClass() {
    if (at_ + 2 >= text_.size() || text_[at_ + 2] != ']') return std::nullopt;
    const char c = text_[at_ + 1];
    if (c == '^' || c == '\\' || c == ']' || c < ' ' || c > '~') return std::nullopt;
    at_ += 3;
    return Single({Atom::Type::kLiteral, std::string(1, c)});
  }

  static Branches Single(Atom atom) { return std::vector<Sequence>{Sequence{std::move(atom)}}; }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Behind the class that starts at `at`: there a backslash quotes one character, and brackets may be named classes.
std::size_t BehindClass(std::string_view regex, std::size_t at) {
  std::size_t i = at + 1;
  if (i < regex.size() && regex[i] == '^') ++i;
  if (i < regex.size() && regex[i] == ']') ++i;
  while (i < regex.size() && regex[i] != ']') {
    const std::size_t named = regex.substr(i, 2) == "[:" ? regex.find(":]", i + 2) : std::string_view::npos;
    i = named != std::string_view::npos ? named + 2 : regex[i] == '\\' ? i + 2 : i + 1;
  }
  return std::min(i + 1, regex.size());
}

}  // namespace

std::string WithoutQuotations(std::string_view regex) {
  std::string out;
  for (std::size_t i = 0; i < regex.size();) {
    if (regex.substr(i, 2) == "\\Q") {
      const std::size_t end = std::min(regex.find("\\E", i + 2), regex.size());
      for (const char c : regex.substr(i + 2, end - i - 2)) {
        if (IsPunctuation(c)) out += '\\';
        out += c;
      }
      i = std::min(end + 2, regex.size());
      continue;
    }
    const std::size_t next =
        regex[i] == '[' ? BehindClass(regex, i) : std::min(i + (regex[i] == '\\' ? 2 : 1), regex.size());
    out += regex.substr(i, next - i);
    i = next;
  }
  return out;
}

std::optional<std::vector<Sequence>> ExpandPattern(std::string_view regex) {
  if (regex.size() > kMaxRegexBytes) return std::nullopt;
  return PatternParser(regex).Parse();
}

Tail StripTail(Sequence& sequence) {
  Tail tail;
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    if (sequence[i].type != Atom::Type::kEnd) continue;
    tail.closed = true;
    for (std::size_t k = i + 1; k < sequence.size(); ++k) {
      const Atom::Type type = sequence[k].type;
      if (type != Atom::Type::kEnd && type != Atom::Type::kAnything) tail.impossible = true;
    }
    sequence.resize(i);
    break;
  }
  while (!sequence.empty() && sequence.back().type == Atom::Type::kAnything) {
    tail.anything = true;
    sequence.pop_back();
  }
  return tail;
}

}  // namespace meshplay::smi
