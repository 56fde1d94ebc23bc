-- What conformance runs found; both tables go with their operation.
CREATE TABLE conformance_run (
  operation_id TEXT PRIMARY KEY NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
  mesh_version TEXT NOT NULL,
  suite TEXT NOT NULL,
  suite_version TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  groups_json TEXT NOT NULL,
  passed INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  skipped INTEGER NOT NULL,
  inconclusive INTEGER NOT NULL,
  unsupported INTEGER NOT NULL
) STRICT;

CREATE TABLE conformance_case (
  operation_id TEXT NOT NULL REFERENCES conformance_run (operation_id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  group_name TEXT NOT NULL,
  title TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  level TEXT NOT NULL,
  took_ms INTEGER NOT NULL,
  evidence_json TEXT NOT NULL,
  PRIMARY KEY (operation_id, position)
) STRICT;
