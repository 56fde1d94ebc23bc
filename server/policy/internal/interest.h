#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/policy/spec.h"

namespace meshplay::policy::internal {

/// Which policies are concerned when objects come or go in some namespaces of a place: the ones that are in force there
/// and name such a namespace. Threads: one.
class Interests {
 public:
  using PolicyKey = std::pair<std::string, std::string>;  // (tenant, id)
  using Place = std::pair<std::string, std::string>;      // (cluster id, mesh type)

  /// `digest` says when the documents have to be read again.
  void Keep(const PolicyKey& policy, const std::string& digest, const Spec& spec, std::set<Place> places);
  void Forget(const PolicyKey& policy) { interests_.erase(policy); }
  std::vector<PolicyKey> Of(const std::string& tenant, const Place& place,
                            const std::set<std::string>& namespaces) const;

 private:
  struct Interest {
    std::string digest;
    std::set<std::string> namespaces;
    std::set<Place> places;
  };
  std::map<PolicyKey, Interest> interests_;
};

/// The namespaces that the documents of a spec are in or refer to. What cannot be read counts as nothing. Pure.
std::set<std::string> NamespacesOf(const Spec& spec);

}  // namespace meshplay::policy::internal
