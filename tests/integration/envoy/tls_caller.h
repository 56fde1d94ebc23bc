#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "libs/base/tls.h"

namespace meshplay::test {

struct HttpAnswer {
  int status = 0;  ///< 0: the connection ended without one.
  std::string body;
};

/// One connection to a proxy under test: says by the PROXY protocol which port it means, then speaks TLS with or
/// without a client certificate. Whatever goes wrong shows as an answer without status. Threads: one.
class TlsCaller {
 public:
  /// `port` is the proxy's, `meant_port` the pod's that the caller means. `identity` null: no client certificate.
  TlsCaller(int port, int meant_port, const std::string& server_name, const KeyPair* identity);
  ~TlsCaller();
  TlsCaller(const TlsCaller&) = delete;
  TlsCaller& operator=(const TlsCaller&) = delete;

  bool connected() const { return connected_; }
  /// Sends a request as it is and reads the answer.
  HttpAnswer Send(const std::string& request);

 private:
  bool ReadMore();

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, &SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> tls_{nullptr, &SSL_free};
  int socket_ = -1;
  bool connected_ = false;
  std::string unread_;
};

}  // namespace meshplay::test
