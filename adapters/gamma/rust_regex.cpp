#include "adapters/gamma/rust_regex.h"

#include <cctype>

namespace meshplay::gamma {
namespace {

constexpr std::string_view kMeta = "\\.+*?()|[]{}^$";
constexpr std::string_view kClassMeta = "\\[]^-&~";

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::string Escaped(char c, std::string_view meta) {
  return meta.find(c) == std::string_view::npos ? std::string(1, c) : std::string("\\") + c;
}

/// What a Perl class holds, for use inside brackets; empty for anything else.
std::string_view PerlClass(char c) {
  switch (c) {
    case 'd':
    case 'D':
      return "0-9";
    case 'w':
    case 'W':
      return "0-9A-Za-z_";
    case 's':
    case 'S':
      return "\\t\\n\\f\\r ";
    default:
      return "";
  }
}

bool HasLetters(std::string_view perl) {
  return perl.find('A') != std::string_view::npos;
}

class Rewriter {
 public:
  explicit Rewriter(std::string_view regex) : in_(regex) {}

  std::optional<std::string> Run() {
    while (at_ < in_.size() && !failed_) {
      const char c = in_[at_];
      if (c == '\\') {
        Escape();
      } else if (c == '[') {
        Class();
      } else if (c == '(') {
        Group();
      } else if (c == '{') {
        Repetition();
      } else {
        // A closing bracket without an opening one is a plain character.
        out_ += c == '}' || c == ']' ? Escaped(c, kMeta) : std::string(1, c);
        ++at_;
      }
    }
    if (failed_) return std::nullopt;
    return std::move(out_);
  }

 private:
  char Next(std::size_t ahead) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }

  // \xHH, \x{H...} and the letters that mean one character in both languages.
  bool CharacterEscape(std::string& to) {
    const char c = Next(1);
    if (c == 'x') {
      const std::size_t length = Next(2) == '{' ? in_.find('}', at_) - at_ + 1 : 4;
      if (length > in_.size() - at_) return false;
      to += in_.substr(at_, length);
      at_ += length;
      return true;
    }
    if (std::string_view("aftnrv").find(c) == std::string_view::npos || c == '\0') return false;
    to += in_.substr(at_, 2);
    at_ += 2;
    return true;
  }

  void Escape() {
    const char c = Next(1);
    const std::string_view perl = PerlClass(c);
    if (!perl.empty()) {
      failed_ = folds_case_ && HasLetters(perl);
      out_ += std::string(c < 'a' ? "[^" : "[") + std::string(perl) + "]";
      at_ += 2;
    } else if (c == 'b') {
      out_ += "(?-u:\\b)";
      at_ += 2;
    } else if (c == 'A' || c == 'z') {
      out_ += in_.substr(at_, 2);
      at_ += 2;
    } else if (!CharacterEscape(out_)) {
      Literal(out_, kMeta);
    }
  }

  // A backslash before punctuation.
  void Literal(std::string& to, std::string_view meta) {
    const char c = Next(1);
    failed_ = c <= ' ' || c > '~' || std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (failed_) return;
    to += Escaped(c, meta);
    at_ += 2;
  }

  void Group() {
    if (Next(1) != '?') {
      out_ += in_[at_++];
      return;
    }
    if (Next(2) == 'P' || Next(2) == '<') {
      const std::size_t end = in_.find('>', at_);
      failed_ = end == std::string_view::npos;
      if (failed_) return;
      out_ += '(';  // The name means nothing here.
      at_ = end + 1;
      return;
    }
    const std::size_t end = in_.find_first_of(":)", at_);
    failed_ = end == std::string_view::npos;
    if (failed_) return;
    const std::string_view flags = in_.substr(at_, end - at_ + 1);
    // Taken for the whole rest: it only makes the result more careful.
    folds_case_ = folds_case_ || flags.find('i') != std::string_view::npos;
    if (flags != "(?)") out_ += flags;
    at_ = end + 1;
    // RE2 takes it for a repetition of what stands before the flags.
    failed_ = flags.ends_with(')') && std::string_view("*+?{").find(Next(0)) != std::string_view::npos && Next(0) != 0;
  }

  // "{2}", "{2,}" and "{2,5}" repeat; any other brace is itself.
  void Repetition() {
    std::size_t end = at_ + 1;
    while (end < in_.size() && IsDigit(in_[end])) ++end;
    const bool counted = end > at_ + 1;
    if (counted && end < in_.size() && in_[end] == ',') {
      ++end;
      while (end < in_.size() && IsDigit(in_[end])) ++end;
    }
    if (!counted || end >= in_.size() || in_[end] != '}') {
      out_ += "\\{";
      ++at_;
      return;
    }
    out_ += in_.substr(at_, end - at_ + 1);
    at_ = end + 1;
  }

  void Class() {
    out_ += in_[at_++];
    if (Next(0) == '^') out_ += in_[at_++];
    bool first = true;
    while (!failed_ && at_ < in_.size() && (first || in_[at_] != ']')) {
      first = false;
      ClassItem();
      if (failed_ || Next(0) != '-' || Next(1) == ']' || Next(1) == '\0') continue;
      out_ += in_[at_++];  // A range.
      ClassItem();
    }
    failed_ = failed_ || at_ >= in_.size();
    if (failed_) return;
    out_ += in_[at_++];
  }

  void ClassItem() {
    const char c = Next(0);
    if (c == '[' && Next(1) == ':') {
      const std::size_t end = in_.find(":]", at_);
      failed_ = end == std::string_view::npos || folds_case_;
      if (failed_) return;
      out_ += in_.substr(at_, end + 2 - at_);
      at_ = end + 2;
    } else if (c != '\\') {
      out_ += Escaped(c, kClassMeta);
      ++at_;
    } else if (const std::string_view perl = PerlClass(Next(1)); !perl.empty()) {
      failed_ = folds_case_ && HasLetters(perl);
      const bool negated = Next(1) < 'a';
      out_ += (negated ? "[^" : "") + std::string(perl) + (negated ? "]" : "");
      at_ += 2;
    } else if (!CharacterEscape(out_)) {
      Literal(out_, kClassMeta);
    }
  }

  std::string_view in_;
  std::string out_;
  std::size_t at_ = 0;
  bool folds_case_ = false;
  bool failed_ = false;
};

}  // namespace

std::optional<std::string> RustRegex(std::string_view regex) {
  return Rewriter(regex).Run();
}

std::string EscapeLiteral(std::string_view text) {
  std::string out;
  for (const char c : text) out += Escaped(c, kMeta);
  return out;
}

}  // namespace meshplay::gamma
