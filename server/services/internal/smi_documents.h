#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "libs/smi/model.h"
#include "meshplay/v1/smi.pb.h"

namespace meshplay::services {

class MethodTable;

inline constexpr const char* kDefaultSmiNamespace = "default";

/// The documents of a request. Errors: those of ParseYaml.
Result<std::vector<nlohmann::json>> ReadSmiDocuments(const std::string& text);
v1::SmiFinding ToFinding(const smi::Finding& finding);

void AddSmiExplain(MethodTable& table);
void AddSmiMetrics(MethodTable& table);

}  // namespace meshplay::services
