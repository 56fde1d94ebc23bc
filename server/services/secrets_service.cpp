#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "libs/base/ids.h"
#include "server/security/secret_box.h"
#include "server/services/convert_access.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"

namespace meshplay::services {
namespace {

constexpr std::size_t kMaximumKey = 253;

bool IsKey(const std::string& key) {
  return !key.empty() && key.size() <= kMaximumKey && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

Result<v1::SecretName> CreateSecret(const Core& core, const CallContext& context,
                                    const v1::CreateSecretRequest& request) {
  if (!IsResourceName(request.name())) {
    return InvalidArgument("SECRET_NAME_INVALID", "the secret's name is not valid")
        .WithViolation("/name", "must be 1 to 63 of a-z, 0-9 and -, starting with a letter, not ending with -");
  }
  const std::map<std::string, std::string> data(request.data().begin(), request.data().end());
  store::SecretRecord record;
  for (const auto& [key, value] : data) {
    if (!IsKey(key)) {
      return InvalidArgument("SECRET_DATA_INVALID", "a key of the secret is not valid")
          .WithViolation("/data", "has a key that is not 1 to 253 of A-Z, a-z, 0-9, -, _ and .");
    }
    record.keys.push_back(key);
  }
  record.tenant = context.caller.tenant;
  record.name = request.name();
  record.version = NewUuidV7();
  record.sealed = security::SealSecret(core.deps.sealer, record.name, data);
  record.created_unix_ms = core.deps.clock.NowUnixMs();
  const store::AuditRecord audit = AuditOf(core, context, "Secrets.CreateSecret", "secret/" + record.name, "allowed",
                                           {{"version", record.version}, {"keys", record.keys}});
  const Status written = core.deps.store.Write([&](store::Transaction& tx) -> Status {
    MP_CHECK(tx.PutSecret(record));
    return tx.AddAudit(audit);
  });
  MP_CHECK(written);
  return ToSecretName(record);
}

Result<v1::ListSecretsResponse> ListSecrets(const Core& core, const CallContext& context,
                                            const v1::ListSecretsRequest& request) {
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<v1::ListSecretsResponse>(core, [&](store::Reader& reader) -> Result<v1::ListSecretsResponse> {
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListSecrets(context.caller.tenant, after, limit);
    };
    const auto key = [](const store::SecretRecord& row) { return row.name; };
    MP_TRY(const Rows<store::SecretRecord> rows, CollectPage<store::SecretRecord>(page, fetch, key));
    v1::ListSecretsResponse response;
    for (const store::SecretRecord& row : rows.rows) *response.add_secrets() = ToSecretName(row);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::DeleteSecretResponse> DeleteSecret(const Core& core, const CallContext& context,
                                              const v1::DeleteSecretRequest& request) {
  const store::AuditRecord audit =
      AuditOf(core, context, "Secrets.DeleteSecret", "secret/" + request.name(), "allowed", nlohmann::json::object());
  const Status written = core.deps.store.Write([&](store::Transaction& tx) -> Status {
    MP_TRY(const std::optional<store::SecretRecord> found, tx.FindSecret(context.caller.tenant, request.name()));
    if (!found) return NotFound("SECRET_UNKNOWN", "there is no such secret");
    MP_CHECK(tx.DeleteSecret(context.caller.tenant, request.name()));
    return tx.AddAudit(audit);
  });
  MP_CHECK(written);
  return v1::DeleteSecretResponse();
}

}  // namespace

void AddSecrets(MethodTable& table) {
  table.Add("Secrets.CreateSecret", CreateSecret);
  table.Add("Secrets.ListSecrets", ListSecrets);
  table.Add("Secrets.DeleteSecret", DeleteSecret);
}

}  // namespace meshplay::services
