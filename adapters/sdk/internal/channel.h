#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "adapters/sdk/internal/identity.h"

namespace meshplay::sdk {

/// A channel of its own connection. `identity` null: server-authenticated TLS only (enrolment).
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& hub_address, const std::string& trust_bundle_pem,
                                           const Identity* identity);

/// What went wrong, for logs and people; adds the hint that a refused certificate looks like a closed socket.
Error FromGrpc(const grpc::Status& status, const std::string& doing);

}  // namespace meshplay::sdk
