#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"
#include "server/store/store.h"

namespace meshplay::inventory {

/// One claim of a Hello or TargetReport.
struct Claim {
  std::string cluster_uid;
  std::string display_name;  ///< kubeconfig context or "in-cluster"
  std::string server_host;
  std::string kubernetes_version;
  std::string conditions_json;
};

struct AdapterSession {
  std::string adapter_id;
  std::string session_id;
  std::string instance_id;
  std::uint32_t minor = 0;
  std::uint32_t max_concurrent_tasks = 1;
  std::string software_name;
  std::string software_version;
  std::string capabilities_digest;
  std::vector<Claim> claims;
};

/// An operation type of an adapter's manifest, ready for the services.
struct OperationType {
  std::string mesh_type;
  std::string type;
  std::string category;  ///< "INSTALL", ...
  std::string title;
  std::string description;
  std::string parameters_schema_json;
  std::vector<std::string> sensitive_pointers;
  std::string idempotency, cancellation, plan, lock;  ///< Names without the enum's prefix: "NATURAL", "EXACT", ...
  std::string inverse_type;
  std::string mesh_version_range;
  std::int64_t typical_duration_ms = 0;
  std::int64_t max_duration_ms = 0;
  std::vector<std::string> required_secrets;
  bool deprecated = false;
  std::string deprecation_message;
  std::map<std::string, std::string> aliases;  ///< Alias id -> parameters it stands for (JSON).
  std::vector<std::string> adapter_ids;
};

/// One change of an inventory stream, converted from the wire by the hub.
struct Item {
  std::string api_version, kind, namespace_name, name, uid, resource_version, digest, body_json;
  std::string health;
  std::string conditions_json;
  std::string facts_kind;  ///< "", "mesh", "workload", "certificate"
  std::string facts_json;  ///< The facts message as JSON with proto field names.
  bool removed = false;
};

struct StreamKey {
  std::string adapter_id;
  std::string cluster_uid;
  std::vector<std::pair<std::string, std::string>> kinds;  ///< (api_version, kind), sorted.
};

/// What is where: adapters and their manifests, clusters and who serves them, meshes, objects.
///
/// Meshes appear when an item with mesh facts or a detection names them, disappear only when a complete snapshot or a
/// removal proves them gone, and turn stale when the adapter or the cluster cannot be reached.
/// Threads: any thread; each call may block for a group commit.
/// Ownership: keeps references to `store` and `clock`.
class Inventory {
 public:
  Inventory(store::Store& store, const Clock& clock);

  // For the hub.

  /// All sessions of the last process are over: everything it reported turns stale until it is back. Call at start.
  Status ForgetSessions();
  /// Stores the session, its claims and assignments (first live claimant per cluster and mesh type; target rows get the
  /// adapter). True when the capabilities must be asked for.
  Result<bool> SessionOpened(const AdapterSession& session);
  Status SessionClosed(const std::string& adapter_id, const std::string& session_id);
  /// Errors: kInvalidArgument MANIFEST_INVALID, SCHEMA_KEYWORD_UNSUPPORTED, OPERATION_TYPE_DUPLICATE with pointers.
  Status AcceptManifest(const std::string& adapter_id, const std::string& digest, const std::string& manifest_json);
  Status ReportTarget(const std::string& adapter_id, const Claim& claim);
  Status ReportHealth(const std::string& adapter_id, const std::string& conditions_json);

  struct Opened {
    bool snapshot_required = true;
    std::string resume_from;
    std::uint64_t epoch = 0;
  };
  /// Errors: kFailedPrecondition TARGET_UNKNOWN (the adapter does not claim the cluster).
  Result<Opened> OpenStream(const StreamKey& key, const std::string& have_position);
  Status BeginSnapshot(const StreamKey& key, std::uint64_t epoch);
  /// One batch, one commit. Equal digests cost no write of the body.
  Status Apply(const StreamKey& key, std::uint64_t epoch, const std::vector<Item>& items);
  /// Sweeps what the snapshot did not send again. Errors: kFailedPrecondition SNAPSHOT_INCOMPLETE when `count` differs.
  Status EndSnapshot(const StreamKey& key, std::uint64_t epoch, std::uint64_t count, const std::string& position);
  Status SaveBookmark(const StreamKey& key, std::uint64_t epoch, const std::string& position);

  // For the services.

  /// Every operation type, or those of one mesh type. From the newest accepted manifests.
  Result<std::vector<OperationType>> OperationTypes(const std::string& tenant, const std::string& mesh_type);
  /// By name or alias; alias parameters come in `alias_parameters_json`. Errors: kNotFound OPERATION_TYPE_UNKNOWN.
  struct FoundType {
    OperationType type;
    std::string alias_parameters_json;
  };
  Result<FoundType> FindOperationType(const std::string& tenant, const std::string& name);
  /// Merge-patched fields; empty optionals stay. Errors: kNotFound CLUSTER_UNKNOWN; kAborted ETAG_STALE.
  struct ClusterChange {
    std::optional<std::string> display_name, group, labels_json;
  };
  Result<store::ClusterRecord> UpdateCluster(const std::string& tenant, const std::string& id, std::uint64_t version,
                                             const ClusterChange& change);
  /// Errors: kNotFound CLUSTER_UNKNOWN; kFailedPrecondition CLUSTER_CLAIMED; kAborted ETAG_STALE.
  Status ForgetCluster(const std::string& tenant, const std::string& id, std::uint64_t version);
  /// state "ENROLLED" or "DRAINING". Errors: kNotFound ADAPTER_UNKNOWN; kFailedPrecondition ADAPTER_REVOKED.
  Result<store::AdapterRecord> SetAdapterState(const std::string& tenant, const std::string& id,
                                               const std::string& state);
  /// Errors: kNotFound ADAPTER_UNKNOWN; kAborted ETAG_STALE.
  Result<store::AdapterRecord> RevokeAdapter(const std::string& tenant, const std::string& id, std::uint64_t version);

 private:
  store::Store& store_;
  const Clock& clock_;
  std::mutex manifests_mutex_;
  std::map<std::string, std::vector<OperationType>> manifests_;  ///< By adapter id; a cache of the rows.
};

}  // namespace meshplay::inventory
