#pragma once

#include <google/protobuf/message.h>

#include <atomic>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "server/engine/engine.h"
#include "server/inventory/inventory.h"
#include "server/policy/policies.h"
#include "server/security/authority.h"
#include "server/security/enrollment.h"
#include "server/security/sealer.h"
#include "server/security/tokens.h"
#include "server/services/api.h"
#include "server/store/store.h"

namespace meshplay::services {

/// What every method has at hand.
struct Core {
  explicit Core(Dependencies dependencies) : deps(std::move(dependencies)), started_unix_ms(deps.clock.NowUnixMs()) {}
  Dependencies deps;
  UnixMs started_unix_ms;
  std::atomic<bool> stopping{false};
};

engine::Actor ActorOf(const CallContext& context);

/// An audit row of this call; the hash and number are the store's.
store::AuditRecord AuditOf(const Core& core, const CallContext& context, std::string action, std::string object,
                           std::string decision, const nlohmann::json& detail);
/// The row of an allowed change, for rooms that write none in the unit of the change: written just before it, so that
/// there is never a change without its row, at worst a row whose change then failed.
Status WriteAudit(const Core& core, const CallContext& context, std::string action, std::string object,
                  const nlohmann::json& detail);

/// Runs `work` on one snapshot and returns what it made.
template <class T>
Result<T> ReadFrom(const Core& core, const std::function<Result<T>(store::Reader&)>& work) {
  Result<T> made = Internal("INTERNAL_BUG", "the read did not run");
  const Status read = core.deps.store.Read([&](store::Reader& reader) -> Status {
    made = work(reader);
    if (!made.has_value()) return made.error();
    return {};
  });
  if (!read.has_value()) return read.error();
  return made;
}

/// "<epoch>.<seq>": the position just after everything the reader sees.
Result<std::string> SyncTokenAt(store::Reader& reader);
std::string SyncToken(std::uint64_t epoch, std::uint64_t seq);
/// Errors: kInvalidArgument SYNC_TOKEN_INVALID.
Result<std::pair<std::uint64_t, std::uint64_t>> ParseSyncToken(std::string_view text);

std::string EtagOf(std::uint64_t version);  ///< "7"; the REST door adds the quotes of a strong tag.
/// OK when the caller saw `current`, or said "*". Errors: kFailedPrecondition ETAG_REQUIRED when empty; kAborted
/// ETAG_STALE for anything else, weak tags included.
Status CheckEtag(const std::string& etag, std::uint64_t current);

Error StaleEtag();

}  // namespace meshplay::services
