// What people change about adapters.
#include <nlohmann/json.hpp>

#include "server/inventory/internal/rows.h"
#include "server/inventory/inventory.h"

namespace meshplay::inventory {
namespace {

Result<store::AdapterRecord> FindAdapterOf(store::Reader& reader, const std::string& tenant, const std::string& id) {
  MP_TRY(auto adapter, reader.FindAdapter(tenant, id));
  if (!adapter) return NotFound("ADAPTER_UNKNOWN", "there is no such adapter").WithMetadata("adapter_id", id);
  return std::move(*adapter);
}

}  // namespace

Result<store::AdapterRecord> Inventory::SetAdapterState(const std::string& tenant, const std::string& id,
                                                        const std::string& state) {
  if (state != "ENROLLED" && state != "DRAINING") {
    return InvalidArgument("ADAPTER_STATE_INVALID", "an adapter can be set to ENROLLED or DRAINING");
  }
  store::AdapterRecord changed;
  const UnixMs now = clock_.NowUnixMs();
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(changed, FindAdapterOf(unit, tenant, id));
    if (changed.state == "REVOKED") return FailedPrecondition("ADAPTER_REVOKED", "the adapter was revoked");
    if (changed.state == state) return {};
    changed.state = state;
    MP_CHECK(PutChanged(unit, changed, now));
    return AddEvent(unit, tenant, "adapter/" + id, "adapter.changed", {{"adapter_id", id}, {"state", state}}, now);
  };
  MP_CHECK(store_.Write(work));
  return changed;
}

Result<store::AdapterRecord> Inventory::RevokeAdapter(const std::string& tenant, const std::string& id,
                                                      std::uint64_t version) {
  store::AdapterRecord changed;
  const UnixMs now = clock_.NowUnixMs();
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(store::AdapterRecord adapter, FindAdapterOf(unit, tenant, id));
    if (adapter.version != version) {
      return Aborted("ETAG_STALE", "the adapter changed since it was read")
          .WithRemediation("Read it again and repeat the change with the new etag.");
    }
    adapter.state = "REVOKED";
    MP_CHECK(unit.DeleteBookmarks(id));
    MP_CHECK(CloseSession(unit, adapter, "Revoked"));
    MP_CHECK(AddEvent(unit, tenant, "adapter/" + id, "adapter.revoked", {{"adapter_id", id}}, now));
    MP_TRY(changed, FindAdapterOf(unit, tenant, id));
    return {};
  };
  MP_CHECK(store_.Write(work));
  const std::lock_guard lock(mutex_);
  manifests_.erase(id);
  streams_.erase(id);
  return changed;
}

}  // namespace meshplay::inventory
