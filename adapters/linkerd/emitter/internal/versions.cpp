#include "adapters/linkerd/emitter/internal/versions.h"

#include <utility>

#include "adapters/translate/mesh_version.h"

namespace meshplay::linkerd {

bool ReadsTcpRoutes(std::string_view version) {
  const auto read = translate::ReadMeshVersion(version);
  if (!read.has_value()) return true;
  // 2.17 is edge-24.11.8.
  return std::pair(read->major, read->minor) >= (read->edge ? std::pair(24, 11) : std::pair(2, 17));
}

}  // namespace meshplay::linkerd
