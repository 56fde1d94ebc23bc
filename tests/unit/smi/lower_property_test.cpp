#include <re2/re2.h>

#include <catch2/catch.hpp>
#include <random>

#include "libs/smi/lower.h"

namespace smi = meshplay::smi;

namespace {

constexpr int kExpressions = 4'000;
constexpr int kTextsEach = 40;

/// Random expressions of the small language and a little beyond it, and texts near what they accept.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string Expression(int depth, bool path) {
    std::string out = depth == 0 && path && Chance(9) ? "/" : "";
    if (depth == 0 && Chance(3)) out = "^" + out;
    const int pieces = 1 + Below(4);
    for (int i = 0; i < pieces; ++i) out += Piece(depth, path);
    if (depth == 0 && Chance(3)) out += "$";
    return out;
  }

  std::string Text(bool path) {
    static const char* const kPieces[] = {"/", "a", "b", "ab", ".", "1", "/a", "/b", "-", "x", "//", ""};
    std::string out = path ? "/" : "";
    const int pieces = Below(6);
    for (int i = 0; i < pieces; ++i) out += kPieces[Below(12)];
    return out;
  }

 private:
  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  bool Chance(int out_of_ten) { return Below(10) < out_of_ten; }

  std::string Piece(int depth, bool path) {
    switch (Below(depth < 3 ? 14 : 10)) {
      case 0:
      case 1:
        return "a";
      case 2:
        return "b";
      case 3:
        return path ? "/" : "ab";
      case 4:
        return "/a";
      case 5:
        return ".*";
      case 6:
        return Chance(5) ? "\\." : "[.]";
      case 7:
        return Chance(5) ? "[^/]+" : "/[^/]+/";
      case 8:
        return Chance(3) ? "." : "a?";
      case 9:
        return Chance(3) ? "[ab]" : Chance(2) ? "$" : "\\-";
      case 10:
      case 11:
        return "(" + Expression(depth + 1, path) + ")" + (Chance(4) ? "?" : "");
      default:
        return "(?:" + Expression(depth + 1, path) + "|" + Expression(depth + 1, path) + ")";
    }
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("a lowered path accepts exactly what the expression accepts", "[smi][lower][property]") {
  Generator generate(20'240'601);
  int lowered_count = 0;
  for (int i = 0; i < kExpressions; ++i) {
    const std::string regex = generate.Expression(0, true);
    if (!smi::CheckRegex(regex).has_value()) continue;
    const smi::LoweredPath spec = smi::LowerPath(regex);
    const smi::LoweredPath full = smi::LowerPath(regex, {smi::PathAnchor::kFull, false});
    const RE2 prefix_oracle("^(?:" + regex + ")");
    const RE2 full_oracle(regex);
    if (spec.alternatives.empty() || spec.alternatives[0].form != smi::PathForm::kRegex) ++lowered_count;
    for (int k = 0; k < kTextsEach; ++k) {
      const std::string path = generate.Text(true);
      INFO(regex << " on " << path);
      REQUIRE(smi::Matches(spec, path) == RE2::PartialMatch(path, prefix_oracle));
      REQUIRE(smi::Matches(full, path) == (regex.empty() || RE2::FullMatch(path, full_oracle)));
    }
  }
  CHECK(lowered_count > kExpressions / 4);  // Else the test says nothing about the plain forms.
}

TEST_CASE("a lowered header accepts exactly what the expression accepts", "[smi][lower][property]") {
  Generator generate(20'240'602);
  int lowered_count = 0;
  for (int i = 0; i < kExpressions; ++i) {
    const std::string regex = generate.Expression(0, false);
    if (!smi::CheckRegex(regex).has_value()) continue;
    const std::vector<smi::HeaderPattern> lowered = smi::LowerHeader(regex);
    const RE2 oracle(regex);
    if (lowered.empty() || lowered[0].form != smi::HeaderForm::kRegex) ++lowered_count;
    for (int k = 0; k < kTextsEach; ++k) {
      const std::string value = generate.Text(false);
      INFO(regex << " on " << value);
      REQUIRE(smi::Matches(lowered, value) == RE2::FullMatch(value, oracle));
    }
  }
  CHECK(lowered_count > kExpressions / 4);
}

TEST_CASE("every accepted path starts with the literal prefix", "[smi][lower][property]") {
  Generator generate(20'240'603);
  for (int i = 0; i < kExpressions; ++i) {
    const std::string regex = generate.Expression(0, true);
    if (!smi::CheckRegex(regex).has_value()) continue;
    const std::string prefix = smi::LiteralPrefix(regex);
    const RE2 oracle("^(?:" + regex + ")");
    for (int k = 0; k < kTextsEach; ++k) {
      const std::string path = generate.Text(true);
      INFO(regex << " on " << path);
      if (RE2::PartialMatch(path, oracle)) REQUIRE(path.starts_with(prefix));
    }
  }
}
