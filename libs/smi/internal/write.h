#pragma once

#include <nlohmann/json.hpp>

#include "libs/smi/convert.h"
#include "libs/smi/model.h"

namespace meshplay::smi {

// Documents of one version from the internal form. The caller has made sure that nothing is lost: what the version
// lacks is simply not written.
nlohmann::json WriteTarget(const TrafficTarget& target, int version);
nlohmann::json WriteBinding(const IdentityBinding& binding);
nlohmann::json WriteGroup(const HttpRouteGroup& group, int version, HeaderShape headers);
nlohmann::json WritePortRoute(const PortRoute& route, int version);  ///< Kind as in the key.
nlohmann::json WriteSplit(const TrafficSplit& split, int version);

}  // namespace meshplay::smi
