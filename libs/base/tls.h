#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"
#include "libs/base/secret.h"

namespace meshplay {

/// A private key (PKCS#8) and its certificate chain (leaf first), both PEM.
struct KeyPair {
  Secret private_key_pem;
  std::string certificate_chain_pem;
};

struct CertificateFields {
  std::string subject_common_name;
  std::vector<std::string> uri_names;  ///< Subject alternative names of type URI.
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  UnixMs not_before_unix_ms = 0;
  UnixMs not_after_unix_ms = 0;
  std::string serial_hex;
  std::string fingerprint_sha256_hex;
  bool is_ca = false;
};

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> uri_names;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  std::chrono::seconds lifetime{86'400};
  bool server_auth = false;  ///< Extended key usages.
  bool client_auth = false;
};

/// A new self-signed CA (ECDSA P-256, path length 0).
/// Errors of all functions here: kInternal TLS_FAILED; kInvalidArgument CERTIFICATE_INVALID or CSR_INVALID for bad
/// input.
Result<KeyPair> NewCertificateAuthority(const std::string& common_name, std::chrono::seconds lifetime, UnixMs now);

/// A new key with a leaf certificate signed by `authority`, the authority's certificate not in the chain.
Result<KeyPair> IssueKeyPair(const KeyPair& authority, const CertificateRequest& request, UnixMs now);

/// Signs the public key of a DER PKCS#10 request; every name in the request itself is ignored, `request` decides.
/// The signature of the CSR is checked (proof of possession). Returns the leaf as PEM.
Result<std::string> SignCsr(const KeyPair& authority, const std::string& csr_der, const CertificateRequest& request,
                            UnixMs now);

/// A new key and a DER PKCS#10 request for it.
struct KeyAndCsr {
  Secret private_key_pem;
  std::string csr_der;
};
Result<KeyAndCsr> NewKeyAndCsr(const std::string& common_name);

/// SHA-256 (hex) over the SubjectPublicKeyInfo of a DER CSR.
Result<std::string> CsrPublicKeyDigest(const std::string& csr_der);

Result<CertificateFields> ReadCertificate(const std::string& certificate_pem);  ///< First certificate in the text.
Result<std::string> PemToDer(const std::string& certificate_pem);               ///< First certificate.
Result<std::string> DerToPem(const std::string& certificate_der);

}  // namespace meshplay
