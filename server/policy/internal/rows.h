#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "server/store/store.h"

/// What every part of the room does with rows.
namespace meshplay::policy::internal {

namespace event_kind {
inline constexpr std::string_view kCreated = "policy.created";
inline constexpr std::string_view kChanged = "policy.changed";
inline constexpr std::string_view kPaused = "policy.paused";
inline constexpr std::string_view kResumed = "policy.resumed";
inline constexpr std::string_view kRollout = "policy.rollout";
inline constexpr std::string_view kMesh = "policy.mesh";
inline constexpr std::string_view kDeleting = "policy.deleting";
inline constexpr std::string_view kDeleted = "policy.deleted";
inline constexpr std::string_view kEnvironmentCreated = "environment.created";
inline constexpr std::string_view kEnvironmentChanged = "environment.changed";
inline constexpr std::string_view kEnvironmentDeleted = "environment.deleted";
}  // namespace event_kind

inline constexpr const char* kRolling = "ROLLING";
inline constexpr const char* kDone = "DONE";
inline constexpr const char* kAborted = "ABORTED";

/// {"policy", "uid", "revision", "paused", "deleting", "rollout"} and the members of `extra`.
Status AddPolicyEvent(store::Transaction& unit, const store::PolicyRecord& policy, std::string_view kind,
                      const nlohmann::json& extra, UnixMs now);
Status AddEvent(store::Transaction& unit, const std::string& tenant, const std::string& subject, std::string_view kind,
                const nlohmann::json& body, UnixMs now);

/// Writes a policy that a caller changed: version and time move on.
Status PutChanged(store::Transaction& unit, store::PolicyRecord& policy, UnixMs now);

/// The roll-out of a new revision begins at its first stage.
void StartRollout(store::PolicyRecord& policy);

}  // namespace meshplay::policy::internal
