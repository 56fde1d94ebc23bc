#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "adapters/conformance/app/socket.h"

namespace meshplay::test {

/// How the gate treats what it should. It is no mesh: it only lets the runner's verdicts be tested against real
/// programs and real connections.
enum class GateMode {
  kHonest,         ///< As the SMI documents say.
  kAllowsAll,      ///< Nothing is enforced.
  kUnavailable,    ///< What should be denied gets 503: the service is not there.
  kFlapping,       ///< Every fourth decision is wrong.
  kDropsDenied,    ///< What should be denied gets no answer, and the connection closes.
  kAnswersItself,  ///< Allowed requests are answered here and reach no server.
  kIgnoresWeights  ///< Splits go to all backends evenly.
};

/// Stands between the applications: a listener for each Service and port, which forwards or refuses by the SMI
/// documents that are in force.
class Gate {
 public:
  struct Service {
    std::vector<std::string> apps;                    ///< Its endpoints.
    std::map<int, std::map<std::string, int>> ports;  ///< Service port -> app -> port of its process.
  };
  explicit Gate(std::map<std::string, Service> services);
  ~Gate();

  /// Where to reach a Service's port.
  int PortOf(const std::string& service, int port) const;
  void SetDocuments(std::vector<nlohmann::json> documents);
  void SetMode(GateMode mode) { mode_ = mode; }
  /// A request that went through, as the proxies of a mesh would count it.
  struct Passed {
    std::string caller, app;
    int status = 0;
    std::chrono::duration<double, std::milli> took{0};
  };
  /// Told of each; set it before the first.
  void SetObserver(std::function<void(const Passed&)> observer) { observer_ = std::move(observer); }
  /// The documents have effect only after so many further decisions.
  void SetDelay(int decisions) { delay_ = decisions; }

 private:
  struct Listener {
    std::string service;
    int port = 0;
    int bound = 0;
    conformance_app::Socket socket;
  };
  struct Asked {
    std::string method, path, caller;
    std::map<std::string, std::string> headers;
  };
  void Serve(const std::stop_token& stop);
  void Handle(const Listener& listener, const conformance_app::Socket& socket);
  bool Allows(const std::string& app, int port, const Asked& asked) const;
  bool RuleMatches(const nlohmann::json& rule, int port, const Asked& asked) const;
  bool GroupMatches(const nlohmann::json& reference, const Asked& asked) const;
  std::string Choose(const Listener& listener, const Asked& asked);
  const nlohmann::json* Find(const std::string& kind, const std::string& name) const;

  const std::map<std::string, Service> services_;
  std::vector<Listener> listeners_;
  std::mutex mutex_;
  std::vector<nlohmann::json> documents_, coming_;
  int turn_ = 0;
  int flaps_ = 0;
  std::atomic<GateMode> mode_{GateMode::kHonest};
  std::atomic<int> delay_{0};
  std::function<void(const Passed&)> observer_;
  std::jthread loop_;
};

}  // namespace meshplay::test
