#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/kube/object.h"
#include "adapters/kube/readiness.h"
#include "adapters/sdk/adapter.h"
#include "libs/smi/report.h"

/// Our structs to messages of the protocol. Pure; threads: any.
namespace meshplay::common {

namespace pb = meshplay::adapter::v1;

pb::ObjectKey ToKey(const kube::ObjectRef& ref);
pb::ObjectKey KeyOf(const nlohmann::json& object);
kube::ObjectRef ToRef(const pb::ObjectKey& key);
pb::Health ToHealth(kube::Health health);
pb::SmiReport ToReport(const smi::SmiReport& report);
pb::Diagnostic MakeDiagnostic(pb::Severity severity, std::string code, std::string summary, std::string detail = {});

}  // namespace meshplay::common
