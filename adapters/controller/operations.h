#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/common/operation.h"
#include "adapters/controller/controller.h"

namespace meshplay::controller {

/// The mesh that an attempt is about.
struct MeshPlace {
  std::string mesh_key;
  std::string name_space;  ///< Of the control plane: the controller's ConfigMaps are kept there.
};
using FindMesh = std::function<Result<MeshPlace>(common::Attempt&)>;

/// smi.controller.enable: installs the SMI definitions that are missing and writes the ConfigMap that enables the
/// controller. Refuses (kFailedPrecondition): NATIVE_CONSUMER, SMI_CONTROLLER_ELSEWHERE.
std::unique_ptr<common::Operation> MakeEnable(MeshTraits traits, FindMesh find);

/// smi.controller.disable: stops the controller and removes what it made, what denies first; SMI objects stay, and the
/// definitions unless asked otherwise. Refuses (kFailedPrecondition): SMI_OBJECTS_EXIST.
std::unique_ptr<common::Operation> MakeDisable(MeshTraits traits);

}  // namespace meshplay::controller
