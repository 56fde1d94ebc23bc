#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace meshplay::testing {

/// One request as a proxy sees it.
struct Request {
  std::string source_account;
  std::map<std::string, std::string> target_labels;  ///< Of the pod that receives it.
  int port = 0;                                      ///< Pod port for access, Service port for routing.
  bool is_http = true;                               ///< Else plain bytes: method, path and headers do not count.
  std::string method;
  std::string path;  ///< Without query.
  std::map<std::string, std::string> headers;
  std::string source_namespace = "shop";
};
std::string Text(const Request& request);

/// A request of one of the accounts web, admin and cron to a pod with label app=api, on pod port 8080, 8081 or 9000.
Request RandomRequest(std::mt19937& random);
/// Now and then it comes from the namesake of web in namespace far instead, whom policies name, too.
void ComeFromAnywhere(std::mt19937& random, Request& request);

/// An SMI object of namespace shop.
nlohmann::json Document(const char* group, const char* version, const char* kind, const std::string& name,
                        const nlohmann::json& spec);

/// What a match of an HTTPRouteGroup says of a request, read from the document itself.
bool SmiMatches(const nlohmann::json& match, const Request& request);

int Below(std::mt19937& random, int limit);

/// A random policy for ServiceAccount api (or several) and what it means. Their Services have ports 80 and 81, which
/// lead to pod ports 8080 and 8081; port 9000 has none.
class RandomPolicy {
 public:
  explicit RandomPolicy(std::mt19937& random, int max_targets = 3, std::vector<std::string> destinations = {"api"});

  std::vector<nlohmann::json> Documents() const;
  bool Allows(const Request& request) const { return !AllowedBy(request).empty(); }
  /// The same for one of several destinations, of which one without a target is open.
  bool AllowsAt(const std::string& destination, const Request& request) const;
  bool GroupMatches(const std::string& group, const Request& request) const { return GroupAllows(group, {}, request); }
  std::vector<std::string> AllowedBy(const Request& request) const;  ///< Names of TrafficTargets.
  /// The caller is one of the target's sources.
  bool Names(const std::string& target, const Request& request) const;
  const std::map<std::string, nlohmann::json>& groups() const { return groups_; }

 private:
  void AddGroup(const std::string& name);
  void AddRoute(const std::string& name);
  void AddTarget(const std::string& name);
  bool TargetAllows(const nlohmann::json& spec, const Request& request) const;  ///< Whoever the caller is.
  bool GroupAllows(const std::string& name, const std::vector<std::string>& wanted, const Request& request) const;

  std::mt19937& random_;
  std::vector<std::string> destinations_;
  std::map<std::string, nlohmann::json> groups_;
  std::map<std::string, nlohmann::json> routes_;
  std::map<std::string, nlohmann::json> targets_;
};

}  // namespace meshplay::testing
