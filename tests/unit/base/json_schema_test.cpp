#include "libs/base/json_schema.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

namespace meshplay {
namespace {

using nlohmann::json;

JsonSchema Compiled(const char* text) {
  auto schema = JsonSchema::Compile(json::parse(text));
  if (!schema) FAIL(schema.error().ToString());
  return std::move(*schema);
}

std::string CompileReason(const json& schema) {
  const auto compiled = JsonSchema::Compile(schema);
  return compiled ? "" : compiled.error().reason();
}

/// "pointer: detail" of the first fault, or "".
std::string FaultOf(const char* schema, const char* document) {
  const Status status = Compiled(schema).Validate(json::parse(document));
  if (status) return "";
  CHECK(status.error().reason() == "PARAMETERS_INVALID");
  return status.error().violations().at(0).pointer + ": " + status.error().violations().at(0).detail;
}

bool Fits(const char* schema, const char* document) {
  return FaultOf(schema, document).empty();
}

}  // namespace

TEST_CASE("types are checked, whole floats are integers") {
  CHECK(Fits(R"({"type":"integer"})", "1.0"));
  CHECK_FALSE(Fits(R"({"type":"integer"})", "1.5"));
  CHECK(Fits(R"({"type":["string","null"]})", "null"));
  CHECK(FaultOf(R"({"type":["string","null"]})", "1") == ": must be of type string or null");
  CHECK_FALSE(Fits(R"({"type":"number"})", "\"1\""));
  CHECK(Fits("{}", "[1]"));
}

TEST_CASE("objects: required, unknown and nested properties point at the place") {
  const char* const schema = R"({"type":"object","required":["a"],"additionalProperties":false,"minProperties":1,
    "properties":{"a":{"type":"object","additionalProperties":{"type":"integer"}},"b/c":{"type":"string"}}})";
  CHECK(Fits(schema, R"({"a":{"x":1}})"));
  CHECK(FaultOf(schema, R"({"b/c":"x"})") == "/a: is required");
  CHECK(FaultOf(schema, R"({"a":{},"z":1})") == "/z: is not known");
  CHECK(FaultOf(schema, R"({"a":{"x":"no"}})") == "/a/x: must be of type integer");
  CHECK(FaultOf(schema, R"({"a":{},"b/c":1})") == "/b~1c: must be of type string");
}

TEST_CASE("numbers are compared exactly up to 64 bits") {
  CHECK_FALSE(Fits(R"({"maximum":18446744073709551614})", "18446744073709551615"));
  CHECK_FALSE(Fits(R"({"minimum":0})", "-1"));
  CHECK(Fits(R"({"minimum":-5,"maximum":18446744073709551615})", "18446744073709551615"));
  CHECK_FALSE(Fits(R"({"exclusiveMinimum":1})", "1"));
  CHECK_FALSE(Fits(R"({"exclusiveMaximum":1})", "1.0"));
}

TEST_CASE("texts: length in code points, patterns and formats") {
  CHECK(Fits(R"({"maxLength":1})", "\"\\ud83d\\ude00\""));
  CHECK_FALSE(Fits(R"({"minLength":2})", "\"\\ud83d\\ude00\""));
  CHECK_FALSE(Fits(R"({"pattern":"^a+$"})", "\"b\""));
  const auto format = [](const std::string& name, const std::string& text) {
    auto schema = JsonSchema::Compile({{"format", name}});
    REQUIRE(schema);
    return schema->Validate(json(text)).has_value();
  };
  CHECK(format("duration", "1h30m"));
  CHECK_FALSE(format("duration", "soon"));
  CHECK(format("uri", "https://example.org/a?b=%20#c"));
  CHECK_FALSE(format("uri", "no scheme"));
  CHECK(format("date-time", "2024-02-29T23:59:60Z"));
  CHECK_FALSE(format("date-time", "2023-02-29T00:00:00Z"));
  CHECK_FALSE(format("date-time", "2023-01-01 00:00:00"));
  CHECK(format("dns-label", "a-1"));
  CHECK_FALSE(format("dns-label", "a.b"));
  CHECK(format("dns-subdomain", "a.b-c.d"));
  CHECK_FALSE(format("dns-subdomain", "a..b"));
  CHECK(format("semver", "1.2.3-rc.1+build"));
  CHECK_FALSE(format("semver", "1.2"));
}

TEST_CASE("arrays, enum, const, uniqueItems and oneOf") {
  CHECK_FALSE(Fits(R"({"items":{"type":"integer"}})", "[1,\"x\"]"));
  CHECK_FALSE(Fits(R"({"minItems":2})", "[1]"));
  CHECK_FALSE(Fits(R"({"maxItems":1})", "[1,2]"));
  CHECK_FALSE(Fits(R"({"uniqueItems":true})", "[{\"a\":1},2,{\"a\":1.0}]"));
  CHECK(Fits(R"({"uniqueItems":true})", "[1,\"1\",[1],true]"));
  CHECK_FALSE(Fits(R"({"enum":["a",1]})", "\"b\""));
  CHECK(Fits(R"({"const":{"a":1}})", R"({"a":1})"));
  const char* const one_of = R"({"oneOf":[{"type":"integer"},{"minimum":5}]})";
  CHECK(Fits(one_of, "1"));
  CHECK(Fits(one_of, "5.5"));
  CHECK_FALSE(Fits(one_of, "5"));
  CHECK_FALSE(Fits(one_of, "1.5"));
}

TEST_CASE("schemas that are wrong or use other keywords are refused") {
  for (const char* text :
       {"[]", "true", R"({"type":"text"})", R"({"type":[]})", R"({"required":["a","a"]})", R"({"minLength":-1})",
        R"({"minimum":"1"})", R"({"enum":[]})", R"({"pattern":"["})", R"({"pattern":"(?=a)x"})",
        R"({"format":"email"})", R"({"oneOf":[]})", R"({"oneOf":[{"items":{"oneOf":[{}]}}]})",
        R"({"type":"string","default":1})", R"({"properties":{"a":1}})"}) {
    INFO(text);
    CHECK(CompileReason(json::parse(text)) == "SCHEMA_INVALID");
  }
  CHECK(CompileReason(json::parse(R"({"$ref":"#"})")) == "SCHEMA_KEYWORD_UNSUPPORTED");
  CHECK(CompileReason(json::parse(R"({"properties":{"a":{"allOf":[]}}})")) == "SCHEMA_KEYWORD_UNSUPPORTED");
  CHECK(CompileReason(json::parse(R"({"x-order":1,"title":"t","description":"d","examples":[1],"$schema":"s"})")) ==
        "");
}

TEST_CASE("deep, large and slow schemas and documents are bounded") {
  json deep = json::object();
  for (int i = 0; i < 1000; ++i) deep = json::object({{"items", std::move(deep)}});
  CHECK(CompileReason(deep) == "SCHEMA_INVALID");
  json wide;
  for (int i = 0; i < 20'000; ++i) wide["properties"]["p" + std::to_string(i)] = json::object();
  CHECK(CompileReason(wide) == "SCHEMA_INVALID");
  json patterns;
  for (int i = 0; i < 1'000; ++i) patterns["properties"]["p" + std::to_string(i)] = {{"pattern", "a"}};
  CHECK(CompileReason(patterns) == "SCHEMA_INVALID");
  json nested = 1;
  for (int i = 0; i < 100; ++i) nested = json::array({std::move(nested)});
  CHECK_FALSE(Compiled("{}").Validate(nested));

  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(Compiled(R"({"pattern":"^(a+)+$"})").Validate(json(std::string(100'000, 'a') + "!")));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
  CHECK(CompileReason({{"pattern", "((a{100}){100}){100}"}}) == "SCHEMA_INVALID");
}

TEST_CASE("at most 100 faults are told and a huge key does not make a huge error") {
  json document = json::object();
  for (int i = 0; i < 1'000; ++i) document["p" + std::to_string(i)] = 1;
  const JsonSchema schema = Compiled(R"({"additionalProperties":false})");
  CHECK(schema.Validate(document).error().violations().size() == 100);
  const Status status = schema.Validate({{std::string(500'000, 'k'), 1}});
  REQUIRE_FALSE(status);
  CHECK(status.error().ToString().size() < 5'000);
}

TEST_CASE("defaults fill absent properties, also in nested objects and lists") {
  const JsonSchema schema = Compiled(R"({"properties":{
    "a":{"default":1},
    "n":{"type":"object","default":{},"properties":{"x":{"default":"y"}}},
    "l":{"items":{"properties":{"z":{"default":true}}}}}})");
  CHECK(schema.WithDefaults(json::parse(R"({"l":[{},{"z":false}]})")) ==
        json::parse(R"({"a":1,"n":{"x":"y"},"l":[{"z":true},{"z":false}]})"));
  CHECK(schema.WithDefaults({{"a", 2}, {"n", {{"x", "own"}}}}) == json::parse(R"({"a":2,"n":{"x":"own"}})"));
}

}  // namespace meshplay
