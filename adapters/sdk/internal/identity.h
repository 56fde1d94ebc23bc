#pragma once

#include <chrono>
#include <string>

#include "adapters/sdk/adapter.h"
#include "libs/base/result.h"
#include "libs/base/secret.h"

namespace meshplay::sdk {

/// Who this adapter is: one file, <state>/identity.json (0600), so that key and certificate never part.
struct Identity {
  std::string adapter_id;
  std::string hub_address;
  std::string trust_bundle_pem;
  std::string certificate_chain_pem;
  Secret private_key_pem;
  std::int64_t not_after_unix_ms = 0;
  std::int64_t renew_at_unix_ms = 0;
  std::string token_digest;  ///< SHA-256 of the enrolment token it came from: a token is tried once.
};

/// Errors: kNotFound IDENTITY_MISSING when this adapter has not enrolled yet; kInvalidArgument IDENTITY_INVALID.
Result<Identity> LoadIdentity(const std::string& state_directory);
Status SaveIdentity(const std::string& state_directory, const Identity& identity);

/// Spends the token of the enrolment file. Waits at most `timeout` for an answer.
/// Errors: kInvalidArgument ENROLL_FILE_INVALID; kUnavailable HUB_UNREACHABLE; kPermissionDenied HUB_REFUSED with
/// the server's words; those of ReadFile.
/// A stop request ends the wait. The old certificate, if any, is not presented.
Result<Identity> EnrollWithFile(const AdapterOptions& options, std::chrono::milliseconds timeout,
                                const std::stop_token& stop);

/// SHA-256 of the token in the enrolment file; empty when there is no such file.
std::string TokenDigest(const std::string& enroll_file);

/// A fresh certificate for the same identity. Errors: as EnrollWithFile.
Result<Identity> RenewIdentity(const Identity& current, std::chrono::milliseconds timeout);

}  // namespace meshplay::sdk
