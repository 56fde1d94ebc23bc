// What adapters can do: their manifests, and the operation types that follow from them.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "libs/base/json.h"
#include "server/inventory/internal/conditions.h"
#include "server/inventory/internal/manifest.h"
#include "server/inventory/internal/rows.h"
#include "server/inventory/inventory.h"

namespace meshplay::inventory {

Status Inventory::AcceptManifest(const std::string& adapter_id, const std::string& digest,
                                 const std::string& manifest_json) {
  Status kept = KeepManifest(adapter_id, digest, manifest_json);
  if (kept || kept.error().code() != ErrorCode::kInvalidArgument) return kept;
  const UnixMs now = clock_.NowUnixMs();
  const Condition refused{"ManifestAccepted", "False", "ManifestInvalid", kept.error().message(), ""};
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(store::AdapterRecord adapter, GetAdapter(unit, adapter_id));
    const std::string conditions = SetCondition(adapter.conditions_json, refused, now);
    if (conditions == adapter.conditions_json) return {};
    adapter.conditions_json = conditions;
    MP_CHECK(PutChanged(unit, adapter, now));
    return AddEvent(unit, adapter.tenant, "adapter/" + adapter.id, "adapter.changed", {{"adapter_id", adapter.id}},
                    now);
  };
  MP_CHECK(store_.Write(work));
  return kept;
}

Status Inventory::KeepManifest(const std::string& adapter_id, const std::string& digest,
                               const std::string& manifest_json) {
  MP_TRY(ParsedManifest parsed, ParseManifest(manifest_json));
  if (digest.empty() || digest.size() > 256) {
    return InvalidArgument("MANIFEST_INVALID", "a manifest needs a digest of 1 to 256 bytes")
        .WithViolation("/digest", "1 to 256 bytes");
  }
  const UnixMs now = clock_.NowUnixMs();
  Manifest manifest;
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(store::AdapterRecord adapter, GetAdapter(unit, adapter_id));
    if (parsed.mesh_type != adapter.mesh_type) {
      return InvalidArgument("MANIFEST_INVALID", "the manifest's mesh type is not the one the adapter enrolled for")
          .WithViolation("/mesh_type", "must be " + adapter.mesh_type);
    }
    manifest.tenant = adapter.tenant;
    manifest.mesh_type = adapter.mesh_type;
    adapter.manifest_digest = digest;
    adapter.manifest_json = manifest_json;
    adapter.conditions_json =
        SetCondition(adapter.conditions_json, {"ManifestAccepted", "True", "Accepted", "", ""}, now);
    if (adapter.display_name.empty()) adapter.display_name = parsed.display_name;
    MP_CHECK(PutChanged(unit, adapter, now));
    return AddEvent(unit, adapter.tenant, "adapter/" + adapter.id, "adapter.manifest",
                    {{"adapter_id", adapter.id},
                     {"mesh_type", adapter.mesh_type},
                     {"digest", digest},
                     {"operation_types", parsed.types.size()}},
                    now);
  };
  MP_CHECK(store_.Write(work));
  const std::lock_guard lock(mutex_);
  manifest.order = next_order_++;
  manifest.types = std::move(parsed.types);
  manifests_[adapter_id] = std::move(manifest);
  return {};
}

Status Inventory::LoadManifests() {
  {
    const std::lock_guard lock(mutex_);
    if (manifests_loaded_) return {};
  }
  std::vector<store::AdapterRecord> adapters;
  const auto work = [&](store::Reader& reader) -> Status {
    MP_TRY(adapters, AllAdapters(reader, "", ""));
    return {};
  };
  MP_CHECK(store_.Read(work));
  std::sort(adapters.begin(), adapters.end(),
            [](const auto& a, const auto& b) { return a.updated_unix_ms < b.updated_unix_ms; });
  const std::lock_guard lock(mutex_);
  if (manifests_loaded_) return {};
  std::uint64_t order = 1;  // below what AcceptManifest gave out while this ran: those are newer and stay
  next_order_ += adapters.size();
  for (auto& [id, manifest] : manifests_) manifest.order += adapters.size();
  for (const store::AdapterRecord& adapter : adapters) {
    if (adapter.manifest_json.empty() || adapter.state == "REVOKED" || manifests_.count(adapter.id) != 0) continue;
    auto parsed = ParseManifest(adapter.manifest_json);
    if (!parsed) continue;  // accepted by an older server with other rules: asked for again at the next session
    manifests_[adapter.id] = {adapter.tenant, adapter.mesh_type, order++, std::move(parsed->types)};
  }
  manifests_loaded_ = true;
  return {};
}

Result<std::vector<OperationType>> Inventory::OperationTypes(const std::string& tenant, const std::string& mesh_type) {
  MP_CHECK(LoadManifests());
  std::map<std::pair<std::string, std::string>, std::pair<std::uint64_t, OperationType>> newest;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [adapter_id, manifest] : manifests_) {
      if (manifest.tenant != tenant || (!mesh_type.empty() && manifest.mesh_type != mesh_type)) continue;
      for (const OperationType& type : manifest.types) {
        auto& [order, known] = newest[{type.type, type.mesh_type}];
        std::vector<std::string> adapter_ids = std::move(known.adapter_ids);
        adapter_ids.push_back(adapter_id);
        if (manifest.order > order) {
          known = type;
          order = manifest.order;
        }
        known.adapter_ids = std::move(adapter_ids);
      }
    }
  }
  std::vector<OperationType> types;
  for (auto& [name, entry] : newest) types.push_back(std::move(entry.second));
  return types;
}

Result<Inventory::FoundType> Inventory::FindOperationType(const std::string& tenant, const std::string& name,
                                                          const std::string& mesh_type) {
  MP_TRY(std::vector<OperationType> types, OperationTypes(tenant, mesh_type));
  std::vector<FoundType> exact;
  std::vector<FoundType> by_alias;
  for (OperationType& type : types) {
    const auto alias = type.aliases.find(name);
    if (type.type == name) {
      exact.push_back({std::move(type), ""});
    } else if (alias != type.aliases.end()) {
      std::string parameters = alias->second;
      by_alias.push_back({std::move(type), std::move(parameters)});
    }
  }
  std::vector<FoundType>& found = exact.empty() ? by_alias : exact;
  if (found.empty()) {
    return NotFound("OPERATION_TYPE_UNKNOWN", "no adapter offers an operation of this type")
        .WithMetadata("type", name.substr(0, 128))
        .WithRemediation("List the operation types; an adapter that never connected offers none.");
  }
  if (found.size() > 1) {
    std::string mesh_types;
    for (const FoundType& entry : found) mesh_types += (mesh_types.empty() ? "" : ",") + entry.type.mesh_type;
    return InvalidArgument("OPERATION_TYPE_AMBIGUOUS", "several mesh types offer an operation of this name")
        .WithMetadata("mesh_types", mesh_types)
        .WithRemediation("Name the mesh, or the mesh type.");
  }
  return std::move(found.front());
}

}  // namespace meshplay::inventory
