#include "server/policy/selection.h"

#include <catch2/catch.hpp>

using namespace meshplay;
using namespace meshplay::policy;

namespace {

World MakeWorld() {
  World world;
  const auto add = [&world](const std::string& cluster, const std::string& labels, const std::string& mesh) {
    store::ClusterRecord row;
    row.id = cluster;
    row.labels_json = labels;
    world.clusters[cluster] = row;
    store::MeshRecord made;
    made.id = mesh;
    made.cluster_id = cluster;
    made.mesh_type = mesh.substr(0, 1);
    world.meshes[mesh] = made;
  };
  add("east", R"({"stage":"prod","zone":"a"})", "x1");
  add("west", R"({"stage":"test"})", "y1");
  add("bare", "", "x2");
  store::EnvironmentRecord named;
  named.id = "named";
  named.clusters = {"west"};
  world.environments["named"] = named;
  store::EnvironmentRecord labelled;
  labelled.id = "labelled";
  labelled.clusters = {"bare"};
  labelled.selector_json = R"({"labels":{"stage":"prod"}})";
  world.environments["labelled"] = labelled;
  return world;
}

std::string Selected(const Selector& selector) {
  const World world = MakeWorld();
  std::string names;
  for (const auto& [id, mesh] : world.meshes) {
    if (Matches(selector, mesh, world)) names += (names.empty() ? "" : " ") + id;
  }
  return names;
}

Selector Expression(const std::string& op, std::vector<std::string> values = {}) {
  Selector selector;
  selector.cluster.expressions = {{"stage", op, std::move(values)}};
  return selector;
}

}  // namespace

TEST_CASE("a selector means the meshes that fulfil every part of it", "[policy]") {
  Selector selector;
  SECTION("all") {
    selector.all = true;
    CHECK(Selected(selector) == "x1 x2 y1");
  }
  SECTION("labels") {
    selector.cluster.labels = {{"stage", "prod"}};
    CHECK(Selected(selector) == "x1");
    selector.cluster.labels["zone"] = "b";
    CHECK(Selected(selector).empty());
  }
  SECTION("sets of labels") {
    CHECK(Selected(Expression("In", {"prod", "test"})) == "x1 y1");
    CHECK(Selected(Expression("NotIn", {"prod"})) == "x2 y1");
    CHECK(Selected(Expression("Exists")) == "x1 y1");
    CHECK(Selected(Expression("DoesNotExist")) == "x2");
    CHECK(Selected(Expression("Future", {"prod"})).empty());
  }
  SECTION("names") {
    selector.clusters = {"east", "west"};
    CHECK(Selected(selector) == "x1 y1");
    selector.mesh_types = {"x"};
    CHECK(Selected(selector) == "x1");
    selector.meshes = {"x2"};
    CHECK(Selected(selector).empty());
  }
  SECTION("environments by name and by label") {
    selector.environments = {"named"};
    CHECK(Selected(selector) == "y1");
    selector.environments = {"labelled"};
    CHECK(Selected(selector) == "x1 x2");
    selector.environments = {"labelled", "named"};
    CHECK(Selected(selector) == "x1 x2 y1");
    selector.environments = {"gone"};
    CHECK(Selected(selector).empty());
  }
}

TEST_CASE("a mesh belongs to the first stage that selects it, or to one after all of them", "[policy]") {
  const World world = MakeWorld();
  Spec spec;
  CHECK(StageCount(spec) == 1);
  CHECK(StageOf(spec, world.meshes.at("x1"), world) == 0);
  Selector test = Expression("In", {"test"});
  Selector labelled = Expression("Exists");
  spec.stages = {{"test", test, 0}, {"labelled", labelled, 0}};
  CHECK(StageCount(spec) == 3);
  CHECK(StageOf(spec, world.meshes.at("y1"), world) == 0);
  CHECK(StageOf(spec, world.meshes.at("x1"), world) == 1);
  CHECK(StageOf(spec, world.meshes.at("x2"), world) == 2);
}
