#include "adapters/cilium/emitter/internal/posix.h"

#include <algorithm>
#include <bitset>
#include <vector>

namespace meshplay::cilium {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxRepeat = 255;  // RE_DUP_MAX of POSIX.
constexpr int kFirstPrintable = 0x20;
constexpr int kLastPrintable = 0x7e;

bool IsPrintable(char c) {
  return c >= kFirstPrintable && c <= kLastPrintable;
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string QuoteOne(char c) {
  constexpr std::string_view kMeta = R"(\.[]{}()*+?^$|)";
  return kMeta.find(c) == std::string_view::npos ? std::string(1, c) : std::string("\\") + c;
}

/// Printable ASCII characters, and whether all others belong too. Control characters never reach a matcher: they are in
/// no path and no host name.
struct CharSet {
  std::bitset<128> chars;
  bool others = false;

  void Add(char from, char to) {
    for (int c = std::max<int>(from, kFirstPrintable); c <= std::min<int>(to, kLastPrintable); ++c) {
      chars.set(static_cast<std::size_t>(c));
    }
  }
  void Invert() {
    for (int c = kFirstPrintable; c <= kLastPrintable; ++c) chars.flip(static_cast<std::size_t>(c));
    others = !others;
  }
  void Unite(const CharSet& other) {
    chars |= other.chars;
    others = others || other.others;
  }
};

// \d, \w, \s and their opposites.
std::optional<CharSet> PerlClass(char name) {
  CharSet set;
  switch (name | 0x20) {
    case 'd':
      set.Add('0', '9');
      break;
    case 'w':
      set.Add('0', '9');
      set.Add('A', 'Z');
      set.Add('a', 'z');
      set.Add('_', '_');
      break;
    case 's':
      set.Add(' ', ' ');
      break;
    default:
      return std::nullopt;
  }
  if (name < 'a') set.Invert();
  return set;
}

std::optional<CharSet> NamedClass(std::string_view name) {
  CharSet set;
  const bool inverted = name.starts_with("^");
  if (inverted) name.remove_prefix(1);
  if (name == "alpha" || name == "alnum" || name == "upper" || name == "word") set.Add('A', 'Z');
  if (name == "alpha" || name == "alnum" || name == "lower" || name == "word") set.Add('a', 'z');
  if (name == "alnum" || name == "digit" || name == "xdigit" || name == "word") set.Add('0', '9');
  if (name == "xdigit") set.Add('A', 'F');
  if (name == "xdigit") set.Add('a', 'f');
  if (name == "word") set.Add('_', '_');
  if (name == "space" || name == "blank") set.Add(' ', ' ');
  if (set.chars.none()) return std::nullopt;
  if (inverted) set.Invert();
  return set;
}

// A bracket expression that POSIX and RE2 read alike. nullopt: it would need a backslash, or is empty.
std::optional<std::string> Bracket(CharSet set) {
  if (set.others) {
    set.Invert();
    set.others = true;
  }
  if (set.chars.none()) return set.others ? std::optional<std::string>(".") : std::nullopt;
  if (set.chars.count() == 1 && !set.others) {
    for (int c = kFirstPrintable; c <= kLastPrintable; ++c) {
      if (set.chars.test(static_cast<std::size_t>(c))) return QuoteOne(static_cast<char>(c));
    }
  }
  constexpr std::string_view kSpecial = R"(]^[\-)";
  std::string body;
  const auto has = [&](int c) { return c <= kLastPrintable && set.chars.test(static_cast<std::size_t>(c)); };
  const auto special = [&](int c) { return kSpecial.find(static_cast<char>(c)) != std::string_view::npos; };
  for (int c = kFirstPrintable; c <= kLastPrintable; ++c) {
    if (!has(c)) continue;
    int end = c;
    while (has(end + 1)) ++end;
    // A range may run over a special character, but not end with one.
    int first = c;
    int last = end;
    while (first <= last && special(first)) ++first;
    while (last >= first && special(last)) --last;
    if (last - first >= 2) {
      body += std::string(1, static_cast<char>(first)) + "-" + static_cast<char>(last);
      for (int k = first; k <= last; ++k) set.chars.reset(static_cast<std::size_t>(k));
    } else {
      for (int k = first; k <= last; ++k) {
        if (!special(k)) body += static_cast<char>(k);
      }
    }
    c = end;
  }
  if (has('\\')) return std::nullopt;
  std::string out = set.others ? "[^" : "[";
  if (has(']')) out += "]";
  out += body;
  if (has('[')) out += "[";
  // "[^" would invert.
  const bool hyphen_first = out == "[" && has('^') && has('-');
  if (hyphen_first) out += "-";
  if (has('^')) out += "^";
  if (has('-') && !hyphen_first) out += "-";
  return out + "]";
}

struct Node {
  enum class Kind { kOne, kGroup, kStart, kEnd };
  Kind kind = Kind::kOne;
  std::string text;                         // kOne: a character or a bracket expression.
  std::vector<std::vector<Node>> branches;  // kGroup.
  std::string quantifier;
};
using Branches = std::vector<std::vector<Node>>;

/// Reads RE2's language as far as POSIX can say it. The input is valid RE2.
class Parser {
 public:
  Parser(std::string_view text, bool path) : text_(text), path_(path) {}

  std::optional<Branches> Run() {
    Branches out;
    if (!ReadBranches(out, 0) || at_ != text_.size()) return std::nullopt;
    return out;
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return text_[at_]; }

  bool ReadBranches(Branches& out, int depth) {
    if (depth > kMaxDepth) return false;
    out.emplace_back();
    while (!AtEnd() && Peek() != ')') {
      if (Peek() == '|') {
        ++at_;
        out.emplace_back();
        continue;
      }
      Node node;
      if (!ReadAtom(node, depth) || !ReadQuantifiers(node)) return false;
      out.back().push_back(std::move(node));
    }
    return true;
  }

  bool ReadAtom(Node& node, int depth) {
    const char c = text_[at_++];
    switch (c) {
      case '(':
        return ReadGroup(node, depth);
      case '[':
        return ReadBracket(node);
      case '\\':
        return ReadEscape(node);
      case '.':
        node.text = path_ ? "[^?]" : ".";
        return true;
      case '^':
        node.kind = Node::Kind::kStart;
        return true;
      case '$':
        node.kind = Node::Kind::kEnd;
        return true;
      default:
        node.text = QuoteOne(c);
        return IsPrintable(c);
    }
  }

  bool ReadGroup(Node& node, int depth) {
    node.kind = Node::Kind::kGroup;
    if (text_.substr(at_).starts_with("?:")) {
      at_ += 2;
    } else if (text_.substr(at_).starts_with("?P<") || text_.substr(at_).starts_with("?<")) {
      at_ = text_.find('>', at_);
      if (at_ == std::string_view::npos) return false;
      ++at_;
    } else if (!AtEnd() && Peek() == '?') {
      return false;  // Flags.
    }
    if (!ReadBranches(node.branches, depth + 1) || AtEnd()) return false;
    ++at_;
    return true;
  }

  bool ReadEscape(Node& node) {
    if (AtEnd()) return false;
    const char c = text_[at_++];
    if (IsLetter(c) || IsDigit(c)) {
      std::optional<CharSet> set = PerlClass(c);
      return set.has_value() && SetText(node, *set);
    }
    node.text = QuoteOne(c);
    // A path holds no question mark: what follows one is the query.
    return IsPrintable(c) && !(path_ && c == '?');
  }

  bool SetText(Node& node, CharSet set) {
    if (path_) set.chars.reset('?');
    const std::optional<std::string> text = Bracket(set);
    if (!text.has_value()) return false;
    node.text = *text;
    return true;
  }

  bool ReadBracket(Node& node) {
    CharSet set;
    bool inverted = false;
    if (!AtEnd() && Peek() == '^') {
      inverted = true;
      ++at_;
    }
    for (bool first = true; !AtEnd() && (first || Peek() != ']'); first = false) {
      if (text_.substr(at_).starts_with("[:")) {
        const std::size_t end = text_.find(":]", at_ + 2);
        if (end == std::string_view::npos) return false;
        const std::optional<CharSet> named = NamedClass(text_.substr(at_ + 2, end - at_ - 2));
        if (!named.has_value()) return false;
        set.Unite(*named);
        at_ = end + 2;
        continue;
      }
      if (!ReadRange(set)) return false;
    }
    if (AtEnd()) return false;
    ++at_;
    if (inverted) set.Invert();
    return SetText(node, set);
  }

  bool ReadRange(CharSet& set) {
    if (Peek() == '\\' && at_ + 1 < text_.size() && (IsLetter(text_[at_ + 1]) || IsDigit(text_[at_ + 1]))) {
      const std::optional<CharSet> named = PerlClass(text_[at_ + 1]);
      if (!named.has_value()) return false;
      set.Unite(*named);
      at_ += 2;
      return true;
    }
    char from = 0;
    if (!ReadSetChar(from)) return false;
    char to = from;
    if (at_ + 1 < text_.size() && Peek() == '-' && text_[at_ + 1] != ']') {
      ++at_;
      if (!ReadSetChar(to)) return false;
    }
    set.Add(from, to);
    return true;
  }

  bool ReadSetChar(char& c) {
    c = text_[at_++];
    if (c == '\\') {
      if (AtEnd() || IsLetter(Peek()) || IsDigit(Peek())) return false;
      c = text_[at_++];
    }
    return IsPrintable(c);
  }

  // RE2 takes "x{" as text when no repetition follows.
  bool ReadQuantifiers(Node& node) {
    if (AtEnd()) return true;
    const char c = Peek();
    if (c == '*' || c == '+' || c == '?') {
      node.quantifier = std::string(1, c);
      ++at_;
    } else if (c == '{') {
      if (!ReadRepeat(node)) return false;
    }
    if (node.quantifier.empty()) return true;
    // Which of several ways a text is taken does not matter when all of it must be taken.
    if (!AtEnd() && Peek() == '?') ++at_;
    return node.kind == Node::Kind::kOne || node.kind == Node::Kind::kGroup;
  }

  bool ReadRepeat(Node& node) {
    const std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return true;
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    const std::size_t comma = std::min(inside.find(','), inside.size());
    const std::string_view low = inside.substr(0, comma);
    const std::string_view high = comma < inside.size() ? inside.substr(comma + 1) : std::string_view();
    const auto number = [](std::string_view digits) {
      return digits.size() <= 4 && std::all_of(digits.begin(), digits.end(), IsDigit);
    };
    if (low.empty() || !number(low) || !number(high)) return true;
    if (std::stoi(std::string(low)) > kMaxRepeat) return false;
    if (!high.empty() && std::stoi(std::string(high)) > kMaxRepeat) return false;
    node.quantifier = std::string(text_.substr(at_, end - at_ + 1));
    at_ = end + 1;
    return true;
  }

  std::string_view text_;
  bool path_;
  std::size_t at_ = 0;
};

bool HasEnd(const Branches& branches) {
  return std::any_of(branches.begin(), branches.end(), [](const std::vector<Node>& branch) {
    return std::any_of(branch.begin(), branch.end(), [](const Node& node) {
      return node.kind == Node::Kind::kEnd || (node.kind == Node::Kind::kGroup && HasEnd(node.branches));
    });
  });
}

/// Writes branches. `$` is not written: where it ends a branch, the branch gets the tail of a closed one.
class Writer {
 public:
  Writer(std::string open_tail, std::string closed_tail)
      : open_tail_(std::move(open_tail)), closed_tail_(std::move(closed_tail)) {}

  std::optional<std::string> Run(const Branches& branches) {
    if (!HasEnd(branches)) return Grouped(branches, open_tail_);
    // The usual case, one `$` at the very end, reads better with the tail outside.
    if (branches.size() == 1 && branches[0].back().kind == Node::Kind::kEnd) {
      Branches without = branches;
      without[0].pop_back();
      if (!HasEnd(without)) return Grouped(without, closed_tail_);
    }
    std::string out;
    bool may_be_empty = false;
    if (!Write(branches, true, true, out, may_be_empty)) return std::nullopt;
    if (out.empty()) return out;
    return "(" + out + ")" + (may_be_empty ? "?" : "");
  }

 private:
  std::optional<std::string> Grouped(const Branches& branches, const std::string& tail) {
    std::string out;
    bool may_be_empty = false;
    if (!Write(branches, true, false, out, may_be_empty)) return std::nullopt;
    if (out.empty()) return tail;
    return "(" + out + ")" + (may_be_empty ? "?" : "") + tail;
  }

  // `first`: nothing is before these branches. `last`: nothing is behind them, so each gets its tail. Branches without
  // any text are left out; `may_be_empty` tells that there was one.
  bool Write(const Branches& branches, bool first, bool last, std::string& out, bool& may_be_empty) {
    for (const std::vector<Node>& branch : branches) {
      std::string text;
      if (!WriteBranch(branch, first, last, text)) return false;
      may_be_empty = may_be_empty || text.empty();
      if (!text.empty()) out += (out.empty() ? "" : "|") + text;
    }
    return true;
  }

  bool WriteBranch(const std::vector<Node>& branch, bool first, bool last, std::string& out) {
    bool closed = false;
    for (std::size_t i = 0; i < branch.size(); ++i) {
      const Node& node = branch[i];
      const bool at_start = first && out.empty();
      const bool at_end = last && i + 1 == branch.size();
      if (node.kind == Node::Kind::kStart) {
        if (!at_start) return false;
      } else if (node.kind == Node::Kind::kEnd) {
        if (!at_end) return false;
        closed = true;
      } else if (node.kind == Node::Kind::kGroup) {
        const bool with_tail = at_end && node.quantifier.empty() && HasEnd(node.branches);
        if (!WriteGroup(node, at_start && node.quantifier.empty(), with_tail, out)) return false;
        if (with_tail) return true;
      } else {
        out += node.text + node.quantifier;
      }
    }
    if (last) out += closed ? closed_tail_ : open_tail_;
    return true;
  }

  bool WriteGroup(const Node& node, bool first, bool last, std::string& out) {
    std::string inside;
    bool may_be_empty = false;
    if (!Write(node.branches, first, last, inside, may_be_empty)) return false;
    if (inside.empty()) return true;
    std::string group = "(" + inside + ")";
    if (may_be_empty) group = node.quantifier.empty() ? group + "?" : "(" + group + "?)";
    out += group + node.quantifier;
    return true;
  }

  std::string open_tail_;
  std::string closed_tail_;
};

}  // namespace

std::string Quote(std::string_view text) {
  std::string out;
  for (const char c : text) out += QuoteOne(c);
  return out;
}

std::optional<std::string> PosixPath(std::string_view regex, bool open) {
  const auto branches = Parser(regex, true).Run();
  if (!branches.has_value()) return std::nullopt;
  return Writer(open ? ".*" : kQuery, kQuery).Run(*branches);
}

std::optional<std::string> PosixText(std::string_view regex) {
  const auto branches = Parser(regex, false).Run();
  if (!branches.has_value()) return std::nullopt;
  return Writer("", "").Run(*branches);
}

}  // namespace meshplay::cilium
