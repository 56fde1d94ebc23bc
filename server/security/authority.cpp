#include "server/security/authority.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

#include "libs/base/files.h"
#include "libs/base/ids.h"

namespace meshplay::security {
namespace {

constexpr std::chrono::seconds kAuthorityLifetime{10LL * 365 * 86'400};
constexpr std::chrono::seconds kServerLifetime{30LL * 86'400};
constexpr std::chrono::seconds kAdapterLifetime{86'400};
constexpr std::string_view kCertificateBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kTrustDomainSuffix = ".meshplay";

bool IsAddress(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> buffer{};
  return inet_pton(AF_INET, name.c_str(), buffer.data()) == 1 || inet_pton(AF_INET6, name.c_str(), buffer.data()) == 1;
}

Error Broken(std::string what) {
  return FailedPrecondition("AUTHORITY_BROKEN", "the certificate authority in the data folder is broken: " + what)
      .WithRemediation("Restore ca/authority.pem from a backup, or remove it and enrol every adapter again.");
}

/// Key and certificate are one file, so that no crash can leave one without the other.
Result<KeyPair> SplitPem(const std::string& text) {
  const std::size_t at = text.find(kCertificateBegin);
  if (at == std::string::npos || at == 0) return Broken("no key or no certificate in it");
  return KeyPair{Secret(text.substr(0, at)), text.substr(at)};
}

}  // namespace

struct CertificateAuthority::State {
  State(KeyPair pair, std::string domain, const Clock& time)
      : keys(std::move(pair)), trust_domain(std::move(domain)), clock(time) {}
  KeyPair keys;
  std::string trust_domain;
  const Clock& clock;
};

std::string AdapterIdOfSpiffe(const std::string& spiffe_id, const std::string& trust_domain) {
  const std::string prefix = "spiffe://" + trust_domain + "/adapter/";
  if (trust_domain.empty() || !spiffe_id.starts_with(prefix)) return {};
  std::string id = spiffe_id.substr(prefix.size());
  const bool plain = !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return plain ? id : std::string();
}

CertificateAuthority::CertificateAuthority(std::unique_ptr<State> state) : state_(std::move(state)) {}
CertificateAuthority::CertificateAuthority(CertificateAuthority&&) noexcept = default;
CertificateAuthority& CertificateAuthority::operator=(CertificateAuthority&&) noexcept = default;
CertificateAuthority::~CertificateAuthority() = default;

Result<CertificateAuthority> CertificateAuthority::Open(const std::string& data_directory, const Clock& clock) {
  const std::string folder = data_directory + "/ca";
  const std::string path = folder + "/authority.pem";
  MP_CHECK(MakeDirectory(folder, 0700));
  Result<std::string> text = ReadFile(path, 64 * 1024);
  if (!text && text.error().code() == ErrorCode::kNotFound) {
    const std::string domain = HexEncode(RandomBytes(4)) + std::string(kTrustDomainSuffix);
    MP_TRY(const KeyPair made, NewCertificateAuthority(domain, kAuthorityLifetime, clock.NowUnixMs()));
    std::string both = made.private_key_pem.Reveal();
    if (!both.ends_with('\n')) both += '\n';
    text = both + made.certificate_chain_pem;
    MP_CHECK(WriteFileAtomically(path, *text, 0600));
  }
  if (!text) return text.error();
  MP_TRY(KeyPair keys, SplitPem(*text));
  const Result<CertificateFields> fields = ReadCertificate(keys.certificate_chain_pem);
  if (!fields) return Broken(fields.error().message());
  // The trust domain is the common name: nothing else has to be kept in step with the certificate.
  if (!fields->is_ca || !fields->subject_common_name.ends_with(kTrustDomainSuffix)) return Broken("not our authority");
  MP_CHECK(WriteFileAtomically(folder + "/trust_bundle.pem", keys.certificate_chain_pem, 0644));
  return CertificateAuthority(std::make_unique<State>(std::move(keys), fields->subject_common_name, clock));
}

const std::string& CertificateAuthority::trust_domain() const {
  return state_->trust_domain;
}
const std::string& CertificateAuthority::trust_bundle_pem() const {
  return state_->keys.certificate_chain_pem;
}
std::chrono::seconds CertificateAuthority::adapter_lifetime() const {
  return kAdapterLifetime;
}

Result<KeyPair> CertificateAuthority::IssueServer(const std::vector<std::string>& names) const {
  CertificateRequest request;
  request.common_name = "meshplay-server";
  request.uri_names = {"spiffe://" + state_->trust_domain + "/server"};
  for (const std::string& name : names) (IsAddress(name) ? request.ip_addresses : request.dns_names).push_back(name);
  request.lifetime = kServerLifetime;
  request.server_auth = true;
  return IssueKeyPair(state_->keys, request, state_->clock.NowUnixMs());
}

Result<CertificateAuthority::AdapterCertificate> CertificateAuthority::SignAdapter(
    const std::string& csr_der, const std::string& adapter_id) const {
  CertificateRequest request;
  request.common_name = adapter_id;
  // Exactly one URI name: gRPC shows no SPIFFE identity at all for a certificate with two.
  request.uri_names = {"spiffe://" + state_->trust_domain + "/adapter/" + adapter_id};
  request.lifetime = kAdapterLifetime;
  request.client_auth = true;
  MP_TRY(std::string leaf, SignCsr(state_->keys, csr_der, request, state_->clock.NowUnixMs()));
  MP_TRY(const CertificateFields fields, ReadCertificate(leaf));
  AdapterCertificate certificate;
  certificate.chain_pem = std::move(leaf);
  certificate.serial_hex = fields.serial_hex;
  certificate.not_after_unix_ms = fields.not_after_unix_ms;
  return certificate;
}

}  // namespace meshplay::security
