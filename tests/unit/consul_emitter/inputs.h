#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "adapters/translate/emitter.h"

namespace meshplay::testing {

using EmitFunction =
    std::function<Result<translate::Emission>(const smi::DocumentSet& set, const smi::ClusterFacts& facts)>;

/// Damages the cases of `file` and of the common data files at random places, has each translated, and calls `check`
/// with every object. Each input is answered, with one report for each SMI object.
void TranslateDamagedInputs(const std::string& file, const EmitFunction& emit,
                            const std::function<void(const nlohmann::json& object)>& check);

/// 1,000 TrafficTargets, 2,000 HTTPRouteGroups and 500 TrafficSplits of namespace shop, and the cluster for them. Gives
/// the number of objects made and the milliseconds it took.
std::pair<std::size_t, long> TranslateManyObjects(const EmitFunction& emit);

/// What the command `translate` of an adapter did.
struct Ran {
  int code = -1;
  std::vector<nlohmann::json> objects;
  nlohmann::json report;  ///< Of stderr: the list of reports, or the error.
};

/// Runs it on the documents and cluster objects of the case of `file` whose name starts with `name`.
Ran RunTranslateOn(const std::vector<translate::TranslateEmitter>& emitters, const std::string& file,
                   const std::string& name, const std::vector<std::string>& more_arguments = {});

}  // namespace meshplay::testing
