#pragma once

#include <memory>

#include "adapters/common/operation.h"
#include "adapters/conformance/mesh.h"
#include "adapters/conformance/scratch.h"
#include "adapters/conformance/verdict.h"

namespace meshplay::conformance {

/// The operation type smi.conformance of a mesh adapter. Apply carries out a run (task kind CONFORMANCE) and succeeds
/// whenever a run was carried out, whatever it found; the report is in the result. However it ends, its scratch
/// namespaces are removed: by the run itself, by its next attempt, or by SweepScratch when the adapter starts again.
/// Errors: kFailedPrecondition SCRATCH_NOT_REMOVED, PREREQUISITE_MISSING; kInvalidArgument PARAMETERS_INVALID.
std::unique_ptr<common::Operation> MakeConformance(FindMesh find_mesh, Holder holder);

/// Pure.
common::pb::ConformanceReport ToProtocol(const RunReport& report, const std::string& mesh_version);

}  // namespace meshplay::conformance
