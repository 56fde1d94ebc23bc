#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/gamma/emit.h"
#include "adapters/legacy/emitter/emit.h"
#include "adapters/serve/translator.h"
#include "adapters/translate/translate.h"

namespace {

namespace legacy = meshplay::legacy;
namespace translate = meshplay::translate;

// Takes `--mesh NAME` or `--mesh=NAME` out of the arguments.
std::optional<std::string> TakeMesh(std::vector<std::string>& arguments) {
  constexpr std::string_view kFlag = "--mesh";
  const auto it = std::find_if(arguments.begin(), arguments.end(), [&](const std::string& argument) {
    return argument == kFlag || argument.starts_with(std::string(kFlag) + "=");
  });
  if (it == arguments.end()) return std::nullopt;
  if (*it != kFlag) {
    const std::string name = it->substr(kFlag.size() + 1);
    arguments.erase(it);
    return name;
  }
  if (it + 1 == arguments.end()) return std::nullopt;
  const std::string name = *(it + 1);
  arguments.erase(it, it + 2);
  return name;
}

int Translate(std::vector<std::string> arguments) {
  const std::optional<std::string> name = TakeMesh(arguments);
  const std::optional<legacy::Mesh> mesh = name.has_value() ? legacy::MeshOf(*name) : std::nullopt;
  if (!mesh.has_value()) {
    std::cerr << "translate needs --mesh traefik-mesh, --mesh osm or --mesh nginx-service-mesh\n";
    return translate::kExitInvalid;
  }
  return translate::RunTranslate({legacy::Emitter(*mesh), meshplay::gamma::Emitter(*name)}, arguments, std::cout,
                                 std::cerr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "translate") {
    return Translate(std::vector<std::string>(argv + 2, argv + argc));
  }
  std::vector<meshplay::serve::Translator> translators;
  for (const legacy::Mesh mesh : {legacy::Mesh::kTraefik, legacy::Mesh::kOsm, legacy::Mesh::kNginx}) {
    const std::string name(legacy::NameOf(mesh));
    translators.push_back(
        {name, std::string(legacy::TitleOf(mesh)), {legacy::Emitter(mesh), meshplay::gamma::Emitter(name)}});
  }
  return meshplay::serve::TranslatorMain(translators, argc, argv);
}
