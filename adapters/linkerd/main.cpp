#include <CLI/CLI.hpp>
#include <string_view>

#include "adapters/gamma/emit.h"
#include "adapters/linkerd/emitter/emit.h"
#include "adapters/translate/translate.h"

#ifndef MESHPLAY_VERSION
#define MESHPLAY_VERSION "0.1.0"
#endif

int main(int argc, char** argv) {
  namespace translate = meshplay::translate;
  if (argc > 1 && std::string_view(argv[1]) == "translate") {
    return translate::RunTranslate({meshplay::linkerd::Emitter(), meshplay::gamma::Emitter("linkerd")}, argc - 1,
                                   argv + 1);
  }
  CLI::App app{"Meshplay's adapter for Linkerd: translates SMI documents to Linkerd's policies."};
  app.require_subcommand(1);
  app.set_version_flag("--version", MESHPLAY_VERSION);
  app.add_subcommand("translate", "Translates SMI documents without a cluster; translate --help tells more");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : translate::kExitInvalid;
  }
  return 0;
}
