#include "server/services/internal/create_operation.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "libs/base/json.h"
#include "server/services/convert_common.h"
#include "server/services/convert_operation.h"
#include "server/services/internal/parameters.h"
#include "server/services/internal/submit.h"

namespace meshplay::services {
namespace {

constexpr std::uint32_t kDefaultPriority = 1;
constexpr std::uint32_t kMaximumPriority = 2;
constexpr std::chrono::milliseconds kMinimumDeadline{1'000};
constexpr std::chrono::milliseconds kMaximumDeadline{24 * 3'600'000LL};
constexpr UnixMs kFurthestStartMs = 30LL * 86'400'000;
constexpr std::uint32_t kShownMeshes = 20;

Error FieldInvalid(std::string pointer, std::string detail) {
  return InvalidArgument("FIELD_INVALID", "a field is out of range")
      .WithViolation(std::move(pointer), std::move(detail));
}

Error TargetInvalid(std::string pointer, std::string detail) {
  return InvalidArgument("TARGET_INVALID", "the parts of the target do not fit together")
      .WithViolation(std::move(pointer), std::move(detail));
}

struct Target {
  store::ClusterRecord cluster;
  std::optional<store::MeshRecord> mesh;
};

Status CheckTimes(const Core& core, const v1::CreateOperationRequest& request) {
  if (request.has_priority() && request.priority() > kMaximumPriority) {
    return FieldInvalid("/priority", "must be 0, 1 or 2");
  }
  if (request.has_deadline()) {
    const auto deadline = ToMilliseconds(request.deadline());
    if (deadline < kMinimumDeadline || deadline > kMaximumDeadline) {
      return FieldInvalid("/deadline", "must be 1 s to 24 h");
    }
  }
  if (request.has_not_before() && ToUnixMs(request.not_before()) > core.deps.clock.NowUnixMs() + kFurthestStartMs) {
    return FieldInvalid("/not_before", "is more than 30 days ahead");
  }
  return {};
}

/// The cluster and the mesh that the caller named; the mesh stays empty when only a type was named.
Result<Target> NamedTarget(store::Reader& reader, const CallContext& context, const v1::OperationTarget& named) {
  Target target;
  MP_TRY(target.cluster, GetClusterRow(reader, context.caller.tenant, named.cluster()));
  if (named.mesh().empty()) return target;
  MP_TRY(target.mesh, GetMeshRow(reader, context.caller.tenant, named.mesh()));
  if (target.mesh->cluster_id != target.cluster.id) return TargetInvalid("/target/mesh", "is on another cluster");
  if (!named.mesh_type().empty() && named.mesh_type() != target.mesh->mesh_type) {
    return TargetInvalid("/target/meshType", "is not the type of the mesh");
  }
  return target;
}

/// The only mesh of the type on the cluster. None is fine: the adapter knows best whether it can work without.
Status FindMesh(store::Reader& reader, const inventory::OperationType& type, Target& target) {
  MP_TRY(const std::vector<store::MeshRecord> meshes,
         reader.ListMeshes(target.cluster.tenant, target.cluster.id, type.mesh_type, "", kShownMeshes));
  if (meshes.empty()) return {};
  if (meshes.size() == 1) {
    target.mesh = meshes.front();
    return {};
  }
  std::string ids;
  for (const store::MeshRecord& mesh : meshes) ids += (ids.empty() ? "" : ",") + mesh.id;
  return FailedPrecondition("MESH_AMBIGUOUS", "the cluster has several meshes of this type")
      .WithMetadata("meshes", ids)
      .WithViolation("/target/mesh", "must name one of them")
      .WithRemediation("Name one in target.mesh.");
}

Status CheckServed(store::Reader& reader, const inventory::OperationType& type, const Target& target) {
  MP_TRY(const std::vector<store::ClaimRecord> claims,
         reader.ListClaims(target.cluster.tenant, "", target.cluster.uid, type.mesh_type));
  if (!claims.empty()) return {};
  return NotFound("TARGET_UNKNOWN", "no adapter of the mesh type claims this cluster")
      .WithMetadata("mesh_type", type.mesh_type)
      .WithMetadata("cluster", target.cluster.id)
      .WithRemediation("Start an adapter of the mesh type with access to the cluster.");
}

Status CheckPlan(store::Reader& reader, const engine::OperationRequest& request) {
  if (request.plan_digest.empty()) return {};
  MP_TRY(const std::optional<store::PlanRecord> plan, reader.FindPlan(request.plan_digest));
  if (!plan) {
    return NotFound("PLAN_UNKNOWN", "there is no plan with this digest")
        .WithViolation("/plan_digest", "names no plan")
        .WithRemediation("Plan the operation with POST /v1/operations:plan.");
  }
  MP_TRY(const std::optional<store::OperationRecord> made, reader.FindOperation(request.tenant, plan->operation_id));
  const bool same = made && made->type == request.type && made->cluster_uid == request.cluster_uid &&
                    made->mesh_type == request.mesh_type && made->mesh_key == request.mesh_key &&
                    made->namespace_name == request.namespace_name && made->parameters_json == request.parameters_json;
  if (same) return {};
  return FailedPrecondition("PLAN_MISMATCH", "the plan was made for another operation, target or parameters")
      .WithViolation("/plan_digest", "does not fit the request")
      .WithRemediation("Plan this operation, then use that plan's digest.");
}

store::TaskKind KindOf(const inventory::OperationType& type, bool plan_only) {
  if (plan_only) return store::TaskKind::kPlan;
  if (type.type == type.mesh_type + ".detect") return store::TaskKind::kDetect;
  const bool conformance = type.type.ends_with(".conformance") || type.type.ends_with(".conformance.run");
  return conformance ? store::TaskKind::kConformance : store::TaskKind::kApply;
}

Status CheckType(const inventory::OperationType& type, const v1::OperationTarget& named, bool plan_only) {
  if (type.category == "QUERY") {
    return FailedPrecondition("OPERATION_IS_QUERY", "the type is a question to an adapter, not an operation");
  }
  if (!named.mesh_type().empty() && named.mesh_type() != type.mesh_type) {
    return TargetInvalid("/target/meshType", "is not the mesh type of the operation");
  }
  if (plan_only && (type.plan == "NONE" || type.plan.empty())) {
    return FailedPrecondition("PLAN_NOT_SUPPORTED", "the operation type cannot be planned");
  }
  return {};
}

void FillTarget(const Target& target, const v1::OperationTarget& named, engine::OperationRequest& out) {
  out.cluster_id = target.cluster.id;
  out.cluster_uid = target.cluster.uid;
  out.namespace_name = named.namespace_();
  if (!target.mesh) return;
  out.mesh_id = target.mesh->id;
  out.mesh_key = target.mesh->mesh_key;
  out.control_plane_namespace = target.mesh->control_plane_namespace;
  out.revision = target.mesh->revision;
}

Result<Target> Resolve(store::Reader& reader, const inventory::OperationType& type, Target target) {
  MP_CHECK(CheckServed(reader, type, target));
  // An install makes a mesh: one that is there already is not its target.
  if (!target.mesh && type.category != "INSTALL") MP_CHECK(FindMesh(reader, type, target));
  return target;
}

}  // namespace

Result<engine::OperationRequest> PrepareOperation(const Core& core, const CallContext& context,
                                                  const v1::CreateOperationRequest& request, bool plan_only) {
  MP_CHECK(CheckTimes(core, request));
  MP_TRY(Target target,
         ReadFrom<Target>(core, [&](store::Reader& reader) { return NamedTarget(reader, context, request.target()); }));
  const std::string mesh_type = target.mesh ? target.mesh->mesh_type : request.target().mesh_type();
  MP_TRY(const inventory::Inventory::FoundType found,
         core.deps.inventory.FindOperationType(context.caller.tenant, request.type(), mesh_type));
  const inventory::OperationType& type = found.type;
  MP_CHECK(CheckType(type, request.target(), plan_only));
  MP_TRY(target, ReadFrom<Target>(core, [&](store::Reader& reader) { return Resolve(reader, type, target); }));

  engine::OperationRequest out;
  out.tenant = context.caller.tenant;
  out.kind = KindOf(type, plan_only);
  out.type = type.type;
  out.mesh_type = type.mesh_type;
  FillTarget(target, request.target(), out);
  out.traits = ToTraits(type);
  MP_TRY(const nlohmann::json parameters, MergeParameters(found.alias_parameters_json, request.parameters_json()));
  MP_TRY(const nlohmann::json complete, CheckParameters(type.parameters_schema_json, parameters));
  MP_TRY(const std::vector<std::string> secrets, ReadFrom<std::vector<std::string>>(core, [&](store::Reader& reader) {
           return SecretsOf(reader, context.caller.tenant, type.sensitive_pointers, complete);
         }));
  out.traits.required_secrets.insert(out.traits.required_secrets.end(), secrets.begin(), secrets.end());
  out.parameters_json = CanonicalJson(complete);
  out.plan_digest = plan_only ? std::string() : request.plan_digest();
  out.options_json = ToOptionsJson(request.options(), out.plan_digest);
  out.reason = request.reason();
  out.needs_approval = out.kind == store::TaskKind::kApply && core.deps.approval_categories.count(type.category) != 0;
  out.priority = request.has_priority() ? request.priority() : kDefaultPriority;
  if (request.has_not_before()) out.not_before_unix_ms = ToUnixMs(request.not_before());
  if (request.has_deadline()) out.deadline = ToMilliseconds(request.deadline());
  MP_CHECK(core.deps.store.Read([&](store::Reader& reader) { return CheckPlan(reader, out); }));
  return out;
}

}  // namespace meshplay::services
