#pragma once

#include "adapters/common/attempt.h"
#include "adapters/controller/controller.h"
#include "adapters/controller/operations.h"

namespace meshplay::istio {

/// Istio, as the controller of in-cluster SMI sees it.
controller::MeshTraits SmiTraits();

/// The mesh an attempt is about. Errors: as TargetPlane.
Result<controller::MeshPlace> FindPlace(common::Attempt& attempt);

}  // namespace meshplay::istio
