#pragma once

#include <optional>
#include <set>
#include <string>

#include "server/store/store.h"

/// Keeps the rows of meshes true to the objects that describe them.
namespace meshplay::inventory {

struct MeshPlace {
  std::string tenant;
  std::string cluster_id;
  std::string cluster_uid;
  std::string mesh_type;
};

/// Puts a mesh that changed, with history and event; nothing when only the time it was seen differs by less than a
/// minute. `before` is absent for a mesh that appears.
Status PutMesh(store::Transaction& unit, const std::optional<store::MeshRecord>& before, store::MeshRecord mesh,
               UnixMs now);

/// The mesh is no more: row, history, event.
Status EndMesh(store::Transaction& unit, const store::MeshRecord& mesh, const std::string& note, UnixMs now);

/// Computes each named mesh from the objects with mesh facts (several may describe one mesh: the first non-empty value
/// of each field in the order of object ids, the worst health). A mesh that no object describes any more is ended.
Status RefreshMeshes(store::Transaction& unit, const MeshPlace& place, const std::string& adapter_id,
                     const std::set<std::string>& mesh_ids, UnixMs now);

/// As RefreshMeshes for every mesh of the place, but one without objects (known from a detection) is left alone.
Status RefreshPlace(store::Transaction& unit, const MeshPlace& place, const std::string& adapter_id, UnixMs now);

/// Nobody watches these meshes: stale, conditions Unknown. What is known stays.
Status MarkMeshesStale(store::Transaction& unit, const MeshPlace& place, const std::string& reason, UnixMs now);

}  // namespace meshplay::inventory
