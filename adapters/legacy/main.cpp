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

bool AsksForHelp(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const std::string& argument) { return argument == "--help" || argument == "-h"; });
}

int Translate(std::vector<std::string> arguments) {
  std::optional<std::string> name = TakeMesh(arguments);
  if (AsksForHelp(arguments)) {
    std::cout << "--mesh traefik-mesh|osm|nginx-service-mesh says for which mesh; the rest is the same for all.\n\n";
    if (!name.has_value()) name = legacy::NameOf(legacy::Mesh::kTraefik);
  }
  const std::optional<legacy::Mesh> mesh = name.has_value() ? legacy::MeshOf(*name) : std::nullopt;
  if (!mesh.has_value()) {
    return translate::RefuseTranslate(
        meshplay::InvalidArgument("TRANSLATE_ARGUMENTS_INVALID",
                                  "--mesh must be traefik-mesh, osm or nginx-service-mesh" +
                                      (name.has_value() ? ", not \"" + *name + "\"" : std::string())),
        std::cerr);
  }
  return translate::RunTranslate({legacy::Emitter(*mesh), meshplay::gamma::Emitter(*name)}, arguments, std::cout,
                                 std::cerr);
}

// The arguments of `translate`, with `--mesh NAME` before the word or behind it; nullopt for anything else.
std::optional<std::vector<std::string>> TranslateArguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::vector<std::string> rest = arguments;
  TakeMesh(rest);
  if (rest.empty() || rest.front() != "translate") return std::nullopt;
  arguments.erase(std::find(arguments.begin(), arguments.end(), "translate"));
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  if (std::optional<std::vector<std::string>> arguments = TranslateArguments(argc, argv)) {
    return Translate(std::move(*arguments));
  }
  std::vector<meshplay::serve::Translator> translators;
  for (const legacy::Mesh mesh : {legacy::Mesh::kTraefik, legacy::Mesh::kOsm, legacy::Mesh::kNginx}) {
    const std::string name(legacy::NameOf(mesh));
    translators.push_back(
        {name, std::string(legacy::TitleOf(mesh)), {legacy::Emitter(mesh), meshplay::gamma::Emitter(name)}});
  }
  return meshplay::serve::TranslatorMain(translators, argc, argv);
}
