#pragma once

#include "server/store/sqlite/columns_operations.h"

/// As columns_operations.h, for what is where and who may come in.
namespace meshplay::store::sqlite {

template <>
struct TableOf<AdapterRecord> {
  static constexpr const char* kName = "adapter";
  static constexpr const char* kKey = "id";
};
template <class V, Is<AdapterRecord> Row>
void Columns(V& v, Row& r) {
  v("id", r.id);
  v("tenant", r.tenant);
  v("mesh_type", r.mesh_type);
  v("display_name", r.display_name);
  v("state", r.state);
  v("connected", r.connected);
  v("session_id", r.session_id);
  v("instance_id", r.instance_id);
  v("max_concurrent_tasks", r.max_concurrent_tasks);
  v("minor", r.minor);
  v("software_name", r.software_name);
  v("software_version", r.software_version);
  v("certificate_serial_hex", r.certificate_serial_hex);
  v("certificate_not_after_unix_ms", r.certificate_not_after_unix_ms);
  v("manifest_digest", r.manifest_digest);
  v("manifest_json", r.manifest_json);
  v("conditions_json", r.conditions_json);
  v("last_seen_unix_ms", r.last_seen_unix_ms);
  v("version", r.version);
  v("created_unix_ms", r.created_unix_ms);
  v("updated_unix_ms", r.updated_unix_ms);
}

template <>
struct TableOf<ClusterRecord> {
  static constexpr const char* kName = "cluster";
  static constexpr const char* kKey = "id, tenant";
};
template <class V, Is<ClusterRecord> Row>
void Columns(V& v, Row& r) {
  v("id", r.id);
  v("tenant", r.tenant);
  v("uid", r.uid);
  v("display_name", r.display_name);
  v("labels_json", r.labels_json);
  v("group_name", r.group);
  v("kubernetes_version", r.kubernetes_version);
  v("server_host", r.server_host);
  v("conditions_json", r.conditions_json);
  v("version", r.version);
  v("created_unix_ms", r.created_unix_ms);
  v("updated_unix_ms", r.updated_unix_ms);
}

template <>
struct TableOf<ClaimRecord> {
  static constexpr const char* kName = "claim";
  static constexpr const char* kKey = "adapter_id, cluster_uid";
};
template <class V, Is<ClaimRecord> Row>
void Columns(V& v, Row& r) {
  v("tenant", r.tenant);
  v("adapter_id", r.adapter_id);
  v("cluster_uid", r.cluster_uid);
  v("mesh_type", r.mesh_type);
  v("context", r.context);
  v("live", r.live);
  v("assigned", r.assigned);
  v("conditions_json", r.conditions_json);
  v("since_unix_ms", r.since_unix_ms);
}

template <>
struct TableOf<MeshRecord> {
  static constexpr const char* kName = "mesh";
  static constexpr const char* kKey = "id";
};
template <class V, Is<MeshRecord> Row>
void Columns(V& v, Row& r) {
  v("id", r.id);
  v("tenant", r.tenant);
  v("cluster_id", r.cluster_id);
  v("cluster_uid", r.cluster_uid);
  v("mesh_type", r.mesh_type);
  v("mesh_key", r.mesh_key);
  v("mesh_version", r.mesh_version);
  v("revision", r.revision);
  v("mode", r.mode);
  v("control_plane_namespace", r.control_plane_namespace);
  v("health", r.health);
  v("managed", r.managed);
  v("stale", r.stale);
  v("member_namespaces_json", r.member_namespaces_json);
  v("conditions_json", r.conditions_json);
  v("version", r.version);
  v("last_seen_unix_ms", r.last_seen_unix_ms);
  v("created_unix_ms", r.created_unix_ms);
  v("updated_unix_ms", r.updated_unix_ms);
}

template <>
struct TableOf<MeshHistoryRecord> {
  static constexpr const char* kName = "mesh_history";
};
template <class V, Is<MeshHistoryRecord> Row>
void Columns(V& v, Row& r) {
  v("seq", r.seq);
  v("mesh_id", r.mesh_id);
  v("kind", r.kind);
  v("mesh_version", r.mesh_version);
  v("revision", r.revision);
  v("health", r.health);
  v("note", r.note);
  v("time_unix_ms", r.time_unix_ms);
}

template <>
struct TableOf<ObjectRecord> {
  static constexpr const char* kName = "object";
  static constexpr const char* kKey = "id";
};
template <class V, Is<ObjectRecord> Row>
void Columns(V& v, Row& r) {
  v("id", r.id);
  v("tenant", r.tenant);
  v("adapter_id", r.adapter_id);
  v("cluster_id", r.cluster_id);
  v("cluster_uid", r.cluster_uid);
  v("mesh_type", r.mesh_type);
  v("mesh_id", r.mesh_id);
  v("api_version", r.api_version);
  v("kind", r.kind);
  v("namespace_name", r.namespace_name);
  v("name", r.name);
  v("uid", r.uid);
  v("resource_version", r.resource_version);
  v("digest", r.digest);
  v("body_json", r.body_json);
  v("facts_kind", r.facts_kind);
  v("facts_json", r.facts_json);
  v("health", r.health);
  v("conditions_json", r.conditions_json);
  v("epoch", r.epoch);
  v("stale", r.stale);
  v("updated_unix_ms", r.updated_unix_ms);
}

template <>
struct TableOf<BookmarkRecord> {
  static constexpr const char* kName = "bookmark";
  static constexpr const char* kKey = "adapter_id, cluster_uid, kinds_key";
};
template <class V, Is<BookmarkRecord> Row>
void Columns(V& v, Row& r) {
  v("adapter_id", r.adapter_id);
  v("cluster_uid", r.cluster_uid);
  v("kinds_key", r.kinds_key);
  v("position", r.position);
  v("epoch", r.epoch);
  v("snapshot_complete", r.snapshot_complete);
}

template <>
struct TableOf<EnrollmentTokenRecord> {
  static constexpr const char* kName = "enrollment_token";
  static constexpr const char* kKey = "id";
};
template <class V, Is<EnrollmentTokenRecord> Row>
void Columns(V& v, Row& r) {
  v("id", r.id);
  v("tenant", r.tenant);
  v("mesh_type", r.mesh_type);
  v("display_name", r.display_name);
  v("secret_hash_hex", r.secret_hash_hex);
  v("rejoin_adapter_id", r.rejoin_adapter_id);
  v("adapter_id", r.adapter_id);
  v("csr_key_digest_hex", r.csr_key_digest_hex);
  v("response_json", r.response_json);
  v("created_unix_ms", r.created_unix_ms);
  v("expires_unix_ms", r.expires_unix_ms);
  v("used_unix_ms", r.used_unix_ms);
}

template <>
struct TableOf<ApiTokenRecord> {
  static constexpr const char* kName = "api_token";
  static constexpr const char* kKey = "id";
};
template <class V, Is<ApiTokenRecord> Row>
void Columns(V& v, Row& r) {
  v("id", r.id);
  v("tenant", r.tenant);
  v("name", r.name);
  v("roles_json", r.roles);
  v("secret_hash_hex", r.secret_hash_hex);
  v("created_unix_ms", r.created_unix_ms);
  v("expires_unix_ms", r.expires_unix_ms);
  v("last_used_unix_ms", r.last_used_unix_ms);
}

template <>
struct TableOf<SecretRecord> {
  static constexpr const char* kName = "secret";
  static constexpr const char* kKey = "tenant, name, version";
};
template <class V, Is<SecretRecord> Row>
void Columns(V& v, Row& r) {
  v("tenant", r.tenant);
  v("name", r.name);
  v("version", r.version);
  v.Blob("sealed", r.sealed);
  v("keys_json", r.keys);
  v("created_unix_ms", r.created_unix_ms);
}

}  // namespace meshplay::store::sqlite
