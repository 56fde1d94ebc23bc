#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace meshplay::smi {

bool IsDnsLabel(std::string_view text);      ///< RFC 1123 label: at most 63 of [a-z0-9-], no hyphen at an end.
bool IsDnsSubdomain(std::string_view text);  ///< As Kubernetes reads names: 253 in all, a part of any length.
bool IsHeaderName(std::string_view text);    ///< RFC 9110 token, at most 256 characters.

/// spiffe://<trust domain>/<path>, by the SPIFFE rules for characters; at most 2048 bytes.
bool IsSpiffeId(std::string_view text);

/// The short name of a Service of `namespace_name` from `name`, `name.ns`, `name.ns.svc` or `name.ns.svc.<domain>`;
/// nullopt when it names another namespace or is no Service name.
std::optional<std::string> ShortServiceName(std::string_view written, std::string_view namespace_name);

}  // namespace meshplay::smi
