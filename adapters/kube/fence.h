#pragma once

#include <cstdint>
#include <string>

#include "adapters/kube/client.h"
#include "libs/base/result.h"

namespace meshplay::kube {

/// Namespace and annotation of the fence, and the prefix of the Lease's name ("meshplay-istio").
inline constexpr char kFenceNamespace[] = "kube-system";
inline constexpr char kFenceAnnotation[] = "meshplay.dev/fence";
inline constexpr char kFenceLeasePrefix[] = "meshplay-";

struct FenceClaim {
  std::string mesh_type;    ///< "istio"
  std::uint64_t fence = 0;  ///< Of the attempt.
  std::string holder;       ///< Adapter id, written for people into spec.holderIdentity.
};

/// Raises the number in Lease kube-system/meshplay-<mesh type> to `claim.fence` by compare-and-swap; an equal number is
/// fine (the same attempt again). The Lease is made when absent and is never deleted by Meshplay.
/// Returns the number stored before (0 when there was none).
/// Errors: kAborted FENCED with metadata `seen` (the higher number stored); kFailedPrecondition FENCE_UNREADABLE when
/// someone wrote no number there; those of Client.
Result<std::uint64_t> RaiseFence(Client& client, const FenceClaim& claim, const Call& call = {});

/// The number stored now; 0 when there is none. Errors: as RaiseFence but FENCED.
Result<std::uint64_t> ReadFence(Client& client, const std::string& mesh_type, const Call& call = {});

}  // namespace meshplay::kube
