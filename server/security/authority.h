#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"
#include "libs/base/tls.h"

namespace meshplay::security {

/// Identity of one adapter, from its client certificate's SPIFFE ID spiffe://<trust domain>/adapter/<id>.
/// nullopt-like empty string when the text is no such ID of this trust domain.
std::string AdapterIdOfSpiffe(const std::string& spiffe_id, const std::string& trust_domain);

/// The server's own certificate authority, made in the data folder on first start (folder "ca", key mode 0600).
/// Threads: const methods from any thread.
class CertificateAuthority {
 public:
  static Result<CertificateAuthority> Open(const std::string& data_directory, const Clock& clock);
  CertificateAuthority(CertificateAuthority&&) noexcept;
  CertificateAuthority& operator=(CertificateAuthority&&) noexcept;
  ~CertificateAuthority();

  const std::string& trust_domain() const;      ///< Random per installation: "<8 hex>.meshplay".
  const std::string& trust_bundle_pem() const;  ///< What adapters verify the hub with.

  /// Key and certificate of the hub's listener; names are DNS names or IP addresses. Lifetime 30 days.
  Result<KeyPair> IssueServer(const std::vector<std::string>& names) const;

  struct AdapterCertificate {
    std::string chain_pem;
    std::string serial_hex;
    UnixMs not_after_unix_ms = 0;
  };
  /// 24 h client certificate over the CSR's public key. Errors: kInvalidArgument CSR_INVALID.
  Result<AdapterCertificate> SignAdapter(const std::string& csr_der, const std::string& adapter_id) const;
  std::chrono::seconds adapter_lifetime() const;

 private:
  struct State;
  explicit CertificateAuthority(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace meshplay::security
