#pragma once

#include <boost/system/error_code.hpp>
#include <string>

#include "libs/base/result.h"
#include "libs/http/internal/bound.h"

namespace meshplay::http {

enum class RequestSent { kNo, kYes };

Error Unreachable(const std::string& why);
Error Cancelled(RequestSent sent);

/// The Error of a failed read or write.
Error IoFailure(const boost::system::error_code& ec, const Bound& bound, RequestSent sent);

}  // namespace meshplay::http
