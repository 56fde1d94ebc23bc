#include "server/services/internal/filter.h"

#include <catch2/catch.hpp>

using meshplay::services::Filter;

namespace {

bool Matches(const std::string& text, const std::string& a, const std::string& b) {
  const auto filter = Filter::Parse(text, {"a", "b"});
  REQUIRE(filter.has_value());
  return filter->Matches([&](std::string_view field) { return field == "a" ? a : b; });
}

}  // namespace

TEST_CASE("terms joined by AND must all hold, by OR any", "[services][filter]") {
  CHECK(Matches("", "1", "2"));
  CHECK(Matches("a = 1 AND b = \"2\"", "1", "2"));
  CHECK_FALSE(Matches("a=1 AND b=3", "1", "2"));
  CHECK(Matches("a=9 OR b=2", "1", "2"));
  CHECK_FALSE(Matches("a=9 OR b=9", "1", "2"));
  CHECK(Matches("a != 9", "1", "2"));
  CHECK(Matches(R"(a = "with \"quotes\" AND \\")", R"(with "quotes" AND \)", ""));
  CHECK(Matches("a = \"\"", "", ""));
}

TEST_CASE("only a plain equality under AND fixes a field", "[services][filter]") {
  CHECK(Filter::Parse("a = 1 AND b != 2", {"a", "b"})->Fixed("a") == "1");
  CHECK(Filter::Parse("a = 1 AND b != 2", {"a", "b"})->Fixed("b").empty());
  CHECK(Filter::Parse("a = 1 OR b = 2", {"a", "b"})->Fixed("a").empty());
}

TEST_CASE("texts that are no filter are refused", "[services][filter]") {
  std::string long_one = "a = 1";
  for (int i = 0; i < 20; ++i) long_one += " AND a = 1";
  for (const std::string& text :
       {std::string("c = 1"), std::string("a"), std::string("a ="), std::string("= 1"), std::string("a = 1 AND"),
        std::string("a = 1 and b = 2"), std::string("a = 'x'"), std::string("a = \"x"), std::string("a = \"x\\"),
        std::string("NOT a = 1"), std::string("a = 1 AND b = 2 OR a = 3"), std::string("a = 1 b = 2"),
        std::string("a <= 1"), std::string("\0", 1), long_one}) {
    INFO(text);
    const auto filter = Filter::Parse(text, {"a", "b"});
    REQUIRE_FALSE(filter.has_value());
    CHECK(filter.error().reason() == "FILTER_INVALID");
  }
}
