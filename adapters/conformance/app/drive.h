#pragma once

#include <istream>
#include <ostream>

namespace meshplay::conformance_app {

/// What runs inside a pod to drive its application: reads requests from `in`, an array of {"method", "path", "body"?},
/// sends them to 127.0.0.1:`port` in order and writes [{"status", "error"?, "body"}] to `out`. Localhost is not
/// intercepted by sidecars, so no policy needs a hole for it. Returns 0, or 2 when `in` is no such array.
int Drive(int port, std::istream& in, std::ostream& out);

}  // namespace meshplay::conformance_app
