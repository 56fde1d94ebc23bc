#pragma once

#include <optional>
#include <string_view>

#include "adapters/translate/common_options.h"
#include "adapters/translate/emitter.h"

namespace meshplay::legacy {

/// Meshes whose own controller reads SMI.
enum class Mesh { kTraefik, kOsm, kNginx };

std::optional<Mesh> MeshOf(std::string_view name);  ///< "traefik-mesh", "osm" or "nginx-service-mesh".
std::string_view NameOf(Mesh mesh);
std::string_view TitleOf(Mesh mesh);  ///< For people.

struct EmitOptions {
  translate::CommonOptions common;
};

/// Sets one option by its documented name: the common ones, and mode (scoped only: what is denied when no TrafficTarget
/// speaks of it is a setting of these meshes). Errors: kInvalidArgument SMI_OPTION_UNKNOWN, SMI_OPTION_INVALID;
/// kUnimplemented SMI_OPTION_UNSUPPORTED.
Status SetOption(EmitOptions& options, std::string_view name, std::string_view value);

/// Writes SMI in the versions and in the dialect that the mesh's controller reads (06 §4.7), under the names of the
/// source objects: OSM access v1alpha3, specs v1alpha4, split v1alpha2; Traefik Mesh and NGINX Service Mesh access
/// v1alpha2, specs v1alpha3, split v1alpha3. Paths and headers are rewritten so that the mesh's own matching comes to
/// what SMI says; what it would take for more is left out (NARROWED), unless `allow_widening` and the mesh has a form
/// for it. None of them unites overlapping grants of different sources (OVERLAP_ORDER).
///
/// Facts that matter: the served versions of the SMI kinds (a mesh that does not serve what it reads gets nothing), the
/// controller's workload and its arguments, OSM's MeshConfig. Errors: kInvalidArgument SMI_OPTION_INVALID.
/// Threads: any; pure.
Result<translate::Emission> EmitSmi(Mesh mesh, const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options);

/// For the command `translate`.
translate::TranslateEmitter Emitter(Mesh mesh);

}  // namespace meshplay::legacy
