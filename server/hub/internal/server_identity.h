#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/files.h"
#include "libs/base/result.h"
#include "server/security/authority.h"

namespace meshplay::hub {

/// The listener's certificate, renewed while it runs. Key and certificate change together: they live in a private
/// temporary folder behind one link, which gRPC looks at every few seconds. Open connections keep what they have.
/// Threads: one at a time. Ownership: keeps references; must outlive the server that uses the credentials.
class ServerIdentity {
 public:
  /// Errors: kInternal TLS_FAILED, FILE_IO_FAILED.
  static Result<std::unique_ptr<ServerIdentity>> Create(const security::CertificateAuthority& authority,
                                                        std::vector<std::string> names, const Clock& clock);

  /// Asks callers for a certificate and verifies one that is shown; callers without one get in.
  std::shared_ptr<grpc::ServerCredentials> Credentials() const;

  /// Issues a new certificate when two thirds of the current one's life are over; true when it did.
  Result<bool> RenewIfDue();

  const std::string& folder() const { return directory_.path(); }

 private:
  ServerIdentity(TemporaryDirectory directory, const security::CertificateAuthority& authority,
                 std::vector<std::string> names, const Clock& clock);
  Status Issue();

  const TemporaryDirectory directory_;
  const security::CertificateAuthority& authority_;
  const std::vector<std::string> names_;
  const Clock& clock_;
  int generation_ = 0;
  UnixMs renew_at_ = 0;
};

}  // namespace meshplay::hub
