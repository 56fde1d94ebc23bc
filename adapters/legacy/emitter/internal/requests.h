#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/legacy/emitter/emit.h"
#include "adapters/translate/translation.h"
#include "libs/smi/resolve.h"

namespace meshplay::legacy {

/// One match of an HTTPRouteGroup as the mesh reads it.
struct Request {
  std::string group;
  nlohmann::json item;                       ///< Of spec.matches.
  smi::LoweredPath path;                     ///< What `item` says of the path.
  const smi::RequestMatch* match = nullptr;  ///< Null: every request.
  std::string text;                          ///< `item` without its name: equal texts are one route to OSM.
};

struct Rendered {
  std::optional<Request> request;
  std::string problem;  ///< Why there is no request; empty when no request could match anyhow.
};

Rendered Render(Mesh mesh, const smi::RequestMatch& match, smi::PathAnchor anchor);

/// The match that takes every request, for grants that ask for none in particular.
Request EveryRequest(const std::string& group);

/// False only when no request can be accepted by both.
bool MayOverlap(const Request& a, const Request& b);

/// The HTTPRouteGroups to write: under their own names, with the matches that something written refers to.
class GroupList {
 public:
  void Add(const std::string& namespace_name, const Request& request, const smi::Head& source);
  void Draft(Mesh mesh, translate::EmitContext& context) const;

 private:
  struct Group {
    std::vector<nlohmann::json> items;
    std::vector<const smi::Head*> sources;
  };
  std::map<std::pair<std::string, std::string>, Group> groups_;
};

}  // namespace meshplay::legacy
