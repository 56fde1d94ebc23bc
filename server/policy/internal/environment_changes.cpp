#include <nlohmann/json.hpp>

#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "server/policy/internal/changes.h"
#include "server/policy/internal/rows.h"
#include "server/policy/selection.h"

namespace meshplay::policy::internal {
namespace {

constexpr std::size_t kMostClusters = 1'000;
constexpr std::size_t kShown = 20;

Status CheckChange(const EnvironmentChange& change) {
  if (change.clusters.size() > kMostClusters) {
    return InvalidArgument("SELECTOR_INVALID", "an environment names too many clusters")
        .WithViolation("/clusters", "are more than 1000");
  }
  return CheckLabelSelector(change.selector, "");
}

Status PutEnvironment(store::Transaction& unit, const ChangeContext& context, const EnvironmentChange& change,
                      std::string_view event, store::EnvironmentRecord& row) {
  row.display_name = change.display_name;
  row.labels_json = change.labels_json;
  row.clusters = change.clusters;
  row.selector_json = change.selector.empty() ? std::string() : CanonicalJson(ToJson(change.selector));
  row.version += 1;
  row.updated_unix_ms = context.now;
  MP_CHECK(unit.PutEnvironment(row));
  MP_CHECK(unit.AddAudit(context.audit));
  return AddEvent(unit, row.tenant, "environment/" + row.id, event, {{"environment", row.id}}, context.now);
}

Result<store::EnvironmentRecord> Found(store::Reader& reader, const ChangeContext& context, const std::string& id,
                                       std::uint64_t version) {
  MP_TRY(store::EnvironmentRecord row, GetEnvironmentRow(reader, context.audit.tenant, id));
  if (row.version == version) return row;
  return Aborted("ETAG_STALE", "the resource has changed since the given etag")
      .WithRemediation("Read it again and repeat the change with the new etag.");
}

}  // namespace

Result<store::EnvironmentRecord> CreateEnvironment(store::Transaction& unit, const ChangeContext& context,
                                                   const std::string& id, const EnvironmentChange& change) {
  if (!IsResourceName(id)) {
    return InvalidArgument("ENVIRONMENT_ID_INVALID", "the environment's id is not valid")
        .WithViolation("/id", "must be lower-case letters, digits and dashes, at most 63, a letter first");
  }
  MP_CHECK(CheckChange(change));
  MP_TRY(const auto same, unit.FindEnvironment(context.audit.tenant, id));
  if (same) return Error(ErrorCode::kAlreadyExists, "ENVIRONMENT_EXISTS", "there is an environment with this id");
  MP_TRY(const auto rows, unit.ListEnvironments(context.audit.tenant, "", context.options.max_environments));
  if (rows.size() >= context.options.max_environments) {
    return Error(ErrorCode::kResourceExhausted, "ENVIRONMENT_LIMIT", "there are as many environments as allowed")
        .WithMetadata("limit", std::to_string(context.options.max_environments));
  }
  store::EnvironmentRecord row;
  row.id = id;
  row.tenant = context.audit.tenant;
  row.uid = NewUuidV7();
  row.created_unix_ms = context.now;
  MP_CHECK(PutEnvironment(unit, context, change, event_kind::kEnvironmentCreated, row));
  return row;
}

Result<store::EnvironmentRecord> UpdateEnvironment(store::Transaction& unit, const ChangeContext& context,
                                                   const std::string& id, std::uint64_t version,
                                                   const EnvironmentChange& change) {
  MP_CHECK(CheckChange(change));
  MP_TRY(store::EnvironmentRecord row, Found(unit, context, id, version));
  MP_CHECK(PutEnvironment(unit, context, change, event_kind::kEnvironmentChanged, row));
  return row;
}

Status DeleteEnvironment(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                         std::uint64_t version) {
  MP_TRY(const store::EnvironmentRecord row, Found(unit, context, id, version));
  MP_TRY(const auto policies, unit.ListPolicies(row.tenant, "", context.options.max_policies));
  std::string users;
  std::size_t count = 0;
  for (const store::PolicyRecord& policy : policies) {
    MP_TRY(const auto revision, unit.FindPolicyRevision(policy.uid, policy.revision));
    if (!revision || EnvironmentsOf(SpecFrom(revision->spec_json, "")).count(id) == 0) continue;
    if (++count <= kShown) users += (users.empty() ? "" : ",") + policy.id;
  }
  if (count > 0) {
    return FailedPrecondition("ENVIRONMENT_IN_USE", "policies name the environment")
        .WithMetadata("policies", users)
        .WithRemediation("Take it out of these policies first.");
  }
  MP_CHECK(unit.DeleteEnvironment(row.tenant, row.id));
  MP_CHECK(unit.AddAudit(context.audit));
  return AddEvent(unit, row.tenant, "environment/" + row.id, event_kind::kEnvironmentDeleted, {{"environment", row.id}},
                  context.now);
}

}  // namespace meshplay::policy::internal
