#include "libs/smi/convert.h"

#include <catch2/catch.hpp>

#include "tests/unit/smi/cases.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace smi = meshplay::smi;

namespace {

smi::TargetVersions Versions(const json& c) {
  smi::TargetVersions versions;
  const json to = c.value("to", json::object());
  versions.access = to.value("access", versions.access);
  versions.specs = to.value("specs", versions.specs);
  versions.split = to.value("split", versions.split);
  if (to.value("headers", "list") == std::string("map")) versions.headers = smi::HeaderShape::kMap;
  return versions;
}

}  // namespace

TEST_CASE("objects are converted without loss or refused", "[smi][convert]") {
  for (const json& c : LoadCases("convert.yaml")) {
    INFO(c["name"].get<std::string>());
    const auto set = smi::ParseDocuments(ListAt(c, "documents"), {"shop"});

    const auto conversion = smi::Convert(set, Versions(c));

    REQUIRE(conversion.has_value());
    CHECK(json(conversion->documents) == json(ListAt(c, "converted")));
    json refused = json::array();
    for (const auto& finding : conversion->findings) {
      refused.push_back(finding.object.kind + " " + finding.object.name + " " + finding.diagnostic.code + " " +
                        finding.diagnostic.pointer);
    }
    CHECK(refused == json(ListAt(c, "refused")));
  }
}

TEST_CASE("what was converted reads back without a fault and converts to itself", "[smi][convert]") {
  for (const json& c : LoadCases("convert.yaml")) {
    INFO(c["name"].get<std::string>());
    const auto documents = ListAt(c, "converted");
    const auto set = smi::ParseDocuments(documents);
    CHECK(set.findings.empty());

    const auto again = smi::Convert(set, Versions(c));

    REQUIRE(again.has_value());
    CHECK(again->findings.empty());
    CHECK(again->documents == documents);
  }
}

TEST_CASE("versions that do not exist are refused", "[smi][convert]") {
  CHECK(smi::Convert({}, {0, 4, 4, {}}).error().reason() == "VERSION_INVALID");
  CHECK(smi::Convert({}, {3, 5, 4, {}}).error().reason() == "VERSION_INVALID");
}
