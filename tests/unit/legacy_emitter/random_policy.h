#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "libs/smi/facts.h"

namespace meshplay::test {

/// A Service port of ServiceAccount api in namespace shop.
struct TestPort {
  int service = 0;
  int pod = 0;
  bool http = false;
};
const std::vector<TestPort>& TestPorts();

/// Accounts api, web and admin. Service api leads to api's ports that speak HTTP, Service db (annotated as TCP for
/// Traefik Mesh) to the one that does not.
smi::ClusterFacts TestCluster();

struct TestRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;
};
const std::vector<TestRequest>& TestRequests();

/// As smi::RegexMatchesFully; remembers, because the same few are asked for again and again.
bool MatchesFully(const std::string& regex, const std::string& text);

/// TrafficTargets for api with groups and routes, some of them missing.
struct RandomPolicy {
  std::vector<nlohmann::json> documents;
  std::map<std::string, nlohmann::json> groups;    ///< Name to spec.matches.
  std::map<std::string, std::vector<int>> routes;  ///< TCPRoutes; an empty list is any port.
  std::vector<nlohmann::json> targets;             ///< Their specs.
};
RandomPolicy MakePolicy(std::mt19937& random);

/// What SMI says; `request` null for bytes that are no request.
/// `source` is an account of namespace shop, or NAMESPACE/NAME: one of the target's sources.
bool NamesSource(const nlohmann::json& target, const std::string& source);
bool SmiAllows(const RandomPolicy& policy, const std::string& source, const TestPort& port, const TestRequest* request);

}  // namespace meshplay::test
