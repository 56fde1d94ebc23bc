#pragma once

#include <chrono>
#include <string>

#include "libs/base/clock.h"
#include "libs/base/result.h"
#include "libs/base/secret.h"
#include "server/security/authority.h"
#include "server/security/roles.h"
#include "server/store/store.h"

namespace meshplay::security {

struct NewEnrollment {
  store::EnrollmentTokenRecord record;
  Secret token;
};

struct EnrollmentRequest {
  std::string token;
  std::string csr_der;
  std::string adapter_type;
  std::string software_name;
  std::string software_version;
  std::string rejoin_adapter_id;
};

struct EnrolledIdentity {
  std::string adapter_id;
  std::string certificate_chain_pem;
  std::string trust_bundle_pem;
  std::chrono::seconds lifetime{86'400};
  std::chrono::seconds renew_after{57'600};
};

/// Turns single-use tokens into adapter identities, and renews them. Every outcome with a token that this server made
/// is an audit row (texts that are no token of ours are refused without one, so that nobody can fill the table); a new
/// adapter is a row and an event "adapter.enrolled", all in one unit. Threads: any; blocks for the store.
class Enrollment {
 public:
  Enrollment(store::Store& store, const CertificateAuthority& authority, const Clock& clock);

  /// lifetime 60 s..1 h. `rejoin_adapter_id` (may be empty) makes a token that brings back that adapter.
  /// Errors: kInvalidArgument MESH_TYPE_INVALID, TOKEN_LIFETIME_INVALID; kNotFound ADAPTER_UNKNOWN;
  /// kFailedPrecondition ADAPTER_REVOKED.
  Result<NewEnrollment> CreateToken(const Caller& by, const std::string& mesh_type, std::chrono::seconds lifetime,
                                    const std::string& display_name, const std::string& rejoin_adapter_id,
                                    const std::string& request_id);

  /// Idempotent for the same (token, CSR public key) for 10 minutes.
  /// Errors: kPermissionDenied TOKEN_USED (audited), TOKEN_TYPE_MISMATCH, ADAPTER_REVOKED; kUnauthenticated
  /// TOKEN_INVALID, TOKEN_EXPIRED; kInvalidArgument CSR_INVALID.
  Result<EnrolledIdentity> Enroll(const EnrollmentRequest& request);

  /// Withdraws an unused token, or forgets a used one. Errors: kNotFound ENROLLMENT_TOKEN_UNKNOWN.
  Status DeleteToken(const Caller& by, const std::string& id, const std::string& request_id);

  /// `adapter_id` comes from the current certificate. Errors: kPermissionDenied ADAPTER_REVOKED, ADAPTER_UNKNOWN.
  Result<EnrolledIdentity> Renew(const std::string& adapter_id, const std::string& csr_der);

 private:
  Result<EnrolledIdentity> Admit(const EnrollmentRequest& request, store::EnrollmentTokenRecord token,
                                 const std::string& csr_digest);
  EnrolledIdentity Identity(const std::string& adapter_id, const std::string& chain_pem) const;

  store::Store& store_;
  const CertificateAuthority& authority_;
  const Clock& clock_;
};

}  // namespace meshplay::security
