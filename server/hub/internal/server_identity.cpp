#include "server/hub/internal/server_identity.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "libs/base/tls.h"

namespace meshplay::hub {
namespace {

constexpr unsigned kRefreshSeconds = 5;
constexpr UnixMs kTryAgain = 60'000;

Error IoFailed() {
  return Internal("FILE_IO_FAILED", "the hub's certificate cannot be put in place");
}

}  // namespace

ServerIdentity::ServerIdentity(TemporaryDirectory directory, const security::CertificateAuthority& authority,
                               std::vector<std::string> names, const Clock& clock)
    : directory_(std::move(directory)), authority_(authority), names_(std::move(names)), clock_(clock) {}

Result<std::unique_ptr<ServerIdentity>> ServerIdentity::Create(const security::CertificateAuthority& authority,
                                                               std::vector<std::string> names, const Clock& clock) {
  MP_TRY(TemporaryDirectory directory, TemporaryDirectory::Create("meshplay-hub"));
  MP_CHECK(WriteFileAtomically(directory.path() + "/ca.pem", authority.trust_bundle_pem()));
  std::unique_ptr<ServerIdentity> identity(
      new ServerIdentity(std::move(directory), authority, std::move(names), clock));
  MP_CHECK(identity->Issue());
  return identity;
}

Status ServerIdentity::Issue() {
  MP_TRY(const KeyPair pair, authority_.IssueServer(names_));
  MP_TRY(const CertificateFields fields, ReadCertificate(pair.certificate_chain_pem));
  const std::string name = "generation-" + std::to_string(++generation_);
  const std::string folder = directory_.path() + "/" + name;
  MP_CHECK(MakeDirectory(folder));
  MP_CHECK(WriteFileAtomically(folder + "/key.pem", pair.private_key_pem.Reveal()));
  MP_CHECK(WriteFileAtomically(folder + "/certificate.pem", pair.certificate_chain_pem));
  std::error_code failed;
  const std::string link = directory_.path() + "/current";
  std::filesystem::create_symlink(name, link + ".new", failed);
  if (failed) return IoFailed();
  std::filesystem::rename(link + ".new", link, failed);
  if (failed) return IoFailed();
  if (generation_ > 1) {
    std::filesystem::remove_all(directory_.path() + "/generation-" + std::to_string(generation_ - 1), failed);
  }
  const UnixMs now = clock_.NowUnixMs();
  renew_at_ = now + (fields.not_after_unix_ms - now) * 2 / 3;
  return {};
}

std::shared_ptr<grpc::ServerCredentials> ServerIdentity::Credentials() const {
  const std::string current = directory_.path() + "/current";
  const auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      current + "/key.pem", current + "/certificate.pem", directory_.path() + "/ca.pem", kRefreshSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

Result<bool> ServerIdentity::RenewIfDue() {
  const UnixMs now = clock_.NowUnixMs();
  if (now < renew_at_) return false;
  renew_at_ = now + kTryAgain;  // should the next line fail
  MP_CHECK(Issue());
  return true;
}

}  // namespace meshplay::hub
