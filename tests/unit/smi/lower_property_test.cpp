#include <re2/re2.h>

#include <catch2/catch.hpp>
#include <random>

#include "libs/smi/lower.h"

namespace smi = meshplay::smi;

namespace {

constexpr int kExpressions = 4'000;
constexpr int kTextsEach = 40;

/// An expression and a text that it accepts or nearly does.
struct Sample {
  std::string regex;
  std::string text;
};

/// Random expressions of the small language and a little beyond it, and texts near what they accept.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Sample Expression(int depth, bool path) {
    Sample out;
    if (depth == 0 && path && Chance(9)) out = {"/", "/"};
    if (depth == 0 && Chance(3)) out.regex = "^" + out.regex;
    const int pieces = 1 + Below(4);
    for (int i = 0; i < pieces; ++i) {
      const Sample piece = Piece(depth, path);
      out.regex += piece.regex;
      out.text += piece.text;
    }
    if (depth == 0 && Chance(3)) out.regex += "$";
    return out;
  }

  /// The accepted text, one that is an edit or two away from it, or any other one.
  std::string Near(const Sample& sample, bool path) {
    if (Chance(1)) return path ? "/" + Some() + Some() : Some() + Some();
    std::string out = sample.text;
    if (Chance(7)) Edit(out);
    if (Chance(2)) Edit(out);
    return path && !out.starts_with("/") ? "/" + out : out;
  }

 private:
  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  bool Chance(int out_of_ten) { return Below(10) < out_of_ten; }

  std::string Some() {
    static const char* const kPieces[] = {"/",  "a", "b", "ab", ".",        "1",           "/a",
                                          "/b", "-", "A", "//", "\xc3\xa9", "\xe2\x82\xac"};
    return kPieces[Below(13)];
  }

  // One character more, less or another, at the ends as often as between; characters stay whole.
  void Edit(std::string& text) {
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) starts.push_back(i);
    }
    starts.push_back(text.size());
    const int last = static_cast<int>(starts.size()) - 1;
    const int place = Chance(4) ? last : Below(last + 1);
    const std::size_t at = starts[static_cast<std::size_t>(place)];
    const std::size_t length = place == last ? 0 : starts[static_cast<std::size_t>(place) + 1] - at;
    const int what = Below(3);
    text.replace(at, what == 0 ? 0 : length, what == 1 ? "" : Some());
  }

  Sample Piece(int depth, bool path) {
    switch (Below(depth < 3 ? 15 : 11)) {
      case 0:
      case 1:
        return {"a", "a"};
      case 2:
        return {"b", "b"};
      case 3:
        return path ? Sample{"/", "/"} : Sample{"ab", "ab"};
      case 4:
        return {"/a", "/a"};
      case 5:
        return {Chance(7) ? ".*" : ".*?", Chance(5) ? "" : Some()};
      case 6:
        return {Chance(5) ? "\\." : "[.]", "."};
      case 7:
        if (Chance(2)) return {Chance(7) ? "\\Q.(\\E" : "\\Qa.", Chance(5) ? ".(" : "a."};
        return Chance(5) ? Sample{"[^/]+", Chance(5) ? "a" : "\xc3\xa9"} : Sample{"/[^/]+/", "/" + Some() + "/"};
      case 8:
        return Chance(3) ? Sample{".", Some()} : Sample{"a?", Chance(5) ? "a" : ""};
      case 9:
        return Chance(3) ? Sample{"[ab]", "b"} : Chance(2) ? Sample{"$", ""} : Sample{"\\-", "-"};
      case 10:
        return Chance(3) ? Sample{"\xc3\xa9", "\xc3\xa9"} : Chance(5) ? Sample{".+", Some()} : Sample{"a*", "aa"};
      case 11:
      case 12: {
        const Sample inner = Expression(depth + 1, path);
        const bool optional = Chance(4);
        return {"(" + inner.regex + ")" + (optional ? "?" : ""), optional && Chance(5) ? "" : inner.text};
      }
      default: {
        const Sample left = Expression(depth + 1, path);
        const Sample right = Expression(depth + 1, path);
        return {"(?:" + left.regex + "|" + right.regex + ")", Chance(5) ? left.text : right.text};
      }
    }
  }

  std::mt19937 random_;
};

// Nothing is written around the expression: it might take part of that in.
bool AcceptsStart(const RE2& regex, const std::string& text) {
  return regex.Match(text, 0, text.size(), RE2::ANCHOR_START, nullptr, 0);
}

/// That the texts are neither all accepted nor all refused, and that plain forms were tried.
struct Tally {
  int plain = 0;     ///< Expressions that have a plain form.
  int accepted = 0;  ///< Of the texts on those.
  int refused = 0;

  void Count(bool is_plain, bool is_accepted) {
    if (!is_plain) return;
    ++(is_accepted ? accepted : refused);
  }
  void Check() const {
    CHECK(plain > kExpressions / 4);
    CHECK(accepted > plain * kTextsEach / 4);
    CHECK(refused > plain * kTextsEach / 10);
  }
};

}  // namespace

TEST_CASE("a lowered path accepts exactly what the expression accepts", "[smi][lower][property]") {
  Generator generate(20'240'601);
  Tally tally;
  for (int i = 0; i < kExpressions; ++i) {
    const Sample sample = generate.Expression(0, true);
    const std::string& regex = sample.regex;
    if (!smi::CheckRegex(regex).has_value()) continue;
    const smi::LoweredPath spec = smi::LowerPath(regex);
    const smi::LoweredPath full = smi::LowerPath(regex, {smi::PathAnchor::kFull, false});
    const RE2 oracle(regex);
    const bool plain = spec.alternatives.empty() || spec.alternatives[0].form != smi::PathForm::kRegex;
    tally.plain += plain ? 1 : 0;
    for (int k = 0; k < kTextsEach; ++k) {
      const std::string path = generate.Near(sample, true);
      INFO(regex << " on " << path);
      const bool accepted = AcceptsStart(oracle, path);
      tally.Count(plain, accepted);
      REQUIRE(smi::Matches(spec, path) == accepted);
      REQUIRE(smi::Matches(full, path) == (regex.empty() || RE2::FullMatch(path, oracle)));
    }
  }
  tally.Check();
}

TEST_CASE("a lowered header accepts exactly what the expression accepts", "[smi][lower][property]") {
  Generator generate(20'240'602);
  Tally tally;
  for (int i = 0; i < kExpressions; ++i) {
    const Sample sample = generate.Expression(0, false);
    const std::string& regex = sample.regex;
    if (!smi::CheckRegex(regex).has_value()) continue;
    const std::vector<smi::HeaderPattern> lowered = smi::LowerHeader(regex);
    const RE2 oracle(regex);
    const bool plain = lowered.empty() || lowered[0].form != smi::HeaderForm::kRegex;
    tally.plain += plain ? 1 : 0;
    for (int k = 0; k < kTextsEach; ++k) {
      const std::string value = generate.Near(sample, false);
      INFO(regex << " on " << value);
      const bool accepted = RE2::FullMatch(value, oracle);
      tally.Count(plain, accepted);
      REQUIRE(smi::Matches(lowered, value) == accepted);
    }
  }
  tally.Check();
}

TEST_CASE("every accepted path starts with the literal prefix", "[smi][lower][property]") {
  Generator generate(20'240'603);
  for (int i = 0; i < kExpressions; ++i) {
    const Sample sample = generate.Expression(0, true);
    const std::string& regex = sample.regex;
    if (!smi::CheckRegex(regex).has_value()) continue;
    const std::string prefix = smi::LiteralPrefix(regex);
    const RE2 oracle(regex);
    for (int k = 0; k < kTextsEach; ++k) {
      const std::string path = generate.Near(sample, true);
      INFO(regex << " on " << path);
      if (AcceptsStart(oracle, path)) REQUIRE(path.starts_with(prefix));
    }
  }
}
