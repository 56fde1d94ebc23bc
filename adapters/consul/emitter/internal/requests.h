#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "libs/smi/resolve.h"

namespace meshplay::consul {

/// The entries `http` of an intention's permission or a router's route that say one match exactly; any of them may
/// hold. Empty: no request can match.
std::vector<nlohmann::json> HttpEntries(const smi::RequestMatch& match);

/// The entry that takes every request.
nlohmann::json AnyRequest();

}  // namespace meshplay::consul
