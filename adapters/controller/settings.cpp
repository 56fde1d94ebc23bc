#include "adapters/controller/settings.h"

#include <algorithm>

#include "adapters/common/ownership.h"
#include "adapters/controller/state.h"
#include "libs/base/json.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

constexpr std::int64_t kMostGraceMs = 24LL * 3600 * 1000;

Error Invalid(const std::string& what) {
  return InvalidArgument("SMI_CONTROLLER_CONFIG_INVALID", "the ConfigMap of the SMI controller " + what)
      .WithRemediation("Run smi.controller.enable again.");
}

}  // namespace

bool Settings::Covers(const std::string& name_space) const {
  return namespaces.empty() || std::find(namespaces.begin(), namespaces.end(), name_space) != namespaces.end();
}

json ConfigObject(const Settings& settings, const std::string& mesh_type, const std::string& name_space) {
  const json content = {{"meshKey", settings.mesh_key},
                        {"namespaces", settings.namespaces},
                        {"options", settings.options},
                        {"gracePeriodMs", settings.grace.count()},
                        {"events", settings.events}};
  json object = {{"apiVersion", "v1"},
                 {"kind", "ConfigMap"},
                 {"metadata", {{"name", kConfigName}, {"namespace", name_space}}},
                 {"data", {{"settings", CanonicalJson(content)}}}};
  common::SetOwnership(object, kOwner, mesh_type);
  object["metadata"]["labels"][kControllerLabel] = kConfigValue;
  return object;
}

Result<Settings> ReadSettings(const json& config_map) {
  const auto content = ParseJson(kube::TextAt(config_map, "/data/settings"));
  if (!content || !content->is_object()) return Invalid("holds no settings");
  Settings settings;
  settings.mesh_key = kube::TextAt(*content, "/meshKey");
  const json& namespaces = kube::ValueAt(*content, "/namespaces");
  const json& options = kube::ValueAt(*content, "/options");
  const json& events = kube::ValueAt(*content, "/events");
  if (!namespaces.is_array() || !options.is_object() || !events.is_boolean())
    return Invalid("is not as it was written");
  for (const json& name : namespaces) {
    if (!name.is_string()) return Invalid("names a namespace that is no text");
    settings.namespaces.push_back(name.get<std::string>());
  }
  for (const auto& [name, value] : options.items()) {
    if (!value.is_string()) return Invalid("has an option that is no text");
    settings.options[name] = value.get<std::string>();
  }
  const long long grace = kube::NumberAt(*content, "/gracePeriodMs", -1);
  if (grace < 0 || grace > kMostGraceMs) return Invalid("has no usable grace period");
  settings.grace = std::chrono::milliseconds(grace);
  settings.events = events.get<bool>();
  return settings;
}

kube::ObjectRef ConfigRef(const std::string& name_space) {
  return {{"", "v1", "ConfigMap"}, name_space, kConfigName};
}

kube::ObjectRef StateRef(const std::string& name_space) {
  return {{"", "v1", "ConfigMap"}, name_space, kStateName};
}

std::string ControllerSelector(const std::string& value, const std::string& mesh_type) {
  std::string selector = std::string(kControllerLabel) + "=" + value;
  if (!mesh_type.empty()) selector += std::string(",") + common::kMeshLabel + "=" + mesh_type;
  return selector;
}

}  // namespace meshplay::controller
