#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/legacy_emitter/random_policy.h"

namespace meshplay::test {

/// Where documents leave the mesh a choice, or say nothing.
struct Reading {
  bool last_wins = false;  ///< Of several routes that a request fits, the last decides instead of the first.
  enum class Anchor { kFull, kPrefix, kSearch } anchor = Anchor::kFull;  ///< NGINX: of paths and headers.
  bool service_ports = false;                                            ///< NGINX: destination.port is a Service port.
};

// What each mesh does with connections to ServiceAccount api, given the objects that it reads; `request` null for
// bytes. After the mesh's own source and documents (06 §4.7): OSM checks callers of a port and callers of a request
// apart, and leaves TCP open without any TrafficTarget; Traefik Mesh checks no caller of TCP.
bool OsmAllows(const std::vector<nlohmann::json>& objects, const Reading& reading, const std::string& source,
               const TestPort& port, const TestRequest* request);
bool TraefikAllows(const std::vector<nlohmann::json>& objects, const Reading& reading, const std::string& source,
                   const TestPort& port, const TestRequest* request);
bool NginxAllows(const std::vector<nlohmann::json>& objects, const Reading& reading, const std::string& source,
                 const TestPort& port, const TestRequest* request);

}  // namespace meshplay::test
