#include "adapters/serve/translator.h"

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <mutex>
#include <string_view>

#include "adapters/serve/run.h"
#include "adapters/serve/translate_answer.h"
#include "adapters/translate/translate.h"

#ifndef MESHPLAY_VERSION
#define MESHPLAY_VERSION "0.1.0"
#endif

namespace meshplay::serve {

pb::Capabilities TranslatorAdapter::capabilities() {
  pb::Capabilities manifest;
  manifest.set_mesh_type(translator_.mesh_type);
  manifest.set_display_name(translator_.display_name);
  *manifest.add_operations() = TranslateDescriptor();
  return manifest;
}

pb::TaskResult TranslatorAdapter::Run(sdk::TaskContext& /*task*/) {
  return sdk::Failed(sdk::MakeError("OPERATION_UNKNOWN", pb::ERROR_CLASS_INVALID, pb::SIDE_EFFECTS_NONE,
                                    "this adapter only translates"));
}

pb::TaskResult TranslatorAdapter::Query(sdk::TaskContext& task) {
  if (task.offer().operation_type() != kTranslateQuery) return sdk::MeshAdapter::Query(task);
  return AnswerTranslate(translator_.emitters, task.offer().parameters_json());
}

void TranslatorAdapter::WatchInventory(const pb::TargetRef& /*target*/, sdk::InventoryView& /*view*/,
                                       std::stop_token stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any ended;
  ended.wait(lock, stop, [] { return false; });
}

namespace {

const Translator* Choose(const std::vector<Translator>& translators, const std::string& mesh_type) {
  if (translators.size() == 1 && mesh_type.empty()) return &translators.front();
  for (const Translator& translator : translators) {
    if (translator.mesh_type == mesh_type) return &translator;
  }
  return nullptr;
}

}  // namespace

int TranslatorMain(const std::vector<Translator>& translators, int argc, const char* const* argv) {
  // Only one of them here: several choose by --mesh, and their translate is a command line of its own.
  if (translators.size() == 1 && argc > 1 && std::string_view(argv[1]) == "translate") {
    return translate::RunTranslate(translators.front().emitters, argc - 1, argv + 1);
  }
  std::vector<std::string> names;
  std::string shown;
  for (const Translator& translator : translators) {
    names.push_back(translator.mesh_type);
    shown += (shown.empty() ? "" : ", ") + translator.display_name;
  }
  RunFlags flags;
  std::string mesh_type;
  CLI::App app{"Meshplay's adapter for " + shown + ": translates SMI documents to the mesh's own objects."};
  app.require_subcommand(1);
  app.set_version_flag("--version", MESHPLAY_VERSION);
  app.add_subcommand("translate", "Translates SMI documents without a cluster; translate --help tells more");
  CLI::App* run = app.add_subcommand("run", "Enrols when needed and answers a server's questions until SIGTERM");
  AddRunFlags(*run, flags);
  CLI::App* capabilities = app.add_subcommand("capabilities", "Prints the manifest as JSON");
  if (translators.size() > 1) {
    for (CLI::App* command : {run, capabilities}) {
      command->add_option("--mesh", mesh_type, "The mesh to translate for")->required()->check(CLI::IsMember(names));
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadOptions;
  }
  const Translator* translator = Choose(translators, mesh_type);
  if (translator == nullptr) return kBadOptions;
  if (capabilities->parsed()) {
    TranslatorAdapter adapter(*translator);
    return PrintCapabilities(adapter);
  }
  return Run(flags, translator->mesh_type, {}, [translator]() -> Result<std::unique_ptr<sdk::MeshAdapter>> {
    return std::unique_ptr<sdk::MeshAdapter>(std::make_unique<TranslatorAdapter>(*translator));
  });
}

}  // namespace meshplay::serve
