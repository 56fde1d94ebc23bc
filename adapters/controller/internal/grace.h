#pragma once

#include <chrono>
#include <map>
#include <string>

#include "adapters/controller/reconcile.h"

namespace meshplay::controller {

/// What becomes of one TrafficTarget or TrafficSplit while something that it refers to is missing.
struct Grace {
  SourceRecord record;   ///< To be remembered.
  bool held = false;     ///< What it has stays as it is until record.degraded_until_ms.
  bool changed = false;  ///< It, or what it refers to, was edited since the record of before (or there was none).
};

/// By smi::ObjectKey::Text(). Pure.
std::map<std::string, Grace> WeighGraces(const Picture& picture, const State& before, std::chrono::milliseconds grace);

}  // namespace meshplay::controller
