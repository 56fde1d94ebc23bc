#pragma once

#include "meshplay/adapter/v1/adapter.grpc.pb.h"
#include "server/hub/internal/context.h"

namespace meshplay::hub {

/// The door in: a token becomes a certificate, a certificate becomes the next one.
class EnrollmentService final : public adapter::v1::AdapterEnrollment::CallbackService {
 public:
  explicit EnrollmentService(Context& context) : context_(context) {}
  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* call, const adapter::v1::EnrollRequest* request,
                                   adapter::v1::EnrollResponse* response) override;
  grpc::ServerUnaryReactor* RenewIdentity(grpc::CallbackServerContext* call,
                                          const adapter::v1::RenewIdentityRequest* request,
                                          adapter::v1::RenewIdentityResponse* response) override;

 private:
  Context& context_;
};

}  // namespace meshplay::hub
