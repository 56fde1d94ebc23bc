#include "adapters/translate/baseline.h"

#include <algorithm>
#include <tuple>

namespace meshplay::translate {

std::vector<const smi::Head*> BaselineOwners(std::vector<const smi::Head*> targets) {
  std::stable_sort(targets.begin(), targets.end(), [](const smi::Head* a, const smi::Head* b) {
    return std::tie(a->key.namespace_name, a->key.name) < std::tie(b->key.namespace_name, b->key.name);
  });
  if (targets.size() > kMaxBaselineSources) targets.resize(kMaxBaselineSources);
  return targets;
}

}  // namespace meshplay::translate
