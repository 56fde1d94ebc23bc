#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "adapters/controller/settings.h"
#include "adapters/kube/client.h"
#include "adapters/kube/reflector.h"

namespace meshplay::controller {

struct Enabled {
  std::string name_space;  ///< Of the ConfigMap.
  Settings settings;
  bool operator==(const Enabled&) const = default;
};

/// Follows the ConfigMap that enables the controller of one mesh type. Threads: any.
class ConfigWatch {
 public:
  ConfigWatch(kube::Client& client, const std::string& mesh_type);
  ~ConfigWatch();
  ConfigWatch(const ConfigWatch&) = delete;
  ConfigWatch& operator=(const ConfigWatch&) = delete;

  /// Why the ConfigMap that is there cannot be followed; nullopt: nothing is wrong (any more).
  using TellTrouble = std::function<void(const std::optional<Error>&)>;

  /// Waits until the controller is enabled; nullopt when `stop` was requested. Meanwhile `tell` is called, on this
  /// thread, with each new trouble and when it is over.
  std::optional<Enabled> WaitUntilEnabled(const std::stop_token& stop, const TellTrouble& tell);
  /// Requests a stop of `source` as soon as what the ConfigMap says is not `known` any more.
  void StopWhenOther(const Enabled& known, std::stop_source source);
  std::optional<Enabled> now() const;
  /// Asks the server instead of the watch. Errors: those of the client.
  static Result<std::optional<Enabled>> Ask(kube::Client& client, const std::string& mesh_type, const kube::Call& call);

 private:
  void Take(std::map<std::string, nlohmann::json> maps);
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, nlohmann::json> maps_;  ///< By namespace.
  std::optional<Enabled> now_;
  std::optional<Error> trouble_;  ///< Of a ConfigMap, while none can be followed.
  std::optional<std::pair<Enabled, std::stop_source>> watched_;
  std::unique_ptr<kube::Reflector> reflector_;
};

}  // namespace meshplay::controller
