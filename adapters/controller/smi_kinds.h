#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/kube/object.h"

namespace meshplay::controller {

struct SmiKind {
  std::string group, kind, plural;
  std::vector<std::string> versions;  ///< That exist, newest first.
  std::string definition() const { return plural + "." + group; }
};

/// All kinds that a person writes.
const std::vector<SmiKind>& SmiKinds();

/// How one cluster serves a kind: clusters differ, so this is asked of each definition.
struct ServedKind {
  kube::Gvk gvk;            ///< The newest served version that we know.
  bool has_status = false;  ///< It has a status subresource.
};
/// nullopt when no version that we know is served, or the definition is being deleted.
std::optional<ServedKind> ServedBy(const SmiKind& kind, const nlohmann::json& definition);

/// Our own definitions of all kinds: structural, with status, every served version with the same fields (so that
/// conversion is a change of the name only). Versions that lack fields or have them elsewhere are not served.
std::vector<nlohmann::json> SmiDefinitions();

/// Somebody who reads SMI objects natively on this cluster.
struct NativeConsumer {
  std::string name;  ///< "Traefik Mesh"
  std::string what;  ///< The object that shows it.
};
/// Looks at workloads (by their images) and at owners of SMI definitions. Each needs whole objects.
std::optional<NativeConsumer> FindNativeConsumer(const std::vector<const nlohmann::json*>& workloads,
                                                 const std::vector<const nlohmann::json*>& definitions);

}  // namespace meshplay::controller
