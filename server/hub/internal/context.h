#pragma once

#include <atomic>
#include <cstdint>

#include "libs/base/bounded_pool.h"
#include "libs/base/clock.h"
#include "server/engine/engine.h"
#include "server/hub/hub.h"
#include "server/inventory/inventory.h"
#include "server/security/authority.h"
#include "server/security/enrollment.h"
#include "server/security/sealer.h"
#include "server/store/store.h"

namespace meshplay::hub {

class Registry;

struct Counters {
  std::atomic<std::uint64_t> frames_received{0};
  std::atomic<std::uint64_t> frames_sent{0};
  std::atomic<std::uint64_t> nacks_sent{0};
  std::atomic<std::uint64_t> sessions_opened{0};
  std::atomic<std::uint64_t> sessions_refused{0};
  std::atomic<std::uint64_t> inventory_streams{0};
};

/// What every part of the hub stands on. Outlives every call.
struct Context {
  const HubOptions& options;
  engine::Engine& engine;
  inventory::Inventory& inventory;
  security::Enrollment& enrollment;
  const security::CertificateAuthority& authority;
  const security::Sealer& sealer;
  store::Store& store;
  const Clock& clock;
  BoundedPool& pool;
  Registry& registry;
  Counters& counters;
};

}  // namespace meshplay::hub
