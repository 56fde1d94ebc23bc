#pragma once

#include <cstddef>
#include <vector>

#include "libs/smi/model.h"

namespace meshplay::translate {

/// So many targets of a namespace are named as sources of its baseline that it stays when some of them are refused, and
/// no more, or what is written would grow with targets times accounts.
inline constexpr std::size_t kMaxBaselineSources = 32;

/// The first of the targets by name, at most kMaxBaselineSources.
std::vector<const smi::Head*> BaselineOwners(std::vector<const smi::Head*> targets);

}  // namespace meshplay::translate
