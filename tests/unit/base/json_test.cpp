#include "libs/base/json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace meshplay {
namespace {

std::string ReasonOf(std::string_view text, const JsonLimits& limits = {}) {
  const Status status = CheckJson(text, limits);
  return status ? "" : status.error().reason();
}

std::string PointerOf(std::string_view text, const JsonLimits& limits = {}) {
  const Status status = CheckJson(text, limits);
  return status ? "none" : status.error().violations().at(0).pointer;
}

}  // namespace

TEST_CASE("valid documents of every kind pass") {
  for (const std::string_view text : {"null", "true", "0", "-1.5e3", "\"x\"", "[]", "{}", " {\"a\":[1,{\"b\":null}]} ",
                                      "18446744073709551615", "-9223372036854775808", "\"\\u0000\"", "1e308"}) {
    INFO(text);
    CHECK(ReasonOf(text).empty());
  }
}

TEST_CASE("texts that lenient readers take are refused") {
  for (const std::string_view text : {"",
                                      " ",
                                      "{} {}",
                                      "[1,]",
                                      "{'a':1}",
                                      "{a:1}",
                                      "01",
                                      "NaN",
                                      "Infinity",
                                      "// x\n1",
                                      "\"\xff\"",
                                      "\"\\ud800\"",
                                      "\xEF\xBB\xBF{}",
                                      "\"a\nb\"",
                                      "1e400",
                                      "18446744073709551616",
                                      "-9223372036854775809",
                                      "{\"a\":}",
                                      "[",
                                      "tru"}) {
    INFO(text);
    CHECK(ReasonOf(text) == "JSON_INVALID");
  }
  CHECK(ReasonOf(std::string_view("{}\0junk", 7)) == "JSON_INVALID");
  CHECK(ReasonOf(std::string_view("\0", 1)) == "JSON_INVALID");
}

TEST_CASE("duplicate keys are refused at any depth with the place") {
  CHECK(ReasonOf(R"({"a":1,"a":2})") == "JSON_DUPLICATE_KEY");
  CHECK(PointerOf(R"({"x":[0,{"a/b":1,"a/b":2}]})") == "/x/1/a~1b");
  CHECK(ReasonOf(R"({"a":1,"\u0061":2})") == "JSON_DUPLICATE_KEY");
  CHECK(ReasonOf(R"([{"a":1},{"a":1}])").empty());
}

TEST_CASE("depth is bounded and 200,000 open brackets do not overflow the stack") {
  CHECK(ReasonOf(std::string(200'000, '[')) == "JSON_TOO_DEEP");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(ReasonOf(objects) == "JSON_TOO_DEEP");
  CHECK(ReasonOf(std::string(64, '[') + std::string(64, ']')).empty());
  CHECK(ReasonOf(std::string(65, '[') + std::string(65, ']')) == "JSON_TOO_DEEP");
}

TEST_CASE("size and number of values are bounded") {
  JsonLimits limits;
  limits.max_bytes = 10;
  CHECK(ReasonOf("[1,2,3,4,5]", limits) == "JSON_TOO_LARGE");
  CHECK(ReasonOf("\"12345678\"", limits).empty());
  limits = {};
  limits.max_values = 3;
  CHECK(ReasonOf("[1,2]", limits).empty());
  CHECK(PointerOf("[1,2,3]", limits) == "/2");
  CHECK(ReasonOf("\"" + std::string(2'000'000, 'x') + "\"") == "JSON_TOO_LARGE");
}

TEST_CASE("an error about a very long key stays short") {
  const std::string key(100'000, 'k');
  CHECK(PointerOf("{\"" + key + "\":1,\"" + key + "\":2}").size() < 2'000);
}

TEST_CASE("parsing keeps integers exact") {
  const auto document = ParseJson(R"({"a":9007199254740993,"b":18446744073709551615})");
  REQUIRE(document);
  CHECK(DumpJson(*document) == R"({"a":9007199254740993,"b":18446744073709551615})");
  CHECK_FALSE(ParseJson("[1,"));
}

TEST_CASE("the canonical text does not depend on the order or the spacing of the input") {
  CHECK(CanonicalJson(*ParseJson(R"({"b":1, "a":[ 2 ]})")) == CanonicalJson(*ParseJson(R"({"a":[2],"b":1})")));
  CHECK(CanonicalJson(*ParseJson(R"({"b":1,"a":2,"Z":3})")) == R"({"Z":3,"a":2,"b":1})");
}

TEST_CASE("pointers are escaped and merge patches follow RFC 7396") {
  CHECK(EscapePointerToken("a/b~c") == "a~1b~0c");
  nlohmann::json target = {{"a", {{"b", 1}, {"c", 2}}}, {"d", 3}};
  MergePatch(target, {{"a", {{"b", nullptr}}}, {"d", {1}}});
  CHECK(DumpJson(target) == R"({"a":{"c":2},"d":[1]})");
}

}  // namespace meshplay
