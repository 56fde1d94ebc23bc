#pragma once

#include <chrono>
#include <stop_token>

namespace meshplay::sdk {

/// Waits for `time` or a stop request.
void Pause(std::chrono::milliseconds time, const std::stop_token& stop);

/// Somewhere between nothing and `most`, so that a thousand adapters do not come back at the same instant.
std::chrono::milliseconds FullJitter(std::chrono::milliseconds most);

}  // namespace meshplay::sdk
