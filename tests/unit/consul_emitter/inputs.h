#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/translate/emitter.h"
#include "tests/unit/consul_emitter/call_policy.h"

namespace meshplay::testing {

using EmitFunction =
    std::function<Result<translate::Emission>(const smi::DocumentSet& set, const smi::ClusterFacts& facts)>;

/// Damages the cases of `file` and of the common data files at random places, has each translated, and calls `check`
/// with every object. Each input is answered, with one report for each SMI object.
void TranslateDamagedInputs(const std::string& file, const EmitFunction& emit,
                            const std::function<void(const nlohmann::json& object)>& check);

/// Compares the objects and reports of the cases of `file`; a hash at the end of a name is written HASH there.
void CheckCases(const std::string& file, const translate::TranslateEmitter& emitter);

/// Has 1,000 random policies translated and compares what SMI and the mesh say of random calls. Fails when the mesh
/// allows what SMI denies, or denies what a target allows whose report is FULL, calls without meaning there aside.
/// With `may_widen` a target may let its own sources do more, if its report says WIDENED.
struct AccessRules {
  std::function<bool(const std::vector<nlohmann::json>& objects, const Call& call)> allows;
  std::function<bool(const Call& call)> is_meaningless;
  std::function<void(const nlohmann::json& object)> check;
  bool may_widen = false;
};
struct AccessComparison {
  int full = 0;     ///< Targets.
  int allowed = 0;  ///< Calls.
  int widened = 0;  ///< Of these, those that SMI denies.
};
AccessComparison CompareAccess(unsigned seed, const EmitFunction& emit, const AccessRules& rules);

/// What went wrong, as a failure of the test.
void FailOn(const std::string& what, const std::vector<nlohmann::json>& documents,
            const std::vector<nlohmann::json>& objects, const Call& call);

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
