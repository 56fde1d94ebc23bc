#include "server/policy/selection.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace meshplay::policy {
namespace {

constexpr std::uint32_t kPage = 1'000;

std::map<std::string, std::string> LabelsOf(const std::string& labels_json) {
  std::map<std::string, std::string> labels;
  const nlohmann::json read = nlohmann::json::parse(labels_json, nullptr, false);
  if (!read.is_object()) return labels;
  for (const auto& [key, value] : read.items()) {
    if (value.is_string()) labels[key] = value.get<std::string>();
  }
  return labels;
}

bool Contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool Fulfils(const LabelRequirement& wanted, const std::map<std::string, std::string>& labels) {
  const auto found = labels.find(wanted.key);
  if (wanted.op == "Exists") return found != labels.end();
  if (wanted.op == "DoesNotExist") return found == labels.end();
  const bool in = found != labels.end() && Contains(wanted.values, found->second);
  // An operator that this server does not know selects nothing.
  return wanted.op == "In" ? in : wanted.op == "NotIn" && !in;
}

bool InEnvironment(const store::EnvironmentRecord& environment, const store::ClusterRecord& cluster) {
  if (Contains(environment.clusters, cluster.id)) return true;
  const LabelSelector further = LabelSelectorFromJson(nlohmann::json::parse(environment.selector_json, nullptr, false));
  return !further.empty() && Matches(further, LabelsOf(cluster.labels_json));
}

template <class Row, class Fetch>
Status Collect(std::map<std::string, Row>& into, Fetch fetch) {
  std::string after;
  for (;;) {
    MP_TRY(std::vector<Row> page, fetch(after));
    if (page.empty()) return {};
    after = page.back().id;
    const bool last = page.size() < kPage;
    for (Row& row : page) {
      const std::string id = row.id;
      into.emplace(id, std::move(row));
    }
    if (last) return {};
  }
}

}  // namespace

Result<World> ReadWorld(store::Reader& reader, const std::string& tenant) {
  World world;
  MP_CHECK(
      Collect(world.meshes, [&](const std::string& after) { return reader.ListMeshes(tenant, "", "", after, kPage); }));
  MP_CHECK(
      Collect(world.clusters, [&](const std::string& after) { return reader.ListClusters(tenant, after, kPage); }));
  MP_CHECK(Collect(world.environments,
                   [&](const std::string& after) { return reader.ListEnvironments(tenant, after, kPage); }));
  MP_TRY(std::vector<store::ClaimRecord> claims, reader.ListClaims(tenant, "", "", ""));
  for (store::ClaimRecord& claim : claims) {
    std::pair<std::string, std::string> key(claim.cluster_uid, claim.mesh_type);
    world.claims[std::move(key)].push_back(std::move(claim));
  }
  return world;
}

bool Matches(const LabelSelector& selector, const std::map<std::string, std::string>& labels) {
  for (const auto& [key, value] : selector.labels) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  return std::all_of(selector.expressions.begin(), selector.expressions.end(),
                     [&labels](const LabelRequirement& wanted) { return Fulfils(wanted, labels); });
}

bool Matches(const Selector& selector, const store::MeshRecord& mesh, const World& world) {
  if (selector.all) return true;
  const auto cluster = world.clusters.find(mesh.cluster_id);
  if (cluster == world.clusters.end()) return false;
  if (!Matches(selector.cluster, LabelsOf(cluster->second.labels_json))) return false;
  if (!selector.clusters.empty() && !Contains(selector.clusters, mesh.cluster_id)) return false;
  if (!selector.mesh_types.empty() && !Contains(selector.mesh_types, mesh.mesh_type)) return false;
  if (!selector.meshes.empty() && !Contains(selector.meshes, mesh.id)) return false;
  if (selector.environments.empty()) return true;
  return std::any_of(selector.environments.begin(), selector.environments.end(), [&](const std::string& name) {
    const auto found = world.environments.find(name);
    return found != world.environments.end() && InEnvironment(found->second, cluster->second);
  });
}

std::uint32_t StageOf(const Spec& spec, const store::MeshRecord& mesh, const World& world) {
  std::uint32_t stage = 0;
  while (stage < spec.stages.size() && !Matches(spec.stages[stage].selector, mesh, world)) ++stage;
  return stage;
}

std::uint32_t StageCount(const Spec& spec) {
  return static_cast<std::uint32_t>(spec.stages.size()) + 1;
}

std::set<std::string> EnvironmentsOf(const Spec& spec) {
  std::set<std::string> names(spec.target.environments.begin(), spec.target.environments.end());
  for (const Stage& stage : spec.stages) {
    names.insert(stage.selector.environments.begin(), stage.selector.environments.end());
  }
  return names;
}

}  // namespace meshplay::policy
