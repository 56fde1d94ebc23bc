#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libs/base/clock.h"

/// Rows of the wanted SMI state. Plain values; every backend stores and returns them unchanged.
/// `*_json` columns hold canonical JSON made by server/policy; empty means absent.
namespace meshplay::store {

/// A policy: who wants what is in its revisions, how far each mesh is in PolicyMeshRecord.
struct PolicyRecord {
  std::string uid;  ///< UUIDv7; the id may be used again after a deletion, this never is.
  std::string tenant;
  std::string id;  ///< Resource name; unique per tenant. The owner of what the policy makes.
  std::string display_name;
  std::string labels_json;
  std::uint32_t revision = 0;  ///< What the meshes are to have: the newest.
  bool paused = false;
  std::string pause_reason;
  bool deleting = false;
  std::string deleted_by;
  std::string rollout_state;        ///< "ROLLING", "DONE" or "ABORTED"
  std::uint32_t rollout_stage = 0;  ///< Stages up to this one are open.
  UnixMs rollout_settled_unix_ms =
      0;  ///< Since when every mesh of the open stages passes the gate; 0 while one does not.
  std::string rollout_message;
  std::string created_by;
  std::uint64_t version = 0;  ///< Counts what callers change, not how far meshes are: the ETag.
  UnixMs created_unix_ms = 0;
  UnixMs updated_unix_ms = 0;
  bool operator==(const PolicyRecord&) const = default;
};

/// One wish of a policy. Never changed after its insert.
struct PolicyRevisionRecord {
  std::string policy_uid;
  std::string tenant;
  std::uint32_t number = 0;  ///< From 1.
  std::string digest;        ///< SHA-256 (hex) over settings and documents.
  std::string spec_json;     ///< Target, roll-out, options and so on: everything but the documents.
  std::string documents;
  std::string principal;
  std::string note;
  std::uint32_t restored_from = 0;  ///< The revision that a rollback brought back; else 0.
  UnixMs created_unix_ms = 0;
  bool operator==(const PolicyRevisionRecord&) const = default;
};

/// How far one mesh is with one policy.
struct PolicyMeshRecord {
  std::string policy_uid;
  std::string mesh_id;
  std::string tenant;
  std::string cluster_id;
  std::string cluster_uid;
  std::string mesh_type;
  std::uint32_t stage = 0;
  std::string state;  ///< FULL, PARTIAL, NONE, DRIFTED, PENDING, FAILED, REMOVING
  std::string level;  ///< Of what is applied: FULL, PARTIAL, NONE; empty when nothing is.
  std::string reason;
  std::string message;
  std::uint32_t applied_revision = 0;  ///< 0: nothing of the policy is known to be there.
  bool drifted = false;                ///< The last PLAN of the revision in force was not empty.
  bool may_have_objects = false;       ///< An APPLY was asked for and no DELETE has succeeded since.
  std::string operation_id;            ///< The one under way; empty when there is none.
  std::string operation_kind;          ///< "APPLY", "DELETE" or "PLAN"
  std::uint32_t operation_revision = 0;
  std::string last_operation_id;  ///< The last APPLY or DELETE.
  std::string plan_operation_id;  ///< The last PLAN.
  std::uint64_t sequence = 0;     ///< Operations asked for so far: makes the idempotency key of the next one.
  std::uint32_t failures = 0;     ///< In a row.
  UnixMs retry_unix_ms = 0;       ///< Not before; with failures > 0 and 0 here: not by itself.
  UnixMs drift_due_unix_ms = 0;   ///< When the next PLAN is due; 0: none is.
  UnixMs drift_checked_unix_ms = 0;
  std::string losses_json;     ///< What was missing on the cluster when the revision was applied; empty: nothing.
  UnixMs reapply_unix_ms = 0;  ///< When it is to be applied again because something came or went; 0: not for that.
  UnixMs since_unix_ms = 0;    ///< Of the state.
  UnixMs created_unix_ms = 0;
  UnixMs updated_unix_ms = 0;
  bool operator==(const PolicyMeshRecord&) const = default;
};

/// What is large or only shown of a mesh's row.
struct PolicyReportRecord {
  std::string policy_uid;
  std::string mesh_id;
  std::string reports_json;  ///< SmiReports of the last APPLY.
  std::string drift_json;    ///< Changes of the last PLAN that was not empty.
  std::string error_json;    ///< Public form of the last failure.
  bool operator==(const PolicyReportRecord&) const = default;
};

/// A named group of clusters.
struct EnvironmentRecord {
  std::string id;
  std::string tenant;
  std::string uid;
  std::string display_name;
  std::string labels_json;
  std::vector<std::string> clusters;  ///< Ids.
  std::string selector_json;          ///< Further clusters by their labels; empty: none.
  std::uint64_t version = 0;
  UnixMs created_unix_ms = 0;
  UnixMs updated_unix_ms = 0;
  bool operator==(const EnvironmentRecord&) const = default;
};

}  // namespace meshplay::store
