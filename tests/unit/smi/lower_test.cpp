#include "libs/smi/lower.h"

#include <catch2/catch.hpp>

#include "tests/unit/smi/cases.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace smi = meshplay::smi;

namespace {

std::vector<json> Cases(const char* table) {
  return ListAt(LoadCases("lower.yaml").at(0), table);
}

std::string Show(const smi::PathPattern& pattern) {
  switch (pattern.form) {
    case smi::PathForm::kAny:
      return "Any";
    case smi::PathForm::kExact:
      return "Exact(" + pattern.text + ")";
    case smi::PathForm::kPrefix:
      return "Prefix(" + pattern.text + ")";
    case smi::PathForm::kSegmentPrefix:
      return "SegmentPrefix(" + pattern.text + ")";
    case smi::PathForm::kTemplate:
      return std::string(pattern.open ? "OpenTemplate(" : "Template(") + pattern.text + ")";
    case smi::PathForm::kRegex:
      return "Regex(" + pattern.text + ")";
  }
  return "";
}

std::string Show(const smi::HeaderPattern& pattern) {
  switch (pattern.form) {
    case smi::HeaderForm::kPresent:
      return "Present";
    case smi::HeaderForm::kExact:
      return "Exact(" + pattern.text + ")";
    case smi::HeaderForm::kPrefix:
      return "Prefix(" + pattern.text + ")";
    case smi::HeaderForm::kSuffix:
      return "Suffix(" + pattern.text + ")";
    case smi::HeaderForm::kContains:
      return "Contains(" + pattern.text + ")";
    case smi::HeaderForm::kRegex:
      return "Regex(" + pattern.text + ")";
  }
  return "";
}

template <class Patterns>
json ShowAll(const Patterns& patterns) {
  json out = json::array();
  for (const auto& pattern : patterns) out.push_back(Show(pattern));
  return out;
}

}  // namespace

TEST_CASE("path expressions get their plainest form", "[smi][lower]") {
  for (const json& c : Cases("paths")) {
    const std::string regex = c["regex"];
    INFO(regex);
    smi::PathOptions options;
    options.anchor = c.value("anchor", "spec") == std::string("full") ? smi::PathAnchor::kFull : smi::PathAnchor::kSpec;
    options.lenient_dots = c.value("lenientDots", false);
    REQUIRE(smi::CheckRegex(regex).has_value());
    const smi::LoweredPath lowered = smi::LowerPath(regex, options);
    CHECK(ShowAll(lowered.alternatives) == c["forms"]);
    if (c.contains("full")) CHECK(lowered.full_regex == c["full"].get<std::string>());
  }
}

TEST_CASE("paths are anchored at their start and open at their end", "[smi][lower]") {
  for (const json& c : Cases("requests")) {
    const std::string regex = c["regex"];
    const std::string path = c["path"];
    INFO(regex << " on " << path);
    CHECK(smi::Matches(smi::LowerPath(regex), path) == c["spec"].get<bool>());
    CHECK(smi::Matches(smi::LowerPath(regex, {smi::PathAnchor::kFull, false}), path) == c["full"].get<bool>());
  }
}

TEST_CASE("header expressions get their plainest form", "[smi][lower]") {
  for (const json& c : Cases("headers")) {
    const std::string regex = c["regex"];
    INFO(regex);
    REQUIRE(smi::CheckRegex(regex).has_value());
    CHECK(ShowAll(smi::LowerHeader(regex)) == c["forms"]);
  }
}

TEST_CASE("weights become shares by largest remainder", "[smi][lower]") {
  for (const json& c : Cases("weights")) {
    const auto weights = c["weights"].get<std::vector<std::int64_t>>();
    INFO(c["weights"].dump());
    const smi::Shares percent = smi::LargestRemainder(weights, 100);
    CHECK(json(percent.values) == c["percent"]);
    CHECK(percent.rounded_to_zero == c.value("rounded", false));
    if (c.contains("hundredths")) CHECK(json(smi::LargestRemainder(weights, 10'000).values) == c["hundredths"]);
  }
}

TEST_CASE("two hundred equal weights give a hundred ones and no negative share", "[smi][lower]") {
  const smi::Shares shares = smi::LargestRemainder(std::vector<std::int64_t>(200, 1), 100);

  CHECK(std::count(shares.values.begin(), shares.values.end(), 1) == 100);
  CHECK(std::count(shares.values.begin(), shares.values.end(), 0) == 100);
  CHECK(shares.rounded_to_zero);
  CHECK(smi::LargestRemainder(std::vector<std::int64_t>(200, 1), 10'000).values == std::vector<std::int64_t>(200, 50));
}

TEST_CASE("a star among the methods means all of them", "[smi][lower]") {
  CHECK(smi::LowerMethods({}) == std::nullopt);
  CHECK(smi::LowerMethods({"GET", "*"}) == std::nullopt);
  CHECK(smi::LowerMethods({"POST", "GET", "POST"}) == std::vector<std::string>{"POST", "GET"});
}

TEST_CASE("every path that a regex accepts starts with its literal prefix", "[smi][lower]") {
  CHECK(smi::LiteralPrefix("/u/[0-9]+") == "/u/");
  CHECK(smi::LiteralPrefix("^/v1\\.0/x?") == "/v1.0/");
  CHECK(smi::LiteralPrefix("/ab*") == "/a");
  CHECK(smi::LiteralPrefix("/a|/b[0-9]") == "");
  CHECK(smi::LiteralPrefix("(?i)/a") == "");
  CHECK(smi::LiteralPrefix("/a\\d") == "/a");
}

TEST_CASE("regular expressions are bounded and must be RE2", "[smi][lower]") {
  CHECK(smi::CheckRegex(std::string(1024, 'a')).has_value());
  CHECK(smi::CheckRegex(std::string(1025, 'a')).error().reason() == "REGEX_TOO_LONG");
  CHECK(smi::CheckRegex("(a").error().reason() == "REGEX_INVALID");
  CHECK(smi::CheckRegex("((a{100}){100}){100}").error().reason() == "REGEX_INVALID");
  CHECK(smi::CheckRegex("(?=a)").error().reason() == "REGEX_INVALID");
}

TEST_CASE("a deep nest of groups stays a regular expression", "[smi][lower]") {
  const std::string deep = "/" + std::string(300, '(') + "a" + std::string(300, ')');

  CHECK(smi::LowerPath(deep).alternatives.front().form == smi::PathForm::kRegex);
}
