#include "server/inventory/inventory.h"

namespace meshplay::inventory {

Inventory::Inventory(store::Store& store, const Clock& clock) : store_(store), clock_(clock) {}

Inventory::~Inventory() = default;

bool Inventory::HasCompleteStream(const std::string& adapter_id, const std::string& cluster_uid) {
  const std::lock_guard lock(mutex_);
  const auto streams = streams_.find(adapter_id);
  if (streams == streams_.end()) return false;
  const std::string prefix = cluster_uid + " ";
  for (const auto& [name, stream] : streams->second) {
    if (name.compare(0, prefix.size(), prefix) == 0 && stream.complete) return true;
  }
  return false;
}

}  // namespace meshplay::inventory
