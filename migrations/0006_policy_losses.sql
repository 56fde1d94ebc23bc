-- What the translation of an applied policy found missing on a cluster, and when it is applied again for what came or went.
ALTER TABLE policy_mesh ADD COLUMN losses_json TEXT NOT NULL DEFAULT '';
ALTER TABLE policy_mesh ADD COLUMN reapply_unix_ms INTEGER NOT NULL DEFAULT 0;
