#pragma once

#include <string>

#include "libs/base/process.h"
#include "libs/base/result.h"

namespace meshplay::helm {

/// What a failed helm run means, from its exit and its words. Never quotes values; the last line of stderr is cut at
/// 512 characters. Pure.
Error ErrorOf(const ProcessOutcome& outcome, const std::string& doing);

}  // namespace meshplay::helm
