#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/tls.h"

namespace meshplay::testing {

/// An authority and what it signs.
struct Identities {
  UnixMs now = SystemClock().NowUnixMs();
  KeyPair authority = NewCertificateAuthority("front proxies", std::chrono::hours(1), now).value();

  KeyPair Issue(const std::string& name, std::chrono::seconds lifetime = std::chrono::hours(1), UnixMs made_ago = 0,
                bool client = true) const {
    CertificateRequest request;
    request.common_name = name;
    request.lifetime = lifetime;
    request.client_auth = client;
    request.server_auth = !client;
    return IssueKeyPair(authority, request, now - made_ago).value();
  }
};

inline std::vector<std::string> ChainOf(const KeyPair& identity) {
  return {PemToDer(identity.certificate_chain_pem).value()};
}

/// The ConfigMap of an API server with that authority and those names (a JSON list).
inline nlohmann::json TrustMap(const Identities& identities, const std::string& names = R"(["front-proxy-client"])") {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", "extension-apiserver-authentication"}, {"namespace", "kube-system"}}},
          {"data",
           {{"requestheader-client-ca-file", identities.authority.certificate_chain_pem},
            {"requestheader-allowed-names", names},
            {"requestheader-username-headers", R"(["X-Remote-User"])"},
            {"requestheader-uid-headers", R"(["X-Remote-Uid"])"},
            {"requestheader-group-headers", R"(["X-Remote-Group"])"},
            {"requestheader-extra-headers-prefix", R"(["X-Remote-Extra-"])"}}}};
}

}  // namespace meshplay::testing
