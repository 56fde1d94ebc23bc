#pragma once

#include <string_view>

namespace meshplay::smi {

/// Whether a diagnostic's code says that something that an SMI object refers to is not on the cluster: what comes and
/// goes without an edit of the object. Pure. Threads: any.
bool IsLoss(std::string_view code);

}  // namespace meshplay::smi
