#pragma once

#include <string>

#include "server/store/store.h"

namespace meshplay::inventory {

/// Decides which claimant serves (cluster, mesh type), puts the claims and the target that changed, and says so in an
/// event. The one that serves keeps serving as long as nobody does it better: a live claimant that reaches the cluster
/// beats a live one that does not, which beats one without a session; then the longest live one wins.
Status Assign(store::Transaction& unit, const std::string& tenant, const std::string& cluster_id,
              const std::string& cluster_uid, const std::string& mesh_type, UnixMs now);

/// True when the adapter is the one that serves the target.
Result<bool> IsAssigned(store::Reader& reader, const std::string& adapter_id, const std::string& cluster_uid,
                        const std::string& mesh_type);

}  // namespace meshplay::inventory
