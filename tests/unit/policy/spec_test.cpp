#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "server/policy/spec.h"

using namespace meshplay;
using namespace meshplay::policy;

namespace {

constexpr const char* kSplit = R"({"apiVersion":"split.smi-spec.io/v1alpha4","kind":"TrafficSplit",
"metadata":{"name":"web","namespace":"shop"},"spec":{"service":"web","backends":[{"service":"v1","weight":1}]}})";

Spec Valid() {
  Spec spec;
  spec.documents = kSplit;
  spec.target.all = true;
  return spec;
}

std::string Refused(const Spec& spec) {
  const Status checked = CheckSpec(spec);
  if (checked) return "OK";
  const auto& violations = checked.error().violations();
  return checked.error().reason() + (violations.empty() ? "" : " " + violations.front().pointer);
}

}  // namespace

TEST_CASE("a spec comes back from its columns as it was, and equal specs have equal digests", "[policy]") {
  Spec spec = Valid();
  spec.target = {};
  spec.target.cluster.labels = {{"stage", "prod"}};
  spec.target.cluster.expressions = {{"zone", "NotIn", {"a", "b"}}};
  spec.target.clusters = {"east"};
  spec.target.environments = {"prod"};
  spec.target.mesh_types = {"x"};
  spec.target.meshes = {"m1"};
  spec.namespace_name = "shop";
  spec.options = {{"mode", "strict"}};
  spec.stages = {{"canary", spec.target, 3}};
  spec.min_level = "FULL";
  spec.settle = std::chrono::seconds(90);
  spec.max_parallel = 5;
  spec.on_drift = OnDrift::kRepair;
  REQUIRE(Refused(spec) == "OK");

  const Spec back = SpecFrom(SettingsToJson(spec).dump(), spec.documents);
  CHECK(back == spec);
  CHECK(DigestOf(back) == DigestOf(spec));
  Spec other = spec;
  other.on_drift = OnDrift::kReport;
  CHECK(DigestOf(other) != DigestOf(spec));
  other = spec;
  other.documents += "\n";
  CHECK(DigestOf(other) != DigestOf(spec));
}

TEST_CASE("a damaged column is read as far as it goes", "[policy]") {
  CHECK(SpecFrom("no json", "d") == [] {
    Spec spec;
    spec.documents = "d";
    return spec;
  }());
  CHECK(SpecFrom(R"({"target":7,"stages":{"a":1},"settle_ms":"x"})", "").settle == kDefaultSettle);
}

TEST_CASE("every limit and word of a spec is checked, with a pointer to the fault", "[policy]") {
  Spec spec = Valid();
  CHECK(Refused(spec) == "OK");
  SECTION("no target") {
    spec.target = {};
    CHECK(Refused(spec) == "SELECTOR_INVALID /spec/target");
  }
  SECTION("all and a part") {
    spec.target.clusters = {"east"};
    CHECK(Refused(spec) == "SELECTOR_INVALID /spec/target/all");
  }
  SECTION("too many names") {
    spec.target = {};
    spec.target.meshes.assign(kMaxItems + 1, "m");
    CHECK(Refused(spec) == "SELECTOR_INVALID /spec/target/meshes");
    spec.target.meshes.assign(kMaxItems, "m");
    CHECK(Refused(spec) == "OK");
  }
  SECTION("an unknown operator") {
    spec.target = {};
    spec.target.cluster.expressions = {{"zone", "Gt", {"1"}}};
    CHECK(Refused(spec) == "SELECTOR_INVALID /spec/target/cluster_expressions/0/operator");
  }
  SECTION("values where none belong") {
    spec.target = {};
    spec.target.cluster.expressions = {{"zone", "Exists", {"1"}}};
    CHECK(Refused(spec) == "SELECTOR_INVALID /spec/target/cluster_expressions/0/values");
    spec.target.cluster.expressions = {{"zone", "In", {}}};
    CHECK(Refused(spec) == "SELECTOR_INVALID /spec/target/cluster_expressions/0/values");
  }
  SECTION("stages") {
    spec.stages.assign(2, Stage{"one", spec.target, 0});
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/rollout/stages/1/name");
    spec.stages = {{"Bad Name", spec.target, 0}};
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/rollout/stages/0/name");
    spec.stages = {{"one", Selector(), 0}};
    CHECK(Refused(spec) == "SELECTOR_INVALID /spec/rollout/stages/0/selector");
    spec.stages = {{"one", spec.target, kMaxParallel + 1}};
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/rollout/stages/0/max_parallel");
    spec.stages.clear();
    for (std::size_t i = 0; i <= kMaxStages; ++i) spec.stages.push_back({"s" + std::to_string(i), spec.target, 0});
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/rollout/stages");
  }
  SECTION("gate") {
    spec.min_level = "BEST";
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/rollout/gate/min_level");
    spec.min_level = "NONE";
    spec.settle = kMaxSettle + std::chrono::milliseconds(1);
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/rollout/gate/settle");
    spec.settle = kMaxSettle;
    spec.max_parallel = 0;
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/rollout/max_parallel");
  }
  SECTION("namespace") {
    spec.namespace_name = "7up";
    CHECK(Refused(spec) == "OK");
    spec.namespace_name = "Shop";
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/namespace");
  }
  SECTION("documents that are none") {
    spec.documents = "";
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/documents");
    spec.documents = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n";
    CHECK(Refused(spec) == "SMI_INVALID /spec/documents/0");
    spec.documents = "a: [";
    CHECK(Refused(spec) == "YAML_INVALID");
    spec.documents = std::string(kMaxDocumentBytes + 1, ' ');
    CHECK(Refused(spec) == "POLICY_SPEC_INVALID /spec/documents");
  }
  SECTION("documents that break the rules of SMI") {
    spec.documents = R"({"apiVersion":"split.smi-spec.io/v1alpha4","kind":"TrafficSplit",
      "metadata":{"name":"web"},"spec":{"service":"web","backends":[{"service":"v1","weight":-1}]}})";
    CHECK(Refused(spec) == "SMI_INVALID /spec/documents/0/spec/backends/0/weight");
  }
}
