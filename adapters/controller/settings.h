#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/kube/object.h"
#include "adapters/translate/emitter.h"
#include "libs/base/result.h"

namespace meshplay::controller {

/// Label of the two ConfigMaps of a controller, with the values below.
inline constexpr char kControllerLabel[] = "meshplay.dev/smi-controller";
inline constexpr char kConfigValue[] = "config";
inline constexpr char kStateValue[] = "state";
inline constexpr char kConfigName[] = "meshplay-smi-controller";
inline constexpr char kStateName[] = "meshplay-smi-controller-state";

/// What the operation that enables a controller asks for. Stands in a ConfigMap beside the control plane: while that is
/// there the controller is enabled, whatever process of the adapter runs.
struct Settings {
  std::string mesh_key;
  std::vector<std::string> namespaces;  ///< Whose SMI objects count; empty: all.
  translate::OptionMap options;
  std::chrono::milliseconds grace{60'000};
  bool events = true;
  bool operator==(const Settings&) const = default;

  bool Covers(const std::string& name_space) const;
};

nlohmann::json ConfigObject(const Settings& settings, const std::string& mesh_type, const std::string& name_space);
/// Errors: kInvalidArgument SMI_CONTROLLER_CONFIG_INVALID.
Result<Settings> ReadSettings(const nlohmann::json& config_map);

kube::ObjectRef ConfigRef(const std::string& name_space);
kube::ObjectRef StateRef(const std::string& name_space);
/// Selects the ConfigMaps of one use: of one mesh type, or of all when that is empty.
std::string ControllerSelector(const std::string& value, const std::string& mesh_type = {});

}  // namespace meshplay::controller
