#pragma once

#include "adapters/sdk/adapter.h"
#include "libs/base/result.h"

namespace meshplay::common {

namespace pb = meshplay::adapter::v1;

/// What an error of the Kubernetes client, of helm or of a step means to the engine (the error table of the protocol):
/// reasons that the table knows keep their name, those of our libraries are brought to the table's (TARGET_TIMEOUT to
/// TARGET_UNREACHABLE, KIND_UNKNOWN to PREREQUISITE_MISSING; metadata cause_reason keeps the exact one).
/// Threads: any; pure.
pb::Error ToProtocolError(const Error& error, pb::SideEffects side_effects);

/// What a failed write has certainly done: NONE when the server refused it or never got it, else UNKNOWN.
pb::SideEffects EffectsOfFailedWrite(const Error& error);

/// What a failed helm run left: NONE when helm stopped before it touched the cluster, else PARTIAL.
pb::SideEffects EffectsOfFailedHelm(const Error& error);

/// "Nothing has happened" unless one of the two says more; UNKNOWN and then PARTIAL win over NONE.
pb::SideEffects Together(pb::SideEffects a, pb::SideEffects b);

}  // namespace meshplay::common
