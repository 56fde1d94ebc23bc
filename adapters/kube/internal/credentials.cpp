#include "adapters/kube/internal/credentials.h"

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "adapters/kube/internal/answer.h"
#include "adapters/kube/internal/base64.h"
#include "adapters/kube/object.h"
#include "libs/base/files.h"
#include "libs/base/process.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kTokenFileAge{60};
constexpr std::chrono::seconds kExpiryMargin{30};

Error Failed(const std::string& why) {
  return Error(ErrorCode::kUnauthenticated, "TARGET_UNAUTHENTICATED", "the credential program " + why)
      .WithRemediation("Run the program named in the kubeconfig by hand and see what it says.");
}

std::string Trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

}  // namespace

Result<ExecCredential> ParseExecCredential(std::string_view text, const std::string& api_version) {
  const auto document = ParseAnswer(text);
  if (!document) return Failed("did not print JSON");
  if (TextAt(*document, "/kind") != "ExecCredential" || TextAt(*document, "/apiVersion") != api_version) {
    return Failed("did not print an ExecCredential of the version it was asked for");
  }
  ExecCredential credential;
  credential.token = Secret(TextAt(*document, "/status/token"));
  credential.client_certificate_pem = TextAt(*document, "/status/clientCertificateData");
  credential.client_key_pem = Secret(TextAt(*document, "/status/clientKeyData"));
  if (credential.token.empty() && credential.client_certificate_pem.empty()) {
    return Failed("printed neither a token nor a certificate");
  }
  const std::string expires = TextAt(*document, "/status/expirationTimestamp");
  if (!expires.empty()) {
    std::tm parts{};
    if (::strptime(expires.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) {
      return Failed("printed an expiry that is no RFC 3339 time");
    }
    credential.expires = std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
  }
  return credential;
}

Result<ExecCredential> RunCredentialProgram(const Access& access, std::stop_token stop) {
  ProcessSpec spec;
  spec.argv = access.exec.argv;
  spec.environment = access.exec.environment;
  for (const char* name : {"PATH", "HOME"}) {
    if (const char* value = std::getenv(name); value != nullptr) spec.environment.emplace(name, value);
  }
  json info = {{"apiVersion", access.exec.api_version}, {"kind", "ExecCredential"}, {"spec", {{"interactive", false}}}};
  if (access.exec.provide_cluster_description) {
    json cluster = {{"server", access.server_url}};
    if (!access.ca_pem.empty()) cluster["certificate-authority-data"] = Base64Encode(access.ca_pem);
    if (!access.tls_server_name.empty()) cluster["tls-server-name"] = access.tls_server_name;
    info["spec"]["cluster"] = std::move(cluster);
  }
  spec.environment["KUBERNETES_EXEC_INFO"] = info.dump();
  spec.max_output_bytes = 1024 * 1024;
  const auto outcome = RunProcess(spec, [stop] { return stop.stop_requested(); });
  if (!outcome) return Failed("could not be run (" + outcome.error().reason() + ")");
  if (outcome->cancelled) return Error(ErrorCode::kCancelled, "CANCELLED", "the call was cancelled");
  if (outcome->timed_out) return Failed("took too long");
  if (outcome->exit_code != 0) return Failed("ended with code " + std::to_string(outcome->exit_code));
  return ParseExecCredential(outcome->stdout_text, access.exec.api_version);
}

Result<Credentials::Identity> Credentials::Current(std::stop_token stop) {
  const std::lock_guard lock(mutex_);
  if (!access_.exec.argv.empty()) return FromProgram(stop);
  Identity identity;
  identity.client_certificate_pem = access_.client_certificate_pem;
  identity.client_key_pem = access_.client_key_pem;
  if (!access_.token_file.empty()) {
    MP_TRY(const std::string token, FileToken());
    identity.authorization = "Bearer " + token;
  } else if (!access_.token.empty()) {
    identity.authorization = "Bearer " + Trimmed(access_.token.Reveal());
  } else if (!access_.username.empty()) {
    identity.authorization = "Basic " + Base64Encode(access_.username + ":" + access_.password.Reveal());
  }
  return identity;
}

Result<Credentials::Identity> Credentials::FromProgram(std::stop_token stop) {
  const bool expired = program_answer_ && program_answer_->expires &&
                       *program_answer_->expires - kExpiryMargin <
                           std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (!program_answer_ || expired) {
    MP_TRY(program_answer_, RunCredentialProgram(access_, stop));
    ++generation_;
  }
  Identity identity;
  identity.generation = generation_;
  if (!program_answer_->token.empty()) identity.authorization = "Bearer " + Trimmed(program_answer_->token.Reveal());
  identity.client_certificate_pem = program_answer_->client_certificate_pem;
  identity.client_key_pem = program_answer_->client_key_pem;
  return identity;
}

Result<std::string> Credentials::FileToken() {
  const auto now = std::chrono::steady_clock::now();
  if (!file_read_ || now - *file_read_ > kTokenFileAge) {
    auto text = ReadFile(access_.token_file, 64 * 1024);
    // A file that is being replaced must not end calls while the old token still works.
    if (!text && file_token_.empty()) return std::move(text).error();
    if (text) file_token_ = Secret(Trimmed(*text));
    file_read_ = now;
  }
  return file_token_.Reveal();
}

bool Credentials::Drop() {
  const std::lock_guard lock(mutex_);
  program_answer_.reset();
  file_read_.reset();
  return !access_.exec.argv.empty() || !access_.token_file.empty();
}

}  // namespace meshplay::kube
