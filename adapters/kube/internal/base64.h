#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace meshplay::kube {

std::string Base64Encode(std::string_view bytes);  ///< RFC 4648 §4, padded.

/// Line breaks are skipped, as kubeconfigs wrap long data; nothing for any other text that is no padded base64.
std::optional<std::string> Base64Decode(std::string_view text);

}  // namespace meshplay::kube
