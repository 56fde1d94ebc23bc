#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "libs/base/result.h"

namespace meshplay::hub {

/// The adapter that the peer's certificate names: exactly one SPIFFE ID, of our trust domain.
/// Errors: kUnauthenticated CERTIFICATE_REQUIRED, IDENTITY_MISMATCH.
Result<std::string> PeerAdapterId(const grpc::CallbackServerContext& context, const std::string& trust_domain);

}  // namespace meshplay::hub
