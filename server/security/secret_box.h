#pragma once

#include <map>
#include <string>

#include "libs/base/result.h"
#include "server/security/sealer.h"

namespace meshplay::security {

/// The form in which `SecretRecord::sealed` keeps the keys and values of a secret. Values are any bytes. Bound to the
/// name: the sealed text of one secret does not open under another name. Threads: any.
std::string SealSecret(const Sealer& sealer, const std::string& name, const std::map<std::string, std::string>& data);

/// Errors: kInvalidArgument SEAL_BROKEN.
Result<std::map<std::string, std::string>> UnsealSecret(const Sealer& sealer, const std::string& name,
                                                        const std::string& sealed);

}  // namespace meshplay::security
