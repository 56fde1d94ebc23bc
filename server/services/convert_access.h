#pragma once

#include <cstdint>

#include "meshplay/v1/access.pb.h"
#include "server/store/records.h"
#include "server/store/records_inventory.h"

/// Tokens, secrets, events and audit rows: from rows to messages. Pure. Threads: any.
namespace meshplay::services {

v1::Token ToToken(const store::ApiTokenRecord& record);  ///< Without the secret.
v1::SecretName ToSecretName(const store::SecretRecord& record);
v1::Event ToEvent(const store::EventRecord& record, std::uint64_t epoch);
v1::AuditEntry ToAuditEntry(const store::AuditRecord& record);

}  // namespace meshplay::services
