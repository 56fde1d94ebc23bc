#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "adapters/consul/emitter/internal/catalog.h"

namespace meshplay::consul {

/// Splitters and routers of all splits. They are drafted together: a splitter that leads to another splitter's service
/// would split again there, which SMI does not mean.
class Splits {
 public:
  void Add(const translate::EmitContext& context, const Catalog& catalog, const smi::Split& split,
           translate::Outcome& outcome);
  void Draft(translate::EmitContext& context, const Catalog& catalog, translate::Outcomes& outcomes) const;

 private:
  struct Planned {
    const smi::Head* source = nullptr;
    std::string namespace_name;
    std::string root;
    std::string splitter;                 ///< The root, or a service that only the router leads to.
    std::vector<nlohmann::json> matches;  ///< Of the router; empty: all requests.
    std::vector<smi::SplitRoute> routes;
    std::string protocol;
  };
  std::vector<Planned> planned_;
};

}  // namespace meshplay::consul
