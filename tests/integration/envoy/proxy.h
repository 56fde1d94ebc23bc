#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "libs/base/files.h"
#include "libs/base/tls.h"
#include "tests/support/child_process.h"

namespace meshplay::test {

/// A real Envoy as a sidecar has it: one listener that takes the port a caller means from the connection (here by the
/// PROXY protocol, in a mesh by the original destination), asks for the callers' certificates, and for each server name
/// has a chain of its own in front of one backend. Paths are normalised as Istio's default has it.
class Proxy {
 public:
  struct Chain {
    nlohmann::json http_filter;     ///< Before the router: one, a list of them, or null for none.
    nlohmann::json routes;          ///< Null: everything goes to the backend.
    nlohmann::json network_filter;  ///< Not null: a chain that carries bytes, with this filter before tcp_proxy.
  };

  /// Null, after Skip(), when MESHPLAY_TEST_ENVOY is not set; fails the test when Envoy does not take the chains.
  static std::unique_ptr<Proxy> Start(const std::map<std::string, Chain>& chains, const KeyPair& authority,
                                      int backend_port);

  int port() const { return port_; }

 private:
  explicit Proxy(TemporaryDirectory folder) : folder_(std::move(folder)) {}
  void Await();

  TemporaryDirectory folder_;
  ChildProcess process_;
  int port_ = 0;
};

}  // namespace meshplay::test
