#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cluster_objects.h"
#include "tests/unit/smi/random_policy.h"

namespace meshplay::testing {

/// Services api, api-1 and api-2 with ports 80 and 81. Port 81 is missing at api-2, and api-3 does not exist.
inline smi::ClusterFacts SplitCluster() {
  const nlohmann::json http = {{"name", "http"}, {"port", 80}};
  const nlohmann::json more = {{"name", "http-b"}, {"port", 81}};
  return facts::FactsFromObjects({ServiceOf("api", {{"app", "api"}}, {http, more}),
                                  ServiceOf("api-1", {{"app", "api-1"}}, {http, more}),
                                  ServiceOf("api-2", {{"app", "api-2"}}, nlohmann::json::array({http}))});
}

inline nlohmann::json RandomSplit(std::mt19937& random) {
  nlohmann::json spec = {{"service", "api"}, {"backends", nlohmann::json::array()}};
  for (const char* backend : {"api", "api-1", "api-2", "api-3"}) {
    if (Below(random, 3) != 0) spec["backends"].push_back({{"service", backend}, {"weight", Below(random, 3)}});
  }
  if (spec["backends"].empty()) spec["backends"].push_back({{"service", "api-1"}, {"weight", 0}});
  if (Below(random, 3) != 0) {
    spec["matches"] = {{{"kind", "HTTPRouteGroup"}, {"name", "g0"}}, {{"kind", "HTTPRouteGroup"}, {"name", "g1"}}};
  }
  return spec;
}

/// The backends that a split may send a request to; none when all its weights are 0. nullopt: it does not split the
/// port.
inline std::optional<std::vector<std::string>> BackendsOf(const nlohmann::json& split, int port, bool carries_zeros) {
  std::vector<std::string> out;
  bool some = false;
  bool any_weight = false;
  bool served_weight = false;
  for (const nlohmann::json& backend : split["backends"]) {
    const std::string name = backend["service"];
    const bool has_weight = backend["weight"] > 0;
    any_weight = any_weight || has_weight;
    // A Service that does not exist keeps its place only without traffic.
    if ((name == "api-2" && port == 81) || (name == "api-3" && has_weight)) continue;
    some = true;
    served_weight = served_weight || has_weight;
    if (has_weight) out.push_back(name);
  }
  if (!some || (any_weight && !served_weight) || (!any_weight && !carries_zeros)) return std::nullopt;
  return out;
}

}  // namespace meshplay::testing
