#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace meshplay::testing {

/// A Deployment of namespace shop named like its ServiceAccount, with label app of that name among `labels`.
inline nlohmann::json DeploymentOf(const std::string& account, const nlohmann::json& labels) {
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", account}, {"namespace", "shop"}}},
          {"spec",
           {{"selector", {{"matchLabels", {{"app", account}}}}},
            {"template", {{"metadata", {{"labels", labels}}}, {"spec", {{"serviceAccountName", account}}}}}}}};
}

/// A Service of namespace shop; an empty selector: none.
inline nlohmann::json ServiceOf(const std::string& name, const nlohmann::json& selector, const nlohmann::json& ports,
                                const nlohmann::json& labels = nlohmann::json::object()) {
  nlohmann::json spec = {{"ports", ports}};
  if (!selector.empty()) spec["selector"] = selector;
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}, {"namespace", "shop"}, {"labels", labels}}},
          {"spec", std::move(spec)}};
}

}  // namespace meshplay::testing
