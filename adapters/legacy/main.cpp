#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/gamma/emit.h"
#include "adapters/legacy/emitter/emit.h"
#include "adapters/translate/translate.h"

#ifndef MESHPLAY_VERSION
#define MESHPLAY_VERSION "0.1.0"
#endif

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
  CLI::App app{"Meshplay's adapter for meshes that read SMI themselves: Traefik Mesh, Open Service Mesh, NGINX."};
  app.require_subcommand(1);
  app.set_version_flag("--version", MESHPLAY_VERSION);
  app.add_subcommand("translate",
                     "Writes SMI as one of these meshes reads it; translate --mesh NAME --help tells more");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : translate::kExitInvalid;
  }
  return 0;
}
