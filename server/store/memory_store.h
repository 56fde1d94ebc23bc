#pragma once

#include <memory>

#include "server/store/store.h"

namespace meshplay::store {

/// The model: the same contract over maps, no disk. For tests and for comparing with the SQLite backend.
std::unique_ptr<Store> NewMemoryStore();

}  // namespace meshplay::store
