-- Who may come in, and sealed secrets. Secret values are here only as hashes or ciphertext.
CREATE TABLE enrollment_token (
  id TEXT PRIMARY KEY NOT NULL,
  tenant TEXT NOT NULL,
  mesh_type TEXT NOT NULL,
  display_name TEXT NOT NULL,
  secret_hash_hex TEXT NOT NULL,
  rejoin_adapter_id TEXT NOT NULL,
  adapter_id TEXT NOT NULL,
  csr_key_digest_hex TEXT NOT NULL,
  response_json TEXT NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  expires_unix_ms INTEGER NOT NULL,
  used_unix_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE api_token (
  id TEXT PRIMARY KEY NOT NULL,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  roles_json TEXT NOT NULL,
  secret_hash_hex TEXT NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  expires_unix_ms INTEGER NOT NULL,
  last_used_unix_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE secret (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  sealed BLOB NOT NULL,
  keys_json TEXT NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, name, version)
) STRICT;
