#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "libs/smi/facts.h"
#include "tests/unit/smi/random_policy.h"

namespace meshplay::testing {

/// One request, or some bytes, to a pod of ServiceAccount api in namespace shop.
struct Call : Request {
  std::string service;  ///< Through which it comes: "api", "db", "plain" or "gossip"; empty: to a port behind none.
  bool udp = false;
  std::string query;  ///< With its question mark, or empty.
};

std::string CallText(const Call& call);

/// Accounts api, web (Service web), admin (Service backoffice), cron (no Service), left and right (Service both).
/// Pods of api are behind Services api (80 to 8080, HTTP), db (5432, TCP), plain (9000, unnamed) and gossip (8301 to
/// 9301, UDP).
smi::ClusterFacts TestCluster();

/// A random policy for ServiceAccount api, and what it means.
class CallPolicy {
 public:
  explicit CallPolicy(std::mt19937& random);

  const std::vector<nlohmann::json>& documents() const { return documents_; }
  std::vector<std::string> AllowedBy(const Call& call) const;     ///< Names of TrafficTargets.
  bool Names(const std::string& target, const Call& call) const;  ///< The caller is one of its sources.
  /// Of groups g0 and g1.
  bool GroupsMatch(const Call& call) const;

 private:
  void Add(const char* group, const char* kind, const std::string& name, const nlohmann::json& spec);
  bool TargetAllows(const nlohmann::json& spec, const Call& call) const;
  bool GroupAllows(const nlohmann::json& rule, const Call& call) const;

  std::map<std::string, nlohmann::json> objects_;  ///< Specs by "Kind/name".
  std::vector<nlohmann::json> documents_;
};

Call RandomCall(std::mt19937& random);

/// As smi::RegexMatchesFully; remembers, because the same few are asked for again and again.
bool MatchesFully(const std::string& regex, const std::string& text);

/// A Deployment with the name of its ServiceAccount, and a Service of one port for pods with label app.
nlohmann::json DeploymentObject(const std::string& account, const nlohmann::json& labels);
nlohmann::json ServiceObject(const std::string& name, const std::string& app, const nlohmann::json& port);

/// A TrafficSplit s of Service api by groups g0 and g1.
nlohmann::json SplitByGroups(const nlohmann::json& backends);

}  // namespace meshplay::testing
