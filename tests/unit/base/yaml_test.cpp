#include "libs/base/yaml.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace meshplay {
namespace {

using nlohmann::json;

json One(std::string_view text) {
  auto documents = ParseYaml(text);
  INFO(text);
  if (!documents) FAIL(documents.error().ToString());
  REQUIRE(documents->size() == 1);
  return documents->front().value;
}

std::string ReasonOf(std::string_view text, const YamlLimits& limits = {}) {
  const auto documents = ParseYaml(text, limits);
  return documents ? "" : documents.error().reason();
}

}  // namespace

TEST_CASE("plain scalars follow the core schema as kubectl reads it") {
  CHECK(One("[1, -2, +3, 0x1F, 0o17, 0644, 089, 1.5, -.5, 1e3, 5.]") ==
        json({1, -2, 3, 31, 15, 420, 89, 1.5, -0.5, 1000.0, 5.0}));
  CHECK(One("[true, False, null, ~, ]") == json({true, false, nullptr, nullptr}));
  CHECK(One("[yes, no, on, off, y, NO, 1.2.3, 1e, 0x, '1', \"true\", !!str 5, 12:30, -, 1_000]") ==
        json({"yes", "no", "on", "off", "y", "NO", "1.2.3", "1e", "0x", "1", "true", "5", "12:30", "-", "1_000"}));
  CHECK(One("a: |\n  1\n") == json({{"a", "1\n"}}));
  CHECK(One("[18446744073709551615, -9223372036854775808]").dump() == "[18446744073709551615,-9223372036854775808]");
  CHECK(One("{1: a, true: b}") == json({{"1", "a"}, {"true", "b"}}));
}

TEST_CASE("a stream gives its documents with the lines they start on and leaves out empty ones") {
  const auto documents = ParseYaml("# c\n---\na: 1\n---\n---\n# only a comment\n---\n- b\n...\n");
  REQUIRE(documents);
  REQUIRE(documents->size() == 2);
  CHECK(documents->at(0).line == 3);
  CHECK(documents->at(1).line == 8);
  CHECK(documents->at(1).value == json({"b"}));
  CHECK(ParseYaml("")->empty());
  CHECK(One(R"({"a":"\ud83d\ude00"})") == json::parse(R"({"a":"\ud83d\ude00"})"));
  CHECK(One("\xEF\xBB\xBF{\"a\": [1, {\"b\": null}]}") == json::parse(R"({"a":[1,{"b":null}]})"));
}

TEST_CASE("text that lenient readers take is refused") {
  for (const std::string_view text : {"{} {}",
                                      "\"a\" \"b\"",
                                      "a: b\n]",
                                      "{a: 1",
                                      "[1, 2",
                                      "a: b: c",
                                      "\"open",
                                      "a: *none",
                                      "a: &x [*x]",
                                      "a: !custom 1",
                                      "a: !!binary aGk=",
                                      "[.inf]",
                                      "[.nan]",
                                      "[1e999]",
                                      "[18446744073709551616]",
                                      "? [1]\n: 2",
                                      "~: 1",
                                      "a: &b [1]\nd:\n  <<: *b",
                                      "a: &b [{c: 1}, [2]]\nd:\n  <<: *b",
                                      "<<: text",
                                      "\xff",
                                      "a: !!int x"}) {
    INFO(text);
    CHECK(ReasonOf(text) == "YAML_INVALID");
  }
  CHECK(ReasonOf(std::string_view("a\0b", 3)) == "YAML_INVALID");
  CHECK(ReasonOf("a: 1\na: 2") == "YAML_DUPLICATE_KEY");
  CHECK(ReasonOf("x: [{a: 1, 'a': 2}]") == "YAML_DUPLICATE_KEY");
}

TEST_CASE("a merge key stands for the keys of its maps: the map's own are stronger, then the first map's") {
  const auto documents = ParseYaml(R"(
base: &base {a: 1, b: {x: 1}}
more: &more {a: 2, c: 2}
before: {<<: *base, b: own}
after: {b: own, <<: *base}
both: {<<: [*base, *more], d: 3}
written: {<<: {a: 4}}
nested: &nested {<<: *base, e: 5}
again: {<<: *nested}
quoted: {"<<": 1}
)");
  REQUIRE(documents.has_value());
  const nlohmann::json& value = documents->at(0).value;
  CHECK(value["before"] == nlohmann::json::parse(R"({"a": 1, "b": "own"})"));
  CHECK(value["after"] == value["before"]);
  CHECK(value["both"] == nlohmann::json::parse(R"({"a": 1, "b": {"x": 1}, "c": 2, "d": 3})"));
  CHECK(value["written"] == nlohmann::json::parse(R"({"a": 4})"));
  CHECK(value["again"] == nlohmann::json::parse(R"({"a": 1, "b": {"x": 1}, "e": 5})"));
  CHECK(value["quoted"] == nlohmann::json::parse(R"({"<<": 1})"));
  CHECK(ReasonOf("a: &a {x: 1}\nb: {<<: *a, <<: *a}") == "YAML_DUPLICATE_KEY");
}

TEST_CASE("merge keys that grow without end stop at the limits") {
  std::string bomb = "a0: &a0 {k0: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n";
  for (int i = 1; i < 40; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {<<: " + last + ", k" + std::to_string(i) + ": " +
            last + "}\n";
  }
  CHECK((ReasonOf(bomb) == "YAML_TOO_LARGE" || ReasonOf(bomb) == "YAML_TOO_DEEP"));
}

TEST_CASE("errors say the line and the column") {
  const auto documents = ParseYaml("a: 1\nb:\n  c: 1\n  c: 2\n");
  REQUIRE_FALSE(documents);
  CHECK(documents.error().message().find("line 4") != std::string::npos);
}

TEST_CASE("depth is bounded before it can cost stack") {
  CHECK_FALSE(ReasonOf(std::string(200'000, '[')).empty());
  CHECK_FALSE(ReasonOf(std::string(200'000, '{')).empty());
  CHECK(ReasonOf(std::string(200'000, '[') + std::string(200'000, ']')) == "YAML_TOO_DEEP");
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  CHECK(ReasonOf(dashes) == "YAML_TOO_DEEP");
  std::string keys;
  for (int i = 0; i < 100; ++i) keys += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(ReasonOf(keys) == "YAML_TOO_DEEP");
  CHECK(ReasonOf(std::string(64, '[') + std::string(64, ']')).empty());
  CHECK(ReasonOf(std::string(65, '[') + std::string(65, ']')) == "YAML_TOO_DEEP");
}

TEST_CASE("an alias bomb, a few aliases of a large text and nested aliases stop at the limits") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 0; k < 8; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  CHECK(ReasonOf(bomb) == "YAML_TOO_LARGE");
  std::string large = "a: &a " + std::string(500'000, 'x') + "\nb: [";
  for (int i = 0; i < 1000; ++i) large += "*a, ";
  CHECK(ReasonOf(large + "]") == "YAML_TOO_LARGE");
  std::string deep = "- &a0 [1]\n";
  for (int i = 1; i < 80; ++i) deep += "- &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  CHECK(ReasonOf(deep) == "YAML_TOO_DEEP");
  CHECK(One("a: &x [1]\nb: *x\n") == json({{"a", {1}}, {"b", {1}}}));
}

TEST_CASE("bytes, values and documents are bounded") {
  CHECK(ReasonOf(std::string(2'000'000, 'x')) == "YAML_TOO_LARGE");
  YamlLimits limits;
  limits.max_values = 3;
  CHECK(ReasonOf("[1, 2, 3]", limits) == "YAML_TOO_LARGE");
  CHECK(ReasonOf("[1, 2]", limits).empty());
  limits = {};
  limits.max_documents = 2;
  CHECK(ReasonOf("--- 1\n--- 2\n--- 3\n", limits) == "YAML_TOO_LARGE");
}

TEST_CASE("written YAML reads back as the same value and is the same each time") {
  const json value = json::parse(R"({
    "empty": {}, "none": [], "nested": [[1, [2]], {"a": {"b": [{"c": null, "d": true}]}}],
    "texts": ["", "yes", "null", "1", "0x1", "1e3", " a", "a ", "a: b", "#c", "- x", "line\nline", "tab\t", "~", "*a",
              "&a", "!t", "plain", "a/b.c-d_e", "\u0085\u2028\u2029\ufeff\u007f\u0001", "\ud83d\ude00", ".inf", "=", "<<"],
    "numbers": [0, -1, 1.5, 1e300, 1.0, 18446744073709551615], "yes": "no", "<<": 1, "a b": 1, "1": 2})");
  const std::string text = ToYaml(value);
  CHECK(One(text).dump() == value.dump());
  CHECK(text == ToYaml(value));
  CHECK(ToYaml(json{{"b", {1, {{"c", 2}, {"d", 3}}}}, {"a", "x"}}) == "a: x\nb:\n  - 1\n  - c: 2\n    d: 3\n");
  const json long_key = {{std::string(5000, 'k'), {{"a", {1, 2}}}}, {std::string(5001, 'k'), 1}};
  CHECK(One(ToYaml(long_key)) == long_key);
  CHECK(ToYaml(json("x")) == "x\n");
}

}  // namespace meshplay
