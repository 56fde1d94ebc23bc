#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "adapters/kube/kubeconfig.h"
#include "libs/base/result.h"
#include "libs/base/secret.h"

namespace meshplay::kube {

/// What a credential program printed.
struct ExecCredential {
  Secret token;
  std::string client_certificate_pem;
  Secret client_key_pem;
  std::optional<std::chrono::sys_seconds> expires = {};  ///< Seconds: far years overflow finer clocks.
};

/// Reads an ExecCredential of the given API version. Errors: kUnauthenticated TARGET_UNAUTHENTICATED.
Result<ExecCredential> ParseExecCredential(std::string_view text, const std::string& api_version);

/// Runs the program. Errors: kUnauthenticated TARGET_UNAUTHENTICATED when it fails or prints nothing usable.
Result<ExecCredential> RunCredentialProgram(const Access& access, std::stop_token stop);

/// Makes the identity headers and the TLS identity of an Access, renewed when they are due. Threads: any.
class Credentials {
 public:
  explicit Credentials(Access access) : access_(std::move(access)) {}

  struct Identity {
    std::string authorization;  ///< Value of the header; empty: none.
    std::string client_certificate_pem;
    Secret client_key_pem;
    int generation = 0;  ///< Changes with the TLS identity.
  };
  Result<Identity> Current(std::stop_token stop);

  /// The server refused what Current() gave. True when asking again may give something else.
  bool Drop();

  const Access& access() const { return access_; }

 private:
  Result<Identity> FromProgram(std::stop_token stop);
  Result<std::string> FileToken();

  const Access access_;
  std::mutex mutex_;
  std::optional<ExecCredential> program_answer_;                    // GUARDED_BY(mutex_)
  int generation_ = 0;                                              // GUARDED_BY(mutex_)
  Secret file_token_;                                               // GUARDED_BY(mutex_)
  std::optional<std::chrono::steady_clock::time_point> file_read_;  // GUARDED_BY(mutex_)
};

}  // namespace meshplay::kube
