#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "libs/http/internal/bound.h"

namespace meshplay::http {

/// The addresses of a host, in the system's order of preference. An address literal needs no look-up.
/// Errors: kUnavailable HTTP_UNREACHABLE; kCancelled CANCELLED.
Result<std::vector<boost::asio::ip::address>> Resolve(const std::string& host, const Bound& bound);

}  // namespace meshplay::http
