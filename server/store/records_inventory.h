#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libs/base/clock.h"

/// Rows of what is where and who may come in. Plain values; every backend stores and returns them unchanged.
/// `*_json` columns hold canonical JSON made by the room that owns the row; empty means absent.
namespace meshplay::store {

struct AdapterRecord {
  std::string id;
  std::string tenant;
  std::string mesh_type;
  std::string display_name;
  std::string state;  ///< "ENROLLED", "DRAINING" or "REVOKED"
  bool connected = false;
  std::string session_id;
  std::string instance_id;
  std::uint32_t max_concurrent_tasks = 1;
  std::uint32_t minor = 0;  ///< Protocol minor version of the last session.
  std::string software_name;
  std::string software_version;
  std::string certificate_serial_hex;
  UnixMs certificate_not_after_unix_ms = 0;
  std::string manifest_digest;  ///< As the adapter chose it; empty until a manifest was accepted.
  std::string manifest_json;    ///< Capabilities as JSON with proto field names.
  std::string conditions_json;
  UnixMs last_seen_unix_ms = 0;
  std::uint64_t version = 0;
  UnixMs created_unix_ms = 0;
  UnixMs updated_unix_ms = 0;
  bool operator==(const AdapterRecord&) const = default;
};

struct ClusterRecord {
  std::string id;  ///< Resource name, from the display name of the first claim; unique per tenant.
  std::string tenant;
  std::string uid;  ///< UID of the namespace kube-system.
  std::string display_name;
  std::string labels_json;
  std::string group;
  std::string kubernetes_version;
  std::string server_host;
  std::string conditions_json;
  std::uint64_t version = 0;
  UnixMs created_unix_ms = 0;
  UnixMs updated_unix_ms = 0;
  bool operator==(const ClusterRecord&) const = default;
};

/// "This adapter can reach that cluster." The oldest live claim of a (cluster, mesh type) is the assigned one.
struct ClaimRecord {
  std::string tenant;
  std::string adapter_id;
  std::string cluster_uid;
  std::string mesh_type;
  std::string context;  ///< kubeconfig context or "in-cluster".
  bool live = false;    ///< The adapter's session is open and listed it.
  bool assigned = false;
  std::string conditions_json;
  UnixMs since_unix_ms = 0;
  bool operator==(const ClaimRecord&) const = default;
};

struct MeshRecord {
  std::string id;  ///< DeriveUuid({"mesh", cluster_uid, mesh_type, mesh_key})
  std::string tenant;
  std::string cluster_id;
  std::string cluster_uid;
  std::string mesh_type;
  std::string mesh_key;
  std::string mesh_version;
  std::string revision;
  std::string mode;
  std::string control_plane_namespace;
  std::string health;  ///< HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN
  bool managed = false;
  bool stale = false;
  std::string member_namespaces_json;
  std::string conditions_json;
  std::uint64_t version = 0;
  UnixMs last_seen_unix_ms = 0;
  UnixMs created_unix_ms = 0;
  UnixMs updated_unix_ms = 0;
  bool operator==(const MeshRecord&) const = default;
};

struct MeshHistoryRecord {
  std::uint64_t seq = 0;  ///< Given by the store.
  std::string mesh_id;
  std::string kind;  ///< "appeared", "changed", "stale", "fresh", "gone"
  std::string mesh_version;
  std::string revision;
  std::string health;
  std::string note;
  UnixMs time_unix_ms = 0;
  bool operator==(const MeshHistoryRecord&) const = default;
};

/// One Kubernetes object as one adapter reported it. Queries de-duplicate by uid.
struct ObjectRecord {
  std::string id;  ///< DeriveUuid({"object", adapter_id, cluster_uid, api_version, kind, namespace, name})
  std::string tenant;
  std::string adapter_id;
  std::string cluster_id;
  std::string cluster_uid;
  std::string mesh_type;  ///< Of the reporting adapter.
  std::string mesh_id;    ///< From the facts; empty when it belongs to no mesh.
  std::string api_version;
  std::string kind;
  std::string namespace_name;
  std::string name;
  std::string uid;
  std::string resource_version;
  std::string digest;
  std::string body_json;
  std::string facts_kind;  ///< "", "mesh", "workload", "certificate"
  std::string facts_json;
  std::string health;
  std::string conditions_json;
  std::uint64_t epoch = 0;  ///< Of the snapshot that sent it last: the mark of mark and sweep.
  bool stale = false;
  UnixMs updated_unix_ms = 0;
  bool operator==(const ObjectRecord&) const = default;
};

/// How far one inventory stream is durable.
struct BookmarkRecord {
  std::string adapter_id;
  std::string cluster_uid;
  std::string kinds_key;  ///< Canonical list of the stream's kinds.
  std::string position;
  std::uint64_t epoch = 0;
  bool snapshot_complete = false;
  bool operator==(const BookmarkRecord&) const = default;
};

struct EnrollmentTokenRecord {
  std::string id;
  std::string tenant;
  std::string mesh_type;
  std::string display_name;
  std::string secret_hash_hex;  ///< SHA-256 of the secret part.
  std::string rejoin_adapter_id;
  std::string adapter_id;  ///< Who used it.
  std::string csr_key_digest_hex;
  std::string response_json;  ///< Certificate chain given out, for the idempotent repeat within 10 minutes.
  UnixMs created_unix_ms = 0;
  UnixMs expires_unix_ms = 0;
  UnixMs used_unix_ms = 0;  ///< 0: unused.
  bool operator==(const EnrollmentTokenRecord&) const = default;
};

struct ApiTokenRecord {
  std::string id;
  std::string tenant;
  std::string name;
  std::vector<std::string> roles;
  std::string secret_hash_hex;
  UnixMs created_unix_ms = 0;
  UnixMs expires_unix_ms = 0;
  UnixMs last_used_unix_ms = 0;
  bool operator==(const ApiTokenRecord&) const = default;
};

struct SecretRecord {
  std::string tenant;
  std::string name;
  std::string version;  ///< UUIDv7; the newest of a name is the current one.
  std::string sealed;   ///< AEAD ciphertext made by server/security.
  std::vector<std::string> keys;
  UnixMs created_unix_ms = 0;
  bool operator==(const SecretRecord&) const = default;
};

}  // namespace meshplay::store
