#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "adapters/linkerd/emitter/internal/request_set.h"

namespace meshplay::linkerd {

inline constexpr std::size_t kMaxRoutes = 2'000;       ///< Of one Server, as written.
inline constexpr std::size_t kMaxDerivedRoutes = 256;  ///< Of one Server, for what several routes have in common.

/// Requests that one grant allows.
struct GrantedSet {
  RequestSet set;
  std::size_t grant = 0;  ///< Index into the callers given to BuildRoutes.
};

/// Who a grant is for. Empty: everybody.
using Callers = std::set<smi::Identity>;

struct Route {
  RequestSet set;
  std::vector<nlohmann::json> matches;
  std::set<std::size_t> grants;  ///< All that allow the whole set: whoever they are for may call the route.
};

/// The routes of one Server.
struct RouteTable {
  std::vector<Route> routes;  ///< The most specific first: of two nested ones, the narrower one.
  struct Loss {
    std::size_t grant = 0;
    std::string code;
    std::string message;
  };
  std::vector<Loss> losses;  ///< What a grant allows and the routes do not.
};

/// Linkerd sends a request to one route only: that with the longest path, then most headers and methods; of equals the
/// first. So every route is open for all grants that include it, and where two routes overlap and are open for
/// different callers, the common part becomes a route of its own. `everywhere` may call any route anyhow; `catch_all`
/// asks for a route that takes the rest, open to no grant.
RouteTable BuildRoutes(const std::vector<GrantedSet>& granted, const std::vector<Callers>& callers,
                       const Callers& everywhere, bool catch_all);

}  // namespace meshplay::linkerd
