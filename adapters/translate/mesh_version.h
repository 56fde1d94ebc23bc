#pragma once

#include <compare>
#include <optional>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay::translate {

/// What decides about a mesh's version: "1.28.3" and "edge-24.11.8".
struct MeshVersion {
  int major = 0;
  int minor = 0;
  bool edge = false;  ///< Linkerd's edge releases, numbered by year and month.
};

/// Two or three numbers with dots between them, after nothing, "v", "stable-" or "edge-", before nothing or a suffix
/// such as "-rc.1" or "+build": at most 64 characters, numbers of at most four digits. nullopt: anything else.
std::optional<MeshVersion> ReadMeshVersion(std::string_view text);

/// True when the facts say a version, and it is older than `major`.`minor`. An edge release never is.
bool IsOlderThan(std::string_view version, int major, int minor);

/// `oldest` is "major.minor", or empty when every version is written for. An empty version is fine: it is not known.
/// Errors: kInvalidArgument MESH_VERSION_INVALID.
Status CheckMeshVersion(std::string_view version, std::string_view mesh, std::string_view oldest);

}  // namespace meshplay::translate
