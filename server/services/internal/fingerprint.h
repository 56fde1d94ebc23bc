#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

namespace meshplay::services {

/// SHA-256 (hex) over a request without the named fields, its raw JSON fields in canonical form: requests that mean the
/// same have the same fingerprint. Raw JSON must have been checked.
std::string RequestFingerprint(const google::protobuf::Message& request, const std::vector<std::string_view>& without);

}  // namespace meshplay::services
