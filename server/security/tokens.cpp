#include "server/security/tokens.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "libs/base/log.h"
#include "server/security/internal/token_text.h"

namespace meshplay::security {
namespace {

constexpr std::chrono::seconds kMinimumLifetime{60};
constexpr std::chrono::seconds kMaximumLifetime{365LL * 86'400};
constexpr std::chrono::milliseconds kCacheTime{5'000};
constexpr UnixMs kLastUsedStepMs = 60'000;
constexpr std::size_t kMaximumCached = 10'000;

Error Invalid() {
  return Error(ErrorCode::kUnauthenticated, "TOKEN_INVALID", "the token is not valid");
}

Error Expired() {
  return Error(ErrorCode::kUnauthenticated, "TOKEN_EXPIRED", "the token has expired")
      .WithRemediation("Ask an administrator for a new token.");
}

bool IsOver(UnixMs expires, UnixMs now) {
  return expires != 0 && expires <= now;
}

store::ApiTokenRecord NewRecord(const TokenText& text, std::string name, std::vector<std::string> roles, UnixMs now) {
  store::ApiTokenRecord record;
  record.id = text.id;
  record.tenant = std::string(kDefaultTenant);
  record.name = std::move(name);
  record.roles = std::move(roles);
  record.secret_hash_hex = TokenHash(text);
  record.created_unix_ms = now;
  return record;
}

store::AuditRecord Audit(const Caller& by, std::string action, const std::string& token_id,
                         const std::string& request_id, const nlohmann::json& detail, UnixMs now) {
  store::AuditRecord audit;
  audit.tenant = by.tenant;
  audit.principal = by.principal;
  audit.action = std::move(action);
  audit.object = "token/" + token_id;
  audit.decision = "allowed";
  audit.request_id = request_id;
  audit.detail_json = CanonicalJson(detail);
  audit.time_unix_ms = now;
  return audit;
}

Status CheckRoles(const Caller& by, const std::vector<std::string>& roles) {
  if (roles.empty()) {
    return InvalidArgument("ROLE_UNKNOWN", "a token needs at least one role").WithViolation("/roles", "is empty");
  }
  const std::vector<std::string> known = KnownRoles();
  for (std::size_t i = 0; i < roles.size(); ++i) {
    if (std::find(known.begin(), known.end(), roles[i]) == known.end()) {
      return InvalidArgument("ROLE_UNKNOWN", "there is no such role")
          .WithViolation("/roles/" + std::to_string(i), "is none of viewer, operator, admin, platform-admin, auditor");
    }
  }
  const auto holds = [&by](const std::string& role) {
    return std::find(by.roles.begin(), by.roles.end(), role) != by.roles.end();
  };
  if (!holds("platform-admin") && !std::all_of(roles.begin(), roles.end(), holds)) {
    return Error(ErrorCode::kPermissionDenied, "ROLE_NOT_HELD", "a caller can only give away roles that it holds")
        .WithRemediation("Ask a platform-admin.");
  }
  return {};
}

}  // namespace

/// Tokens that were good a moment ago, by the hash of their text: the texts themselves are kept nowhere.
class TokenAuthority::Cache {
 public:
  std::optional<Caller> Find(const std::string& key, BootTime now) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    if (found->second.until > now) return found->second.caller;
    entries_.erase(found);
    return std::nullopt;
  }
  void Put(const std::string& key, const Caller& caller, BootTime now) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (entries_.size() >= kMaximumCached) {
      std::erase_if(entries_, [now](const auto& entry) { return entry.second.until <= now; });
    }
    if (entries_.size() >= kMaximumCached) entries_.clear();
    entries_[key] = Entry{caller, now + kCacheTime};
  }
  void Forget(const std::string& token_id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::erase_if(entries_, [&token_id](const auto& entry) { return entry.second.caller.token_id == token_id; });
  }

 private:
  struct Entry {
    Caller caller;
    BootTime until;
  };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

TokenAuthority::TokenAuthority(store::Store& store, const Clock& clock)
    : store_(store), clock_(clock), cache_(std::make_unique<Cache>()) {}
TokenAuthority::~TokenAuthority() = default;

Result<std::optional<Secret>> TokenAuthority::EnsureFirstToken() {
  const TokenText text = NewTokenText();
  const UnixMs now = clock_.NowUnixMs();
  bool made = false;
  const Status written = store_.Write([&](store::Transaction& tx) -> Status {
    made = false;
    MP_TRY(const std::vector<store::ApiTokenRecord> present, tx.ListApiTokens(std::string(kDefaultTenant), "", 1));
    if (!present.empty()) return {};
    made = true;
    MP_CHECK(tx.PutApiToken(NewRecord(text, "first", {"admin", "platform-admin"}, now)));
    Caller server = Anonymous();
    server.principal = "server";
    return tx.AddAudit(Audit(server, "token.first", text.id, "", {{"roles", {"admin", "platform-admin"}}}, now));
  });
  MP_CHECK(written);
  if (!made) return std::optional<Secret>();
  return std::optional<Secret>(FormatToken(kApiTokenPrefix, text));
}

Result<NewToken> TokenAuthority::Create(const Caller& by, const std::string& name,
                                        const std::vector<std::string>& roles, std::chrono::seconds lifetime,
                                        const std::string& request_id) {
  if (!IsResourceName(name)) {
    return InvalidArgument("TOKEN_NAME_INVALID", "the token's name is not valid")
        .WithViolation("/name", "must be 1 to 63 of a-z, 0-9 and -, starting with a letter, not ending with -");
  }
  if (lifetime < kMinimumLifetime || lifetime > kMaximumLifetime) {
    return InvalidArgument("TOKEN_LIFETIME_INVALID", "the token's lifetime is out of range")
        .WithViolation("/lifetime_seconds", "must be 60 to 31536000");
  }
  MP_CHECK(CheckRoles(by, roles));
  const TokenText text = NewTokenText();
  const UnixMs now = clock_.NowUnixMs();
  NewToken made{NewRecord(text, name, roles, now), FormatToken(kApiTokenPrefix, text)};
  made.record.tenant = by.tenant;
  made.record.expires_unix_ms = now + std::chrono::milliseconds(lifetime).count();
  const nlohmann::json detail = {{"name", name}, {"roles", roles}, {"expires_unix_ms", made.record.expires_unix_ms}};
  const Status written = store_.Write([&](store::Transaction& tx) -> Status {
    MP_CHECK(tx.PutApiToken(made.record));
    return tx.AddAudit(Audit(by, "Access.CreateToken", text.id, request_id, detail, now));
  });
  MP_CHECK(written);
  return made;
}

Status TokenAuthority::Revoke(const Caller& by, const std::string& id, const std::string& request_id) {
  const UnixMs now = clock_.NowUnixMs();
  const Status written = store_.Write([&](store::Transaction& tx) -> Status {
    MP_TRY(const std::optional<store::ApiTokenRecord> found, tx.FindApiToken(id));
    if (!found || found->tenant != by.tenant) return NotFound("TOKEN_UNKNOWN", "there is no such token");
    MP_CHECK(tx.DeleteApiToken(id));
    return tx.AddAudit(Audit(by, "Access.DeleteToken", id, request_id, {{"name", found->name}}, now));
  });
  MP_CHECK(written);
  cache_->Forget(id);
  return {};
}

Result<Caller> TokenAuthority::Verify(std::string_view bearer) {
  if (bearer.empty()) return Error(ErrorCode::kUnauthenticated, "TOKEN_MISSING", "a token is needed");
  const UnixMs now = clock_.NowUnixMs();
  const std::string key = Sha256(bearer);
  if (std::optional<Caller> cached = cache_->Find(key, clock_.NowBoot())) {
    if (IsOver(cached->expires_unix_ms, now)) return Expired();
    return std::move(*cached);
  }
  const std::optional<TokenText> text = ParseToken(kApiTokenPrefix, bearer);
  if (!text) return Invalid();
  std::optional<store::ApiTokenRecord> record;
  const Status read = store_.Read([&](store::Reader& reader) -> Status {
    MP_TRY(record, reader.FindApiToken(text->id));
    return {};
  });
  MP_CHECK(read);
  // An unknown id takes the same comparison, so that time does not tell which ids exist.
  const std::string stored = record ? record->secret_hash_hex : std::string(64, '0');
  if (!EqualConstantTime(stored, TokenHash(*text)) || !record) return Invalid();
  if (IsOver(record->expires_unix_ms, now)) return Expired();
  Caller caller{record->tenant, "token/" + record->name, record->id, record->roles, record->expires_unix_ms};
  cache_->Put(key, caller, clock_.NowBoot());
  if (now - record->last_used_unix_ms >= kLastUsedStepMs) NoteUse(*record);
  return caller;
}

void TokenAuthority::NoteUse(const store::ApiTokenRecord& record) {
  const UnixMs now = clock_.NowUnixMs();
  const Status noted = store_.Write([&](store::Transaction& tx) -> Status {
    MP_TRY(std::optional<store::ApiTokenRecord> current, tx.FindApiToken(record.id));
    if (!current) return {};  // Revoked meanwhile: must not come back.
    current->last_used_unix_ms = now;
    return tx.PutApiToken(*current);
  });
  // A convenience column: a full disk must not lock out readers.
  if (!noted) LogDebug("token use not noted", {{log_key::kReason, noted.error().reason()}});
}

}  // namespace meshplay::security
