#include "adapters/gamma/rust_regex.h"

#include <catch2/catch.hpp>

using meshplay::gamma::EscapeLiteral;
using meshplay::gamma::RustRegex;

TEST_CASE("expressions of RE2 become those of Rust with the same meaning", "[gamma][regex]") {
  struct Case {
    const char* re2;
    const char* rust;
  };
  const Case cases[] = {
      {"", ""},
      {"/api(/.*)?$", "/api(/.*)?$"},
      {"\\d+\\D", "[0-9]+[^0-9]"},
      {"\\w\\W\\s", "[0-9A-Za-z_][^0-9A-Za-z_][\\t\\n\\f\\r ]"},
      {"\\bx", "(?-u:\\b)x"},
      {"\\<a\\>\\/\\-", "<a>/-"},
      {"/{id}", "/\\{id\\}"},
      {"a{2}b{1,}c{,2}", "a{2}b{1,}c\\{,2\\}"},
      {"a]", "a\\]"},
      {"[[a]", "[\\[a]"},
      {"[]a^&&~-]", "[\\]a\\^\\&\\&\\~\\-]"},
      {"[a--]", "[a-\\-]"},
      {"[^\\d.-]", "[^0-9.\\-]"},
      {"[\\D]", "[[^0-9]]"},
      {"[[:alpha:]x]", "[[:alpha:]x]"},
      {"(?P<n>a)(?:b)(?i)[a-z]", "(a)(?:b)(?i)[a-z]"},
      {"(?)a", "a"},
      {"\\x41\\x{e9}\\n", "\\x41\\x{e9}\\n"},
  };
  for (const Case& c : cases) {
    INFO(c.re2);
    CHECK(RustRegex(c.re2) == std::optional<std::string>(c.rust));
  }
}

TEST_CASE("expressions without an equal in Rust are refused", "[gamma][regex]") {
  for (const char* regex : {"\\pL", "\\p{Greek}", "\\PL", "[\\pL]", "\\C", "\\Qa.b\\E", "\\07", "\\Bx", "(?i)\\w",
                            "(?i)[\\w.]", "(?i)[[:alpha:]]", "a(?i)*", "a(?s){2}"}) {
    INFO(regex);
    CHECK_FALSE(RustRegex(regex).has_value());
  }
}

TEST_CASE("any text can be escaped", "[gamma][regex]") {
  CHECK(EscapeLiteral("/v1.0/a+b(c)[d]{e}^$|*?\\") == "/v1\\.0/a\\+b\\(c\\)\\[d\\]\\{e\\}\\^\\$\\|\\*\\?\\\\");
}
