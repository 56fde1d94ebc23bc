-- What the operation engine keeps. Enum columns hold the numbers of server/store/records.h.
CREATE TABLE meta (
  name TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE operation (
  id TEXT PRIMARY KEY NOT NULL,
  tenant TEXT NOT NULL,
  kind INTEGER NOT NULL,
  type TEXT NOT NULL,
  target_id TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  mesh_type TEXT NOT NULL,
  mesh_id TEXT NOT NULL,
  mesh_key TEXT NOT NULL,
  namespace_name TEXT NOT NULL,
  control_plane_namespace TEXT NOT NULL,
  revision TEXT NOT NULL,
  traits_json TEXT NOT NULL,
  cluster_wide INTEGER NOT NULL,
  principal TEXT NOT NULL,
  reason TEXT NOT NULL,
  origin TEXT NOT NULL,
  retry_of TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  adapter_id TEXT NOT NULL,
  state INTEGER NOT NULL,
  version INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  not_before_unix_ms INTEGER NOT NULL,
  queue_deadline_unix_ms INTEGER NOT NULL,
  deadline_unix_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  last_attempt INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  cancel_requested INTEGER NOT NULL,
  plan_digest TEXT NOT NULL,
  side_effects INTEGER NOT NULL,
  progress_done INTEGER NOT NULL,
  progress_total INTEGER NOT NULL,
  progress_text TEXT NOT NULL,
  request_id TEXT NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  updated_unix_ms INTEGER NOT NULL,
  error_json TEXT NOT NULL,
  options_json TEXT NOT NULL,
  parameters_json TEXT NOT NULL,
  result_json TEXT NOT NULL
) STRICT;
CREATE INDEX operation_state ON operation (state, id);
-- 2 is QUEUED, 8 and above are final.
CREATE INDEX operation_queue ON operation (priority, id) WHERE state = 2;
CREATE INDEX operation_timer ON operation (state, deadline_unix_ms, queue_deadline_unix_ms, not_before_unix_ms, id)
  WHERE state < 8;
CREATE INDEX operation_finished ON operation (updated_unix_ms, id) WHERE state >= 8;
CREATE INDEX operation_target ON operation (target_id, id);
CREATE INDEX operation_cluster ON operation (cluster_id, id);
CREATE INDEX operation_mesh ON operation (mesh_id, id);

CREATE TABLE attempt (
  operation_id TEXT NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  adapter_id TEXT NOT NULL,
  instance_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  phase INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  checkpoint BLOB NOT NULL,
  step_timeout_ms INTEGER NOT NULL,
  started_unix_ms INTEGER NOT NULL,
  ended_unix_ms INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  late_result_json TEXT NOT NULL,
  PRIMARY KEY (operation_id, number)
) STRICT;

CREATE TABLE step (
  operation_id TEXT NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  title TEXT NOT NULL,
  state TEXT NOT NULL,
  text TEXT NOT NULL,
  started_unix_ms INTEGER NOT NULL,
  ended_unix_ms INTEGER NOT NULL,
  PRIMARY KEY (operation_id, attempt, number)
) STRICT;

CREATE TABLE object_outcome (
  arrival INTEGER PRIMARY KEY,
  operation_id TEXT NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  api_version TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace_name TEXT NOT NULL,
  name TEXT NOT NULL,
  action TEXT NOT NULL,
  ok INTEGER NOT NULL,
  error_json TEXT NOT NULL,
  uid TEXT NOT NULL,
  health TEXT NOT NULL
) STRICT;
CREATE INDEX object_outcome_operation ON object_outcome (operation_id);

CREATE TABLE diagnostic (
  arrival INTEGER PRIMARY KEY,
  operation_id TEXT NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  severity TEXT NOT NULL,
  code TEXT NOT NULL,
  summary TEXT NOT NULL,
  detail TEXT NOT NULL,
  pointer TEXT NOT NULL,
  object_json TEXT NOT NULL,
  mesh_feature TEXT NOT NULL
) STRICT;
CREATE INDEX diagnostic_operation ON diagnostic (operation_id);

-- By operation: two plans may have the same digest.
CREATE TABLE plan (
  operation_id TEXT PRIMARY KEY NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
  digest TEXT NOT NULL,
  body_json TEXT NOT NULL
) STRICT;
CREATE INDEX plan_digest ON plan (digest, operation_id);

CREATE TABLE idempotency (
  tenant TEXT NOT NULL,
  principal TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  operation_id TEXT NOT NULL,
  expires_unix_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, principal, idempotency_key)
) STRICT;
CREATE INDEX idempotency_expires ON idempotency (expires_unix_ms);

CREATE TABLE target (
  id TEXT PRIMARY KEY NOT NULL,
  tenant TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  mesh_type TEXT NOT NULL,
  adapter_id TEXT NOT NULL,
  fence INTEGER NOT NULL,
  quarantined_by TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  updated_unix_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX target_cluster ON target (cluster_id, id);
CREATE INDEX target_quarantined ON target (quarantined_by);

-- Carries the scope of its target, so that the locks of one cluster are found without a join.
CREATE TABLE target_lock (
  target_id TEXT PRIMARY KEY NOT NULL REFERENCES target (id) ON DELETE CASCADE,
  operation_id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  mesh_type TEXT NOT NULL
) STRICT;
CREATE INDEX target_lock_cluster ON target_lock (tenant, cluster_uid);

CREATE TABLE hold (
  scope TEXT PRIMARY KEY NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  since_unix_ms INTEGER NOT NULL
) STRICT;

-- The outbox: rows appear in the transaction of the change that they tell.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  subject TEXT NOT NULL,
  kind TEXT NOT NULL,
  body_json TEXT NOT NULL,
  time_unix_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX event_subject ON event (subject, seq);

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  principal TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  decision TEXT NOT NULL,
  request_id TEXT NOT NULL,
  detail_json TEXT NOT NULL,
  time_unix_ms INTEGER NOT NULL,
  hash_hex TEXT NOT NULL
) STRICT;
CREATE INDEX audit_principal ON audit (principal, seq);
CREATE INDEX audit_action ON audit (action, seq);
