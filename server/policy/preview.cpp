#include "server/policy/preview.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "libs/base/json_member.h"
#include "server/policy/internal/changes.h"
#include "server/policy/internal/pass.h"

namespace meshplay::policy {
namespace {

constexpr std::uint32_t kMostMeshes = 10'000;

Status ReadNow(store::Reader& reader, const std::string& tenant, const std::string& id, Preview& preview,
               std::map<std::string, store::PolicyMeshRecord>& rows) {
  MP_TRY(const auto policy, reader.FindPolicy(tenant, id));
  if (!policy) return {};
  if (policy->deleting) return FailedPrecondition("POLICY_DELETING", "the policy is being deleted");
  MP_TRY(const auto revision, GetRevisionRow(reader, policy->uid, policy->revision));
  preview.revision = policy->revision;
  preview.before = SpecFrom(revision.spec_json, revision.documents);
  MP_TRY(const auto list, reader.ListPolicyMeshes(policy->uid, "", kMostMeshes));
  for (const store::PolicyMeshRecord& row : list) rows.emplace(row.mesh_id, row);
  return {};
}

PreviewMesh MeshOf(const std::string& id, const Spec& spec, const store::MeshRecord& mesh, const World& world,
                   OperationWish::Kind kind) {
  PreviewMesh one;
  one.mesh = mesh;
  one.stage = StageOf(spec, mesh, world);
  one.wish.kind = kind;
  one.wish.tenant = mesh.tenant;
  one.wish.policy_id = id;
  one.wish.cluster_id = mesh.cluster_id;
  one.wish.mesh_id = mesh.id;
  if (kind != OperationWish::Kind::kDelete) {
    one.wish.documents = spec.documents;
    one.wish.namespace_name = spec.namespace_name;
    one.wish.options = spec.options;
  }
  one.unreachable = internal::Unreachable(world, mesh.cluster_uid, mesh.mesh_type);
  return one;
}

}  // namespace

std::string WorstLevel(const nlohmann::json& reports) {
  std::string worst;
  if (!reports.is_array()) return worst;
  for (const nlohmann::json& report : reports) {
    const std::string level = MemberText(report, "level");
    if (level == "NONE" || (level == "PARTIAL" && worst != "NONE") || (level == "FULL" && worst.empty())) worst = level;
  }
  return worst;
}

Result<Preview> PreviewPolicy(store::Reader& reader, const std::string& tenant, const std::string& id,
                              const Spec& spec) {
  MP_CHECK(internal::CheckPolicyId(id));
  MP_CHECK(CheckSpec(spec));
  MP_CHECK(internal::CheckEnvironments(reader, tenant, spec));
  Preview preview;
  std::map<std::string, store::PolicyMeshRecord> rows;
  MP_CHECK(ReadNow(reader, tenant, id, preview, rows));
  MP_TRY(const World world, ReadWorld(reader, tenant));
  std::set<std::pair<std::string, std::string>> kept;  // (cluster, mesh type) whose objects stay
  for (const auto& [mesh_id, mesh] : world.meshes) {
    if (!Matches(spec.target, mesh, world)) continue;
    kept.emplace(mesh.cluster_uid, mesh.mesh_type);
    preview.meshes.push_back(MeshOf(id, spec, mesh, world, OperationWish::Kind::kApply));
  }
  for (const auto& [mesh_id, mesh] : world.meshes) {
    const auto row = rows.find(mesh_id);
    const bool has = row != rows.end() && row->second.may_have_objects;
    if (!has || kept.count({mesh.cluster_uid, mesh.mesh_type}) != 0) continue;
    preview.meshes.push_back(MeshOf(id, spec, mesh, world, OperationWish::Kind::kDelete));
  }
  return preview;
}

}  // namespace meshplay::policy
