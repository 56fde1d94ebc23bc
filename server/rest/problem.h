#pragma once

#include <string>

#include "libs/base/result.h"
#include "server/rest/http_message.h"

namespace meshplay::rest {

/// HTTP status of an error: the reason's own where docs/errors.md names one, else the code's.
int HttpStatusOf(const Error& error);

/// application/problem+json (RFC 9457) of an error.
Response ProblemResponse(const Error& error, const std::string& instance, const std::string& request_id);

/// Errors that only HTTP knows: 404 ROUTE_UNKNOWN, 405, 413, 415, 431 and so on.
Response HttpProblem(int status, const std::string& reason, const std::string& detail, const std::string& instance,
                     const std::string& request_id);

const char* StatusTitle(int status);

}  // namespace meshplay::rest
