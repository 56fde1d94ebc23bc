#pragma once

#include <string>
#include <vector>

namespace meshplay::linkerd {

/// An HTTPRoute of ours in the cluster.
struct OwnRoute {
  std::string name;
  std::string created;  ///< metadata.creationTimestamp; may be empty.
};

/// Names for the routes of a Server, `keys` being what they take, in order: "<server>-g<generation>-<rank>-<hash>".
/// Names sort in the order of `keys`. `existing` holds our routes of the namespace, sorted by name. Routes that are
/// there keep their names when the new ones can follow them; else all routes get names of the next generation, because
/// a route cannot be made older than one that exists.
std::vector<std::string> RouteNames(const std::vector<OwnRoute>& existing, const std::string& server,
                                    const std::vector<std::string>& keys);

}  // namespace meshplay::linkerd
