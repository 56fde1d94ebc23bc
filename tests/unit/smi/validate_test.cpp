#include "libs/smi/validate.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/report.h"
#include "tests/unit/smi/cases.h"

using meshplay::smi::FactsIndex;
using meshplay::smi::Validate;
using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;

namespace {

json Findings(const json& c) {
  const auto set = meshplay::smi::ParseDocuments(ListAt(c, "documents"), {"shop"});
  const auto facts = meshplay::facts::FactsFromObjects(ListAt(c, "objects"), {"shop"});
  const FactsIndex index(facts);
  meshplay::smi::ValidateOptions options;
  if (c.value("selfReference", "warn") == std::string("reject")) {
    options.self_reference = meshplay::smi::SelfReference::kReject;
  }
  json out = json::array();
  for (const auto& finding : Validate(set, c.contains("objects") ? &index : nullptr, options)) {
    // A finding of an object that is not in the set would not keep that object from being used.
    const auto heads = meshplay::smi::AllHeads(set);
    const bool known = std::any_of(heads.begin(), heads.end(), [&](const meshplay::smi::Head* head) {
      return head->document == finding.document && head->key == finding.object;
    });
    CHECK((known || std::count(set.unreadable.begin(), set.unreadable.end(), finding.object) == 1));
    const char letter = meshplay::smi::SeverityName(finding.diagnostic.severity).front();
    out.push_back(std::to_string(finding.document) + " " + letter + " " + finding.diagnostic.code + " " +
                  finding.diagnostic.pointer);
  }
  return out;
}

}  // namespace

TEST_CASE("validation finds every fault at once, each with its code and place", "[smi][validate]") {
  for (const json& c : LoadCases("validate.yaml")) {
    INFO(c["name"].get<std::string>());
    CHECK(Findings(c) == json(ListAt(c, "findings")));
  }
}

TEST_CASE("every code of the rules V1 to V25 is produced by a case", "[smi][validate]") {
  std::set<std::string> produced;
  for (const json& c : LoadCases("validate.yaml")) {
    for (const json& finding : Findings(c)) {
      const std::string text = finding.get<std::string>();
      const std::size_t start = text.find(' ', text.find(' ') + 1) + 1;
      produced.insert(text.substr(start, text.find(' ', start) - start));
    }
  }

  const std::set<std::string> rules = {"METADATA_INVALID",     "TARGET_INCOMPLETE",
                                       "SUBJECT_KIND_INVALID", "NAMESPACE_DEFAULTED",
                                       "RULE_KIND_INVALID",    "REFERENCE_UNRESOLVED",
                                       "MATCH_UNRESOLVED",     "DESTINATION_NAMESPACE_FOREIGN",
                                       "MATCHES_IGNORED",      "MATCH_NAME_INVALID",
                                       "METHOD_INVALID",       "REGEX_INVALID",
                                       "REGEX_TOO_LONG",       "HEADER_INVALID",
                                       "HEADER_PSEUDO",        "HEADER_HOST_MAPPED",
                                       "PORT_INVALID",         "SPLIT_INCOMPLETE",
                                       "BACKEND_DUPLICATE",    "WEIGHT_INVALID",
                                       "SPLIT_ZERO_SUM",       "SERVICE_MISSING",
                                       "BACKEND_PORT_MISSING", "SPLIT_SELF_REFERENCE",
                                       "SPLIT_NESTED",         "SPLIT_CYCLE",
                                       "SPLIT_CONFLICT",       "SERVICE_NAME_INVALID",
                                       "SPLIT_MATCH_NOT_HTTP", "IDENTITY_BINDING_INVALID"};
  for (const std::string& code : rules) {
    INFO(code);
    CHECK(produced.count(code) == 1);
  }
}

TEST_CASE("errors become one status with pointers that start at the document", "[smi][validate]") {
  const auto set = meshplay::smi::ParseDocuments(
      {{{"apiVersion", "v1"}, {"kind", "Namespace"}},
       {{"apiVersion", "split.smi-spec.io/v1alpha4"},
        {"kind", "TrafficSplit"},
        {"metadata", {{"name", "a"}, {"namespace", "shop"}}},
        {"spec", {{"service", "s"}, {"backends", {{{"service", "x"}, {"weight", 0.5}}}}}}}});

  const auto status = meshplay::smi::ToStatus(Validate(set));

  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().reason() == "SMI_INVALID");
  CHECK(status.error().violations() ==
        std::vector<meshplay::Violation>{
            {"/1/spec/backends/0/weight", "TrafficSplit/shop/a: WEIGHT_INVALID: must be a whole number"}});
}

TEST_CASE("warnings alone are no error", "[smi][validate]") {
  const auto set = meshplay::smi::ParseDocuments(
      {{{"apiVersion", "split.smi-spec.io/v1alpha4"},
        {"kind", "TrafficSplit"},
        {"metadata", {{"name", "a"}, {"namespace", "shop"}}},
        {"spec", {{"service", "s"}, {"backends", {{{"service", "s"}, {"weight", 1}}}}}}}});

  const auto findings = Validate(set);

  CHECK(findings.size() == 1);
  CHECK(meshplay::smi::ToStatus(findings).has_value());
}
