#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"
#include "libs/base/secret.h"
#include "server/security/roles.h"
#include "server/store/store.h"

namespace meshplay::security {

struct NewToken {
  store::ApiTokenRecord record;
  Secret token;  ///< "mp_<id>_<secret>_<checksum>": shown once, only its hash is stored.
};

/// Makes and checks API tokens: 256-bit secrets stored as SHA-256, compared in constant time.
/// Threads: any; may block for a store read or write. Ownership: keeps references to its arguments.
class TokenAuthority {
 public:
  TokenAuthority(store::Store& store, const Clock& clock);
  ~TokenAuthority();
  TokenAuthority(const TokenAuthority&) = delete;
  TokenAuthority& operator=(const TokenAuthority&) = delete;

  /// The token of the first start (role admin and platform-admin) when there is no token at all; else nothing.
  Result<std::optional<Secret>> EnsureFirstToken();

  /// `by` must itself hold every role it gives away, unless it holds platform-admin. Lifetime 1 minute to 1 year.
  /// The audit row is part of the same unit. Several tokens may share a name, so that one can be replaced in service.
  /// Errors: kInvalidArgument ROLE_UNKNOWN, TOKEN_NAME_INVALID, TOKEN_LIFETIME_INVALID; kPermissionDenied
  /// ROLE_NOT_HELD.
  Result<NewToken> Create(const Caller& by, const std::string& name, const std::vector<std::string>& roles,
                          std::chrono::seconds lifetime, const std::string& request_id);
  Status Revoke(const Caller& by, const std::string& id, const std::string& request_id);  ///< kNotFound TOKEN_UNKNOWN

  /// Checks a bearer token. Cached for at most 5 s, so a revoked token stops within that time.
  /// Errors: kUnauthenticated TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED.
  Result<Caller> Verify(std::string_view bearer);

 private:
  class Cache;
  void NoteUse(const store::ApiTokenRecord& record);

  store::Store& store_;
  const Clock& clock_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace meshplay::security
