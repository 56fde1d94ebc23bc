-- The wanted SMI state: policies, their revisions, how far each mesh is, and named groups of clusters.
CREATE TABLE policy (
  uid TEXT PRIMARY KEY NOT NULL,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  display_name TEXT NOT NULL,
  labels_json TEXT NOT NULL,
  revision INTEGER NOT NULL,
  paused INTEGER NOT NULL,
  pause_reason TEXT NOT NULL,
  deleting INTEGER NOT NULL,
  deleted_by TEXT NOT NULL,
  rollout_state TEXT NOT NULL,
  rollout_stage INTEGER NOT NULL,
  rollout_settled_unix_ms INTEGER NOT NULL,
  rollout_message TEXT NOT NULL,
  created_by TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  updated_unix_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX policy_id ON policy (id, tenant);

CREATE TABLE policy_revision (
  policy_uid TEXT NOT NULL REFERENCES policy (uid) ON DELETE CASCADE,
  tenant TEXT NOT NULL,
  number INTEGER NOT NULL,
  digest TEXT NOT NULL,
  spec_json TEXT NOT NULL,
  documents TEXT NOT NULL,
  principal TEXT NOT NULL,
  note TEXT NOT NULL,
  restored_from INTEGER NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  PRIMARY KEY (policy_uid, number)
) STRICT;

CREATE TABLE policy_mesh (
  policy_uid TEXT NOT NULL REFERENCES policy (uid) ON DELETE CASCADE,
  mesh_id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  mesh_type TEXT NOT NULL,
  stage INTEGER NOT NULL,
  state TEXT NOT NULL,
  level TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  applied_revision INTEGER NOT NULL,
  drifted INTEGER NOT NULL,
  may_have_objects INTEGER NOT NULL,
  operation_id TEXT NOT NULL,
  operation_kind TEXT NOT NULL,
  operation_revision INTEGER NOT NULL,
  last_operation_id TEXT NOT NULL,
  plan_operation_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  retry_unix_ms INTEGER NOT NULL,
  drift_due_unix_ms INTEGER NOT NULL,
  drift_checked_unix_ms INTEGER NOT NULL,
  since_unix_ms INTEGER NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  updated_unix_ms INTEGER NOT NULL,
  PRIMARY KEY (policy_uid, mesh_id)
) STRICT;

CREATE TABLE policy_report (
  policy_uid TEXT NOT NULL REFERENCES policy (uid) ON DELETE CASCADE,
  mesh_id TEXT NOT NULL,
  reports_json TEXT NOT NULL,
  drift_json TEXT NOT NULL,
  error_json TEXT NOT NULL,
  PRIMARY KEY (policy_uid, mesh_id)
) STRICT;

CREATE TABLE environment (
  id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  uid TEXT NOT NULL,
  display_name TEXT NOT NULL,
  labels_json TEXT NOT NULL,
  clusters_json TEXT NOT NULL,
  selector_json TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  updated_unix_ms INTEGER NOT NULL,
  PRIMARY KEY (id, tenant)
) STRICT;
