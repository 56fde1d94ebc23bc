#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "meshplay/v1/inventory.pb.h"
#include "server/store/records_inventory.h"

/// Adapters and enrolment tokens: from rows and manifests to messages. Pure. Threads: any.
namespace meshplay::services {

v1::Adapter ToAdapter(const store::AdapterRecord& record, const std::vector<std::string>& cluster_ids,
                      std::uint32_t running_tasks);
/// Without the secret, which only the answer that makes it carries.
v1::EnrollmentToken ToEnrollmentToken(const store::EnrollmentTokenRecord& record);

}  // namespace meshplay::services
