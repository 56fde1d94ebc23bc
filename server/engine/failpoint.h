#pragma once

#include <string_view>

#include "libs/base/result.h"

namespace meshplay::engine {

/// A named place where a test can break the process: `MESHPLAY_FAILPOINT=name[:n]=kill|sleep|error` acts at the n-th
/// passage (1 when left out): kill ends the process as SIGKILL does, sleep waits 60 s, error returns kInternal
/// FAILPOINT. Does nothing in release builds (MESHPLAY_FAILPOINTS is not defined there).
/// Threads: any.
Status Failpoint(std::string_view name);

}  // namespace meshplay::engine
