#pragma once

#include <nlohmann/json_fwd.hpp>

#include "libs/smi/facts.h"

/// What a pod's metadata and spec say. Malformed parts are passed over. Pure.
namespace meshplay::facts {

int ReadPort(const nlohmann::json& value);            ///< 0 for what is no port.
smi::Labels ReadLabels(const nlohmann::json& value);  ///< Texts only.

/// Of a pod's annotations those by which a mesh decides whether and how it carries it.
smi::Labels ReadPodAnnotations(const nlohmann::json& metadata);

/// Account, network, ports, probes and arguments; labels and names are the caller's.
void ReadPodSpec(const nlohmann::json& spec, smi::Workload& workload);

}  // namespace meshplay::facts
