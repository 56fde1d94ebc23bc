#include "server/services/internal/core.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"

namespace meshplay::services {
namespace {

bool ParseNumber(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

engine::Actor ActorOf(const CallContext& context) {
  return engine::Actor{context.caller.tenant, context.caller.principal, context.request_id};
}

store::AuditRecord AuditOf(const Core& core, const CallContext& context, std::string action, std::string object,
                           std::string decision, const nlohmann::json& detail) {
  store::AuditRecord audit;
  audit.tenant = context.caller.tenant;
  audit.principal = context.caller.principal;
  audit.action = std::move(action);
  audit.object = std::move(object);
  audit.decision = std::move(decision);
  audit.request_id = context.request_id;
  audit.detail_json = CanonicalJson(detail);
  audit.time_unix_ms = core.deps.clock.NowUnixMs();
  return audit;
}

Status WriteAudit(const Core& core, const CallContext& context, std::string action, std::string object,
                  const nlohmann::json& detail) {
  const store::AuditRecord audit = AuditOf(core, context, std::move(action), std::move(object), "allowed", detail);
  return core.deps.store.Write([&audit](store::Transaction& tx) { return tx.AddAudit(audit); });
}

std::string SyncToken(std::uint64_t epoch, std::uint64_t seq) {
  return std::to_string(epoch) + "." + std::to_string(seq);
}

Result<std::string> SyncTokenAt(store::Reader& reader) {
  MP_TRY(const store::EventHorizon horizon, reader.Horizon());
  return SyncToken(horizon.epoch, horizon.newest);
}

Result<std::pair<std::uint64_t, std::uint64_t>> ParseSyncToken(std::string_view text) {
  const std::size_t dot = text.find('.');
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  if (dot == std::string_view::npos || !ParseNumber(text.substr(0, dot), epoch) ||
      !ParseNumber(text.substr(dot + 1), seq)) {
    return InvalidArgument("SYNC_TOKEN_INVALID", "the sync token cannot be read")
        .WithViolation("/since", "must be a sync_token or an event id, unchanged");
  }
  return std::pair(epoch, seq);
}

std::string EtagOf(std::uint64_t version) {
  return std::to_string(version);
}

Error StaleEtag() {
  return Aborted("ETAG_STALE", "the resource has changed since the given etag")
      .WithRemediation("Read it again and repeat the change with the new etag.");
}

Status CheckEtag(const std::string& etag, std::uint64_t current) {
  if (etag.empty()) {
    return FailedPrecondition("ETAG_REQUIRED", "the change must name the etag that it is based on")
        .WithRemediation("Read the resource and send its etag: header If-Match, or the field etag over gRPC.");
  }
  const std::string tag = EtagOf(current);
  if (etag == "*" || etag == tag || etag == "\"" + tag + "\"") return {};
  return StaleEtag();
}

}  // namespace meshplay::services
