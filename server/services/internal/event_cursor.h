#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "server/services/internal/core.h"

namespace meshplay::services {

/// Opens a cursor for an authorised caller. Errors: kInvalidArgument SYNC_TOKEN_INVALID.
/// The cursor ends with kUnauthenticated TOKEN_EXPIRED or TOKEN_INVALID when the caller's token does, and with
/// kUnavailable STOPPING when the server does.
Result<std::unique_ptr<Api::EventCursor>> OpenEventCursor(const Core& core, const CallContext& context,
                                                          const v1::WatchEventsRequest& request);

}  // namespace meshplay::services
