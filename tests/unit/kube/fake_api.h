#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "tests/unit/http/loopback.h"

namespace meshplay::testing {

/// What the scripted API server does with one request.
struct Script {
  int status = 200;
  nlohmann::json body = nlohmann::json::object();
  HeaderList headers = {};
  std::function<void(Wire&)> instead = {};  ///< Replaces the answer: cut, hang, stream.
  LoopbackServer::Handler handler = {};     ///< As `instead`, with the request at hand.
};

inline void Cut(Wire& wire) {
  wire.Cut();
}
inline void Hang(Wire& wire) {
  wire.WaitForPeerToClose();
}

nlohmann::json StatusBody(int code, const std::string& reason, const std::string& message = "",
                          nlohmann::json details = nlohmann::json::object());
nlohmann::json ConfigMap(const std::string& name, const std::string& resource_version = "1");

/// A loopback API server that serves ConfigMaps, Namespaces, Pods and Leases by discovery and plays scripts for the
/// rest.
class FakeApi {
 public:
  FakeApi();
  /// The answers to "GET /path" (without the query) in order; the last one is repeated.
  void On(const std::string& method_and_path, std::vector<Script> scripts);
  std::unique_ptr<kube::Client> Client(kube::ClientOptions options = QuickRetries());
  static kube::ClientOptions QuickRetries();
  /// Requests of that method and path, in order.
  std::vector<SeenRequest> Seen(const std::string& method_and_path) const;
  const LoopbackServer& server() const { return *server_; }

 private:
  void Handle(const SeenRequest& request, Wire& wire);
  std::mutex mutex_;
  std::map<std::string, std::vector<Script>> scripts_;
  std::map<std::string, std::size_t> next_;
  std::unique_ptr<LoopbackServer> server_;
};

inline constexpr char kMapPath[] = "/api/v1/namespaces/shop/configmaps/a";
inline constexpr char kMapsPath[] = "/api/v1/namespaces/shop/configmaps";
inline const kube::Gvk kConfigMapKind{"", "v1", "ConfigMap"};
inline const kube::ObjectRef kMap{kConfigMapKind, "shop", "a"};

}  // namespace meshplay::testing
