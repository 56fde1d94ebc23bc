#pragma once

#include <string_view>

namespace meshplay::linkerd {

/// True unless the version ("edge-25.10.7", "stable-2.14.10", "2.18") is known to be older than 2.17, the first release
/// that reads TCPRoutes of Services.
bool ReadsTcpRoutes(std::string_view version);

}  // namespace meshplay::linkerd
