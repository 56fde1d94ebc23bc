#include "server/hub/internal/enrollment_service.h"

#include "libs/base/log.h"
#include "libs/base/tls.h"
#include "server/hub/convert_task.h"
#include "server/hub/internal/frame_check.h"
#include "server/hub/internal/identity.h"
#include "server/hub/internal/unary_call.h"

namespace meshplay::hub {
namespace {

constexpr std::uint32_t kMaxRequestBytes = 64 * 1024;

/// Fills the fields that EnrollResponse and RenewIdentityResponse share.
template <class Response>
Result<Response> Answer(const security::EnrolledIdentity& identity) {
  Response response;
  constexpr const char* kEnd = "-----END CERTIFICATE-----";
  const auto add_all = [kEnd](const std::string& pem, auto add) -> Status {
    for (std::size_t at = 0; (at = pem.find("-----BEGIN CERTIFICATE-----", at)) != std::string::npos;) {
      const std::size_t end = pem.find(kEnd, at);
      if (end == std::string::npos) return Internal("TLS_FAILED", "the server holds a damaged certificate");
      MP_TRY(std::string der, PemToDer(pem.substr(at, end - at) + kEnd + "\n"));
      add(std::move(der));
      at = end;
    }
    return {};
  };
  MP_CHECK(add_all(identity.certificate_chain_pem,
                   [&](std::string der) { response.add_certificate_chain_der(std::move(der)); }));
  MP_CHECK(add_all(identity.trust_bundle_pem, [&](std::string der) { response.add_trust_bundle_der(std::move(der)); }));
  *response.mutable_lifetime() = ToProto(identity.lifetime);
  *response.mutable_renew_after() = ToProto(identity.renew_after);
  return response;
}

}  // namespace

grpc::ServerUnaryReactor* EnrollmentService::Enroll(grpc::CallbackServerContext*,
                                                    const adapter::v1::EnrollRequest* request,
                                                    adapter::v1::EnrollResponse* response) {
  return UnaryCall<adapter::v1::EnrollResponse>::Start(
      context_.pool, response, [this, request]() -> Result<adapter::v1::EnrollResponse> {
        MP_CHECK(CheckFrame(*request, kMaxRequestBytes));
        const auto identity = context_.enrollment.Enroll({request->token(), request->csr_der(), request->adapter_type(),
                                                          request->software().name(), request->software().version(),
                                                          request->rejoin_adapter_id()});
        if (!identity) {
          LogWarning("enrolment refused", {{log_key::kReason, identity.error().reason()}});
          return identity.error();
        }
        MP_TRY(adapter::v1::EnrollResponse answer, Answer<adapter::v1::EnrollResponse>(*identity));
        answer.set_adapter_id(identity->adapter_id);
        LogInfo("adapter enrolled", {{log_key::kAdapterId, identity->adapter_id}});
        return answer;
      });
}

grpc::ServerUnaryReactor* EnrollmentService::RenewIdentity(grpc::CallbackServerContext* call,
                                                           const adapter::v1::RenewIdentityRequest* request,
                                                           adapter::v1::RenewIdentityResponse* response) {
  return UnaryCall<adapter::v1::RenewIdentityResponse>::Start(
      context_.pool, response, [this, call, request]() -> Result<adapter::v1::RenewIdentityResponse> {
        MP_TRY(const std::string adapter_id, PeerAdapterId(*call, context_.authority.trust_domain()));
        MP_CHECK(CheckFrame(*request, kMaxRequestBytes));
        MP_TRY(const security::EnrolledIdentity identity, context_.enrollment.Renew(adapter_id, request->csr_der()));
        return Answer<adapter::v1::RenewIdentityResponse>(identity);
      });
}

}  // namespace meshplay::hub
