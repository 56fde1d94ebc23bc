#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/process.h"

namespace meshplay::test {

/// Runs a program of the tests with their environment; the test fails when it cannot be started.
ProcessOutcome RunProgram(std::vector<std::string> argv, std::string input = {});
ProcessOutcome RunRig(std::vector<std::string> words);

/// Every CustomResourceDefinition of a YAML stream.
std::vector<nlohmann::json> DefinitionsIn(const std::string& text);

/// The real definitions of scripts/definitions.txt, fetched when they are not there: Istio, Gateway API, Cilium, SMI.
/// SMI's are written for an API that is gone; they come as that API's successor wants them, with served versions only.
std::vector<nlohmann::json> RealDefinitions();

/// RealDefinitions with the reduced ones of tests/charts/mesh-crds beside them, one for each resource: a version that
/// both know is the real one's.
std::vector<nlohmann::json> AllDefinitions();

/// Where a reduced definition has a version, a field or a type that the real one has not; "spec/rules[]" for items.
std::vector<std::string> StrangeTo(const nlohmann::json& real, const nlohmann::json& reduced);

}  // namespace meshplay::test
