#include "server/policy/diff.h"

#include <catch2/catch.hpp>

using namespace meshplay::policy;

namespace {

std::string Split(const std::string& name, int weight, const std::string& version = "v1alpha4") {
  return "---\napiVersion: split.smi-spec.io/" + version + "\nkind: TrafficSplit\nmetadata: {name: " + name +
         "}\nspec: {service: web, backends: [{service: v1, weight: " + std::to_string(weight) + "}]}\n";
}

Spec Of(const std::string& documents) {
  Spec spec;
  spec.documents = documents;
  spec.namespace_name = "shop";
  return spec;
}

}  // namespace

TEST_CASE("a diff tells objects that came, went and changed, whatever their order", "[policy]") {
  const Spec from = Of(Split("stays", 1) + Split("goes", 1) + Split("changes", 1));
  const Spec to = Of(Split("changes", 9) + Split("comes", 1) + Split("stays", 1));
  const auto changes = DiffDocuments(from, to);
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].name == "changes");
  CHECK(changes[0].action == "CHANGED");
  CHECK(changes[0].namespace_name == "shop");
  CHECK(changes[0].patch.dump() == R"([{"op":"replace","path":"/spec/backends/0/weight","value":9}])");
  CHECK(changes[1].name == "comes");
  CHECK(changes[1].action == "ADDED");
  CHECK(changes[1].before.is_null());
  CHECK(changes[2].name == "goes");
  CHECK(changes[2].action == "REMOVED");
  CHECK(changes[2].after.is_null());
  CHECK(DiffDocuments(to, to).empty());
}

TEST_CASE("another version of an object is a change of it, and lists are opened", "[policy]") {
  const auto changes = DiffDocuments(Of(Split("web", 1)), Of(Split("web", 1, "v1alpha3")));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].action == "CHANGED");
  const Spec list = Of(R"({"kind":"List","apiVersion":"v1","items":[{"apiVersion":"split.smi-spec.io/v1alpha4",
    "kind":"TrafficSplit","metadata":{"name":"web"}}]})");
  REQUIRE(DiffDocuments(Of(""), list).size() == 1);
  CHECK(DiffDocuments(Of(""), list)[0].name == "web");
}

TEST_CASE("settings that differ are told as a patch", "[policy]") {
  Spec to = Of("");
  to.on_drift = OnDrift::kRepair;
  CHECK(DiffSettings(Of(""), to).dump() == R"([{"op":"replace","path":"/on_drift","value":"REPAIR"}])");
  CHECK(DiffSettings(to, to).empty());
}
