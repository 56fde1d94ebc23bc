#include "server/services/convert_access.h"

#include "server/services/convert_common.h"
#include "server/services/internal/core.h"

namespace meshplay::services {

v1::Token ToToken(const store::ApiTokenRecord& record) {
  v1::Token out;
  out.set_id(record.id);
  out.set_name(record.name);
  for (const std::string& role : record.roles) out.add_roles(role);
  *out.mutable_create_time() = ToTimestamp(record.created_unix_ms);
  if (record.expires_unix_ms != 0) *out.mutable_expire_time() = ToTimestamp(record.expires_unix_ms);
  if (record.last_used_unix_ms != 0) *out.mutable_last_used_time() = ToTimestamp(record.last_used_unix_ms);
  return out;
}

v1::SecretName ToSecretName(const store::SecretRecord& record) {
  v1::SecretName out;
  out.set_name(record.name);
  out.set_version(record.version);
  *out.mutable_create_time() = ToTimestamp(record.created_unix_ms);
  for (const std::string& key : record.keys) out.add_keys(key);
  return out;
}

v1::Event ToEvent(const store::EventRecord& record, std::uint64_t epoch) {
  v1::Event out;
  out.set_id(SyncToken(epoch, record.seq));
  out.set_seq(record.seq);
  *out.mutable_time() = ToTimestamp(record.time_unix_ms);
  out.set_subject(record.subject);
  out.set_kind(record.kind);
  out.set_body_json(record.body_json);
  return out;
}

v1::AuditEntry ToAuditEntry(const store::AuditRecord& record) {
  v1::AuditEntry out;
  out.set_seq(record.seq);
  *out.mutable_time() = ToTimestamp(record.time_unix_ms);
  out.set_principal(record.principal);
  out.set_action(record.action);
  out.set_object(record.object);
  out.set_decision(record.decision);
  out.set_request_id(record.request_id);
  out.set_detail_json(record.detail_json);
  out.set_hash(record.hash_hex);
  return out;
}

}  // namespace meshplay::services
