#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kube/object.h"
#include "libs/base/result.h"

/// In-cluster SMI: keeps the translation of a cluster's SMI objects in step, for any mesh (06 §5, docs/operations.md).
namespace meshplay::controller {

inline constexpr char kOwner[] = "controller";
inline constexpr char kFieldManager[] = "meshplay-smi";
inline constexpr char kFinalizer[] = "meshplay.dev/smi-controller";
inline constexpr char kSourcesAnnotation[] = "meshplay.dev/smi-sources";
/// More does not fit into a ConfigMap with certainty.
inline constexpr std::size_t kMaxStateBytes = 900 * 1024;

/// What is remembered of a TrafficTarget or TrafficSplit since it was last translated without a loss.
struct SourceRecord {
  std::string uid;
  std::int64_t generation = 0;
  std::map<std::string, std::string> references;  ///< "HTTPRouteGroup/ns/name" to a digest of its uid and generation.
  std::set<std::string> losses;                   ///< What was missing already: "CODE pointer".
  std::string level;                              ///< As translated then.
  std::int64_t degraded_until_ms = 0;             ///< Wall clock; 0: nothing is missing that was there.
  bool operator==(const SourceRecord&) const = default;
};

/// What the controller must find again after a restart. Kept in a ConfigMap of the cluster.
struct State {
  std::vector<kube::ObjectRef> objects;         ///< The inventory, in the order in which the objects were applied.
  std::map<std::string, SourceRecord> sources;  ///< By smi::ObjectKey::Text().
  bool operator==(const State&) const = default;
};

std::string PrintState(const State& state);
/// Unreadable text is an empty state: the owner's label still finds the objects, and nothing has a grace.
State ReadState(std::string_view text);

bool HasFinalizer(const nlohmann::json& object);
/// The object's finalizers without ours.
nlohmann::json OtherFinalizers(const nlohmann::json& object);

/// The names in the annotation meshplay.dev/smi-sources of a generated object; not all of them when it has very many
/// (translate::kMaxSourcesBytes).
std::vector<std::string> SourcesOf(const nlohmann::json& object);

}  // namespace meshplay::controller
