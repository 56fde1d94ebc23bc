#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "libs/smi/facts.h"

namespace meshplay::testing {

/// One request, or some bytes, to a pod of ServiceAccount api in namespace shop.
struct Request {
  std::string account;  ///< Of the caller, in namespace shop.
  std::string service;  ///< Through which it comes: "api", "db", "plain" or "gossip"; empty: to a port behind none.
  bool udp = false;
  bool is_http = true;  ///< Else method, path, query and headers do not count.
  std::string method;
  std::string path;
  std::string query;  ///< With its question mark, or empty.
  std::map<std::string, std::string> headers;

  int PodPort() const;
};

std::string Text(const Request& request);

int Below(std::mt19937& random, int limit);  ///< 0 to limit - 1.

/// Accounts api, web (Service web), admin (Service backoffice), cron (no Service), left and right (Service both).
/// Pods of api are behind Services api (80 to 8080, HTTP), db (5432, TCP), plain (9000, unnamed) and gossip (8301 to
/// 9301, UDP).
smi::ClusterFacts TestCluster();

/// A random policy for ServiceAccount api, and what it means.
class RandomPolicy {
 public:
  explicit RandomPolicy(std::mt19937& random);

  const std::vector<nlohmann::json>& documents() const { return documents_; }
  bool Allows(const Request& request) const;
  /// Of groups g0 and g1.
  bool GroupsMatch(const Request& request) const;

 private:
  void Add(const char* group, const char* kind, const std::string& name, const nlohmann::json& spec);
  bool TargetAllows(const nlohmann::json& spec, const Request& request) const;
  bool GroupAllows(const nlohmann::json& rule, const Request& request) const;

  std::map<std::string, nlohmann::json> objects_;  ///< Specs by "Kind/name".
  std::vector<nlohmann::json> documents_;
};

Request RandomRequest(std::mt19937& random);

/// As smi::RegexMatchesFully; remembers, because the same few are asked for again and again.
bool MatchesFully(const std::string& regex, const std::string& text);

/// A TrafficSplit s of Service api by groups g0 and g1.
nlohmann::json SplitByGroups(const nlohmann::json& backends);

}  // namespace meshplay::testing
