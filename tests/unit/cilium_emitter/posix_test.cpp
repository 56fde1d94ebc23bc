#include <catch2/catch.hpp>
#include <cctype>
#include <random>
#include <string>

#include "adapters/cilium/emitter/internal/posix.h"
#include "libs/smi/lower.h"

namespace cilium = meshplay::cilium;
namespace smi = meshplay::smi;

namespace {

constexpr int kExpressions = 3'000;
constexpr int kTextsEach = 30;

const char* const kAtoms[] = {"a",    "b",      "/",     "x",      ".",      "\\.",    "[ab]",  "[^/]",
                              "[^a]", "\\d",    "\\w",   "\\W",    "[a-c-]", "[]a]",   "[^]a]", "[[:digit:]]",
                              "\\?",  "[?x]",   "[+-a]", "{",      "\\{1",   "[\\^a]", "[a^]",  "[\\-^]",
                              "\\S",  "[^\\d]", "{,2}",  "\\.\\.", "(|b)"};
const char* const kQuantifiers[] = {"", "", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,}"};
const char kLetters[] = "ab/x.1?-^]{";

class Generator {
 public:
  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }

  std::string Expression(int depth) {
    std::string out;
    const int branches = Below(4) == 0 ? 2 : 1;
    for (int b = 0; b < branches; ++b) {
      if (b > 0) out += "|";
      if (Below(12) == 0) out += "^";
      const int count = Below(5);
      for (int i = 0; i < count; ++i) {
        if (depth > 0 && Below(5) == 0) {
          out += (Below(2) == 0 ? "(" : "(?:") + Expression(depth - 1) + ")";
        } else {
          out += kAtoms[Below(static_cast<int>(std::size(kAtoms)))];
        }
        out += kQuantifiers[Below(static_cast<int>(std::size(kQuantifiers)))];
      }
      if (Below(5) == 0) out += "$";
    }
    return out;
  }

  std::string Text(std::string start, std::size_t length) {
    while (start.size() < length) start += kLetters[Below(static_cast<int>(sizeof kLetters) - 1)];
    return start;
  }

 private:
  std::mt19937 random_{20'240'731};
};

bool IsPosix(const std::string& regex) {
  std::string bare;  // Without escaped characters.
  for (std::size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] == '\\' && ++i < regex.size()) {
      if (std::isalnum(static_cast<unsigned char>(regex[i])) != 0) return false;
      bare += '_';
    } else {
      bare += regex[i];
    }
  }
  for (const char* foreign : {"(?", "*?", "+?", "??", "}?", "[[:", "()", "(|", "||", "|)"}) {
    if (bare.find(foreign) != std::string::npos) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a rewritten path expression takes the same paths, whatever query follows them", "[cilium][posix]") {
  Generator generator;
  int written = 0;
  int accepted = 0;
  for (int i = 0; i < kExpressions; ++i) {
    const std::string regex = "/" + generator.Expression(2);
    if (!smi::CheckRegex(regex).has_value()) continue;
    const bool open = generator.Below(2) == 0;
    const auto posix = cilium::PosixPath(regex, open);
    if (!posix.has_value()) continue;
    ++written;
    INFO(regex << " became " << *posix);
    CHECK(smi::CheckRegex(*posix).has_value());
    CHECK(IsPosix(*posix));
    for (int k = 0; k < kTextsEach; ++k) {
      std::string path = generator.Text("/", 1 + static_cast<std::size_t>(generator.Below(6)));
      path = path.substr(0, path.find('?'));
      const std::string query = generator.Below(2) == 0 ? "" : generator.Text("?", 1 + static_cast<std::size_t>(k % 5));
      // What follows an open expression is anything; "(?s:.)" because "." leaves the end of a line out.
      const bool wanted = smi::RegexMatchesFully("^(?:" + regex + ")" + (open ? "(?s:.)*" : ""), path);
      accepted += wanted ? 1 : 0;
      INFO(path << query);
      CHECK(smi::RegexMatchesFully(*posix, path + query) == wanted);
    }
  }
  // Else the comparison says little.
  CHECK(written > kExpressions / 3);
  CHECK(accepted > written);
}

TEST_CASE("a rewritten expression for a whole text takes the same texts", "[cilium][posix]") {
  Generator generator;
  int written = 0;
  for (int i = 0; i < kExpressions; ++i) {
    const std::string regex = generator.Expression(2);
    if (!smi::CheckRegex(regex).has_value()) continue;
    const auto posix = cilium::PosixText(regex);
    if (!posix.has_value()) continue;
    ++written;
    INFO(regex << " became " << *posix);
    CHECK(IsPosix(*posix));
    for (int k = 0; k < kTextsEach; ++k) {
      const std::string text = generator.Text("", static_cast<std::size_t>(k % 5));
      INFO(text);
      CHECK(smi::RegexMatchesFully(*posix, text) == smi::RegexMatchesFully("(?:" + regex + ")", text));
    }
  }
  CHECK(written > kExpressions / 3);
}

TEST_CASE("what POSIX cannot say is told", "[cilium][posix]") {
  for (const char* regex :
       {"(?i)/a", "/a\\b", "/\\pL", "/a(?:$|b)c", "/x\\\\y[\\\\a]", "/\xc3\xa9", "/a{256}", "/\\Qa\\E"}) {
    INFO(regex);
    REQUIRE(smi::CheckRegex(regex).has_value());
    CHECK_FALSE(cilium::PosixPath(regex, true).has_value());
  }
  const std::string deep = std::string(100, '(') + "a" + std::string(100, ')');
  CHECK_FALSE(cilium::PosixPath(deep, true).has_value());
}
