#pragma once

#include <string>
#include <vector>

#include "adapters/linkerd/emitter/internal/cluster_view.h"
#include "adapters/linkerd/emitter/internal/destinations.h"
#include "adapters/translate/translation.h"

namespace meshplay::linkerd {

/// When objects are applied: routes of splits first, what denies last.
enum Wave { kSplitWave, kAuthenticationWave, kRouteWave, kAuthorizationWave, kServerWave, kNamespaceWave };

inline constexpr const char* kAuthenticationVersion = "policy.linkerd.io/v1alpha1";

/// The objects of one destination. Nothing of it is drafted when somebody else's object is in the way.
class ServerWriter {
 public:
  ServerWriter(const translate::EmitContext& context, const ClusterView& view, const Destination& destination,
               translate::Outcomes& outcomes)
      : context_(context), view_(view), destination_(destination), outcomes_(outcomes) {}

  /// One Server for each port of each selection, with routes and authorizations. `named` tells to put the selection's
  /// name into that of its Servers.
  void AddGroup(const PodGroup& group, bool named);

  /// After the last group: tells the targets that list ports of which none is served.
  void ReportUnserved() const;

  const std::vector<translate::Draft>& drafts() const { return drafts_; }
  const std::string& conflict() const { return conflict_; }  ///< What is in the way, or empty.

 private:
  struct PortGrants;

  translate::Outcome& OutcomeOf(std::size_t grant) const;
  PortGrants GrantsOf(const PodGroup& group, int port, const std::vector<std::vector<int>>& listed) const;
  std::vector<std::vector<int>> ListedPorts(const PodGroup& group);
  void AddRoutes(const std::string& server, const PortGrants& grants, bool count);
  void AddPortPolicies(const std::string& server, const PortGrants& grants, bool count);
  void Authorize(std::size_t grant, const char* group, const char* kind, const std::string& target);
  void AuthorizeEverybody(const std::string& route, const char* group);
  void Add(int wave, const std::string& version, const char* kind, const std::string& name, nlohmann::json spec,
           std::vector<const smi::Head*> sources);

  const translate::EmitContext& context_;
  const ClusterView& view_;
  const Destination& destination_;
  translate::Outcomes& outcomes_;
  std::vector<translate::Draft> drafts_;
  std::set<std::string> authentications_;  // Drafted already.
  std::set<std::size_t> served_;           // Grants that list a port which some pod serves.
  std::string conflict_;
};

}  // namespace meshplay::linkerd
