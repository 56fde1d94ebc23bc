#include "server/policy/internal/rows.h"

#include <nlohmann/json.hpp>

#include "libs/base/json.h"

namespace meshplay::policy::internal {

Status AddEvent(store::Transaction& unit, const std::string& tenant, const std::string& subject, std::string_view kind,
                const nlohmann::json& body, UnixMs now) {
  store::EventRecord event;
  event.tenant = tenant;
  event.subject = subject;
  event.kind = std::string(kind);
  event.body_json = CanonicalJson(body);
  event.time_unix_ms = now;
  const auto added = unit.AddEvent(event);
  if (!added) return added.error();
  return {};
}

Status AddPolicyEvent(store::Transaction& unit, const store::PolicyRecord& policy, std::string_view kind,
                      const nlohmann::json& extra, UnixMs now) {
  nlohmann::json body = {{"policy", policy.id},          {"uid", policy.uid},
                         {"revision", policy.revision},  {"paused", policy.paused},
                         {"deleting", policy.deleting},  {"rollout", policy.rollout_state},
                         {"stage", policy.rollout_stage}};
  if (extra.is_object()) body.update(extra);
  return AddEvent(unit, policy.tenant, "policy/" + policy.id, kind, body, now);
}

Status PutChanged(store::Transaction& unit, store::PolicyRecord& policy, UnixMs now) {
  policy.version += 1;
  policy.updated_unix_ms = now;
  return unit.PutPolicy(policy);
}

void StartRollout(store::PolicyRecord& policy) {
  policy.rollout_state = kRolling;
  policy.rollout_stage = 0;
  policy.rollout_settled_unix_ms = 0;
  policy.rollout_message.clear();
}

}  // namespace meshplay::policy::internal
