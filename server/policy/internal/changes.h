#pragma once

#include <optional>
#include <string>
#include <utility>

#include "server/policy/policies.h"
#include "server/store/store.h"

/// What callers change, each in one unit with its audit row and its event. Errors as at the methods of Policies.
namespace meshplay::policy::internal {

struct ChangeContext {
  const store::AuditRecord& audit;
  const PolicyOptions& options;
  UnixMs now = 0;
};

Status CheckPolicyId(const std::string& id);
/// Errors: kNotFound ENVIRONMENT_UNKNOWN.
Status CheckEnvironments(store::Reader& reader, const std::string& tenant, const Spec& spec);

Result<std::pair<store::PolicyRecord, bool>> CreatePolicy(store::Transaction& unit, const ChangeContext& context,
                                                          const std::string& id, const PolicyChange& change,
                                                          bool paused, const std::string& key,
                                                          const std::string& fingerprint);
Result<store::PolicyRecord> UpdatePolicy(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                                         std::uint64_t version, const PolicyChange& change);
Result<store::PolicyRecord> DeletePolicy(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                                         std::uint64_t version, bool orphan);
Result<store::PolicyRecord> PausePolicy(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                                        const std::string& reason);
Result<store::PolicyRecord> ResumePolicy(store::Transaction& unit, const ChangeContext& context, const std::string& id);
Result<store::PolicyRecord> AbortRollout(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                                         const std::string& reason);
Result<store::PolicyRecord> RollbackPolicy(store::Transaction& unit, const ChangeContext& context,
                                           const std::string& id, std::optional<std::uint64_t> version,
                                           std::uint32_t revision, const std::string& note);

Result<store::EnvironmentRecord> CreateEnvironment(store::Transaction& unit, const ChangeContext& context,
                                                   const std::string& id, const EnvironmentChange& change);
Result<store::EnvironmentRecord> UpdateEnvironment(store::Transaction& unit, const ChangeContext& context,
                                                   const std::string& id, std::uint64_t version,
                                                   const EnvironmentChange& change);
Status DeleteEnvironment(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                         std::uint64_t version);

}  // namespace meshplay::policy::internal
