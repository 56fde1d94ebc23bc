#include "server/hub/internal/identity.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include "server/security/authority.h"

namespace meshplay::hub {

Result<std::string> PeerAdapterId(const grpc::CallbackServerContext& context, const std::string& trust_domain) {
  const auto auth = context.auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) {
    return Error(ErrorCode::kUnauthenticated, "CERTIFICATE_REQUIRED", "this call needs an adapter's client certificate")
        .WithRemediation("Enrol the adapter with a token first.");
  }
  const auto ids = auth->FindPropertyValues(GRPC_PEER_SPIFFE_ID_PROPERTY_NAME);
  std::string adapter_id;
  if (ids.size() == 1) {
    adapter_id = security::AdapterIdOfSpiffe(std::string(ids.front().data(), ids.front().size()), trust_domain);
  }
  if (adapter_id.empty()) {
    return Error(ErrorCode::kUnauthenticated, "IDENTITY_MISMATCH",
                 "the client certificate does not name exactly one adapter of this server")
        .WithRemediation("Enrol the adapter again with a new token.");
  }
  return adapter_id;
}

}  // namespace meshplay::hub
