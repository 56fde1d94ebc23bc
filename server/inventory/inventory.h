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

// Columns of conditions (`conditions_json`) hold a JSON array of objects with the fields of meshplay.v1.Condition:
// {"type", "status": "True" | "False" | "Unknown", "reason", "message", "last_transition_time": RFC 3339}. Columns of
// health hold the bare names: HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN.

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
/// Meshes appear when an item with mesh facts or a detection names them, disappear only when a complete snapshot, a
/// removal or a detection proves them gone, and turn stale when the adapter or the cluster cannot be reached.
/// One adapter serves a (cluster, mesh type): the one that serves it already while it lives, else the first live
/// claimant that reaches the cluster, else the one that served it last. Only that one streams inventory.
/// Events: adapter.connected, .disconnected, .changed, .manifest, .revoked; cluster.appeared, .changed, .forgotten;
/// target.assigned, .released; mesh.appeared, .changed, .stale, .fresh, .gone; inventory.changed (one a batch, with
/// counts by kind and the owners of those of our own objects that changed).
/// Threads: any thread; each call may block for a group commit.
/// Ownership: keeps references to `store` and `clock`.
class Inventory {
 public:
  Inventory(store::Store& store, const Clock& clock);
  ~Inventory();
  Inventory(const Inventory&) = delete;
  Inventory& operator=(const Inventory&) = delete;

  // For the hub.

  /// All sessions of the last process are over: everything it reported turns stale until it is back. Call at start.
  Status ForgetSessions();
  /// Stores the session, its claims and assignments; target rows get the adapter. True when the capabilities must be
  /// asked for. Errors: kPermissionDenied ADAPTER_UNKNOWN, ADAPTER_REVOKED; kInvalidArgument CLAIM_INVALID.
  Result<bool> SessionOpened(const AdapterSession& session);
  /// Nothing when another session of the adapter is open by now.
  Status SessionClosed(const std::string& adapter_id, const std::string& session_id);
  /// The clusters (by uid) that the adapter claims, and whether it is the one that serves them.
  Result<std::vector<std::pair<std::string, bool>>> Assignments(const std::string& adapter_id);
  /// A refused manifest becomes the adapter's condition ManifestAccepted=False; the one accepted before stays in force.
  /// Errors: kInvalidArgument MANIFEST_INVALID, SCHEMA_KEYWORD_UNSUPPORTED, OPERATION_TYPE_DUPLICATE with pointers.
  Status AcceptManifest(const std::string& adapter_id, const std::string& digest, const std::string& manifest_json);
  /// A claim of a live session, new or known; empty texts leave what is known. Reachable=False makes stale what the
  /// adapter reported; CredentialsValid=True ends a hold for credentials. Errors: kFailedPrecondition SESSION_UNKNOWN;
  /// kInvalidArgument CLAIM_INVALID.
  Status ReportTarget(const std::string& adapter_id, const Claim& claim);
  Status ReportHealth(const std::string& adapter_id, const std::string& conditions_json);
  /// What a DETECT found (meshplay.adapter.v1.Detection as JSON with proto field names): makes, changes and ends meshes
  /// of the type; those that an inventory stream describes are left to it.
  Status ApplyDetection(const std::string& cluster_uid, const std::string& mesh_type,
                        const std::string& detection_json);

  struct Opened {
    bool snapshot_required = true;
    std::string resume_from;
    std::uint64_t epoch = 0;  ///< The server's own number: of the rows that count, or for the snapshot to come.
  };
  /// `key.kinds` empty: all kinds of the manifest; the expanded key comes back in `key`.
  /// Errors: kFailedPrecondition TARGET_UNKNOWN (the adapter does not claim the cluster), ADAPTER_STANDBY (another one
  /// serves it), MANIFEST_MISSING.
  Result<Opened> OpenStream(StreamKey& key, const std::string& have_position);
  /// `epoch` is Opened::epoch, or a higher number for a further snapshot on the same stream.
  Status BeginSnapshot(const StreamKey& key, std::uint64_t epoch);
  /// One batch, one commit. An item equal to its row writes nothing.
  /// Errors: kInvalidArgument INVENTORY_ITEM_INVALID, INVENTORY_KIND_FOREIGN; kFailedPrecondition ADAPTER_STANDBY,
  /// STREAM_UNKNOWN.
  Status Apply(const StreamKey& key, std::uint64_t epoch, const std::vector<Item>& items);
  /// Sweeps what the snapshot did not send again. Errors: kFailedPrecondition SNAPSHOT_INCOMPLETE when `count` differs.
  Status EndSnapshot(const StreamKey& key, std::uint64_t epoch, std::uint64_t count, const std::string& position);
  Status SaveBookmark(const StreamKey& key, std::uint64_t epoch, const std::string& position);

  // For the services.

  /// Every operation type, or those of one mesh type. From the newest accepted manifests.
  Result<std::vector<OperationType>> OperationTypes(const std::string& tenant, const std::string& mesh_type);
  /// By name or alias; alias parameters come in `alias_parameters_json`. Several mesh types may offer one name
  /// ("smi.translate", "bookinfo"): then `mesh_type` decides.
  /// Errors: kNotFound OPERATION_TYPE_UNKNOWN; kInvalidArgument OPERATION_TYPE_AMBIGUOUS (metadata mesh_types).
  struct FoundType {
    OperationType type;
    std::string alias_parameters_json;
  };
  Result<FoundType> FindOperationType(const std::string& tenant, const std::string& name,
                                      const std::string& mesh_type = {});
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
  struct Manifest {
    std::string tenant;
    std::string mesh_type;
    std::uint64_t order = 0;  ///< Of acceptance: the newest manifest describes a type that several offer.
    std::vector<OperationType> types;
  };
  struct Stream {
    bool complete = false;     ///< The rows of the stream are a full picture.
    bool in_snapshot = false;  ///< Between BeginSnapshot and EndSnapshot.
    std::uint64_t epoch = 0;
    std::uint64_t received = 0;  ///< Items since BeginSnapshot.
  };
  Status CloseSession(store::Transaction& unit, store::AdapterRecord adapter, const char* reason);
  Status KeepManifest(const std::string& adapter_id, const std::string& digest, const std::string& manifest_json);
  Status LoadManifests();
  bool HasCompleteStream(const std::string& adapter_id, const std::string& cluster_uid);

  store::Store& store_;
  const Clock& clock_;
  std::mutex mutex_;  ///< Guards what follows; never held over a call of the store.
  bool manifests_loaded_ = false;
  std::uint64_t next_order_ = 1;
  std::map<std::string, Manifest> manifests_;                     ///< By adapter id; a cache of the rows.
  std::map<std::string, std::map<std::string, Stream>> streams_;  ///< Open ones: adapter id -> cluster + kinds.
};

}  // namespace meshplay::inventory
