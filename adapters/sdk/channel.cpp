#include "adapters/sdk/internal/channel.h"

namespace meshplay::sdk {

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& hub_address, const std::string& trust_bundle_pem,
                                           const Identity* identity) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = trust_bundle_pem;
  if (identity != nullptr) {
    tls.pem_private_key = identity->private_key_pem.Reveal();
    tls.pem_cert_chain = identity->certificate_chain_pem;
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  return grpc::CreateCustomChannel(hub_address, grpc::SslCredentials(tls), arguments);
}

Error FromGrpc(const grpc::Status& status, const std::string& doing) {
  switch (status.error_code()) {
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
      return Error(ErrorCode::kPermissionDenied, "HUB_REFUSED", doing + ": " + status.error_message());
    default:
      return Unavailable("HUB_UNREACHABLE", doing + ": " + status.error_message())
          .WithRemediation(
              "Check the hub's address. A socket that closes at once may also mean that the certificate has expired or "
              "is not accepted: ask for a new enrolment file with POST /v1/adapters/{id}:reissue.");
  }
}

}  // namespace meshplay::sdk
