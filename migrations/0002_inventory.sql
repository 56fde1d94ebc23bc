-- What is where.
CREATE TABLE adapter (
  id TEXT PRIMARY KEY NOT NULL,
  tenant TEXT NOT NULL,
  mesh_type TEXT NOT NULL,
  display_name TEXT NOT NULL,
  state TEXT NOT NULL,
  connected INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  instance_id TEXT NOT NULL,
  max_concurrent_tasks INTEGER NOT NULL,
  minor INTEGER NOT NULL,
  software_name TEXT NOT NULL,
  software_version TEXT NOT NULL,
  certificate_serial_hex TEXT NOT NULL,
  certificate_not_after_unix_ms INTEGER NOT NULL,
  manifest_digest TEXT NOT NULL,
  manifest_json TEXT NOT NULL,
  conditions_json TEXT NOT NULL,
  last_seen_unix_ms INTEGER NOT NULL,
  version INTEGER NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  updated_unix_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE cluster (
  id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  uid TEXT NOT NULL,
  display_name TEXT NOT NULL,
  labels_json TEXT NOT NULL,
  group_name TEXT NOT NULL,
  kubernetes_version TEXT NOT NULL,
  server_host TEXT NOT NULL,
  conditions_json TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  updated_unix_ms INTEGER NOT NULL,
  PRIMARY KEY (id, tenant)
) STRICT;
CREATE INDEX cluster_uid ON cluster (uid, id);

CREATE TABLE claim (
  adapter_id TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  tenant TEXT NOT NULL,
  mesh_type TEXT NOT NULL,
  context TEXT NOT NULL,
  live INTEGER NOT NULL,
  assigned INTEGER NOT NULL,
  conditions_json TEXT NOT NULL,
  since_unix_ms INTEGER NOT NULL,
  PRIMARY KEY (adapter_id, cluster_uid)
) STRICT;
CREATE INDEX claim_cluster ON claim (cluster_uid, mesh_type);

CREATE TABLE mesh (
  id TEXT PRIMARY KEY NOT NULL,
  tenant TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  mesh_type TEXT NOT NULL,
  mesh_key TEXT NOT NULL,
  mesh_version TEXT NOT NULL,
  revision TEXT NOT NULL,
  mode TEXT NOT NULL,
  control_plane_namespace TEXT NOT NULL,
  health TEXT NOT NULL,
  managed INTEGER NOT NULL,
  stale INTEGER NOT NULL,
  member_namespaces_json TEXT NOT NULL,
  conditions_json TEXT NOT NULL,
  version INTEGER NOT NULL,
  last_seen_unix_ms INTEGER NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  updated_unix_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX mesh_cluster ON mesh (cluster_id, id);

CREATE TABLE mesh_history (
  seq INTEGER PRIMARY KEY,
  mesh_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  mesh_version TEXT NOT NULL,
  revision TEXT NOT NULL,
  health TEXT NOT NULL,
  note TEXT NOT NULL,
  time_unix_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX mesh_history_mesh ON mesh_history (mesh_id, seq);

CREATE TABLE object (
  id TEXT PRIMARY KEY NOT NULL,
  tenant TEXT NOT NULL,
  adapter_id TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  mesh_type TEXT NOT NULL,
  mesh_id TEXT NOT NULL,
  api_version TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace_name TEXT NOT NULL,
  name TEXT NOT NULL,
  uid TEXT NOT NULL,
  resource_version TEXT NOT NULL,
  digest TEXT NOT NULL,
  facts_kind TEXT NOT NULL,
  health TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  stale INTEGER NOT NULL,
  updated_unix_ms INTEGER NOT NULL,
  conditions_json TEXT NOT NULL,
  facts_json TEXT NOT NULL,
  body_json TEXT NOT NULL
) STRICT;
CREATE INDEX object_stream ON object (adapter_id, cluster_uid, api_version, kind, epoch);
CREATE INDEX object_cluster ON object (cluster_id, id);
CREATE INDEX object_mesh ON object (mesh_id, id);
CREATE INDEX object_kind ON object (kind, id);
CREATE INDEX object_facts ON object (facts_kind, id) WHERE facts_kind <> '';

CREATE TABLE bookmark (
  adapter_id TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  kinds_key TEXT NOT NULL,
  position TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  snapshot_complete INTEGER NOT NULL,
  PRIMARY KEY (adapter_id, cluster_uid, kinds_key)
) STRICT;
