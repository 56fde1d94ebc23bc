#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace meshplay::test {

/// A way to have a mesh's SMI translated: the program with its first arguments.
struct Translator {
  std::string mesh;
  std::vector<std::string> command;  ///< `.../meshplay-adapter-istio translate`
};

/// One call of `translate` and what came of it.
struct Translation {
  std::string name;  ///< "istio --as gamma, case ... of istio.yaml".
  std::vector<nlohmann::json> objects;
};

/// Every mesh: each folder adapters/<mesh> with an emitter stands for itself, adapters/legacy for the three meshes that
/// read SMI themselves. The program must be built. tests/charts/mesh-crds/README.md tells how a mesh gets in.
std::vector<Translator> Translators();

/// The cases of tests/testdata/smi/<mesh>.yaml in the mesh's own form and as the generic one, those of gamma.yaml, and
/// LimitCases.
std::vector<Translation> TranslateAll(const Translator& translator);

}  // namespace meshplay::test
