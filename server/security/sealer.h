#pragma once

#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay::security {

/// Authenticated encryption (libsodium XChaCha20-Poly1305) with keys kept in the data folder (mode 0600, made on first
/// use). `purpose` separates uses: "page_token", "secret/<name>".  Threads: const methods from any thread.
class Sealer {
 public:
  static Result<Sealer> Open(const std::string& data_directory);
  std::string Seal(std::string_view purpose, std::string_view plain) const;
  /// Errors: kInvalidArgument SEAL_BROKEN for anything not sealed by this installation for this purpose.
  Result<std::string> Unseal(std::string_view purpose, std::string_view sealed) const;

 private:
  explicit Sealer(std::string key) : key_(std::move(key)) {}
  std::string key_;
};

}  // namespace meshplay::security
