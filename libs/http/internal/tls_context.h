#pragma once

#include <boost/asio/ssl/context.hpp>

#include "libs/base/result.h"
#include "libs/http/message.h"

namespace meshplay::http {

/// A client context, TLS 1.2 or newer. Errors: kInvalidArgument TLS_MATERIAL_INVALID.
Result<boost::asio::ssl::context> MakeTlsContext(const TlsOptions& options);

}  // namespace meshplay::http
