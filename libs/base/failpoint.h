#pragma once

#include <string_view>

#include "libs/base/result.h"

namespace meshplay {

/// A named place where a test can break the process: `MESHPLAY_FAILPOINT=name[:n]=kill|stop|sleep|error` acts at the
/// n-th passage (1 when left out): kill ends the process as SIGKILL does, stop freezes it as SIGSTOP does, sleep waits
/// 60 s, error returns kInternal FAILPOINT. Does nothing in release builds (MESHPLAY_FAILPOINTS is not defined there).
/// Threads: any.
Status Failpoint(std::string_view name);

}  // namespace meshplay
