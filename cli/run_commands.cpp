#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/operations.h"
#include "cli/run_options.h"

namespace meshplay::cli {

void AddRun(CLI::App& app, Session& session) {
  // Kept alive by the commands that use them.
  const auto shared_request = std::make_shared<RunRequest>();
  RunRequest& request = *shared_request;
  auto* run = app.add_subcommand("run", "Start an operation");
  run->add_option("TYPE", request.type, "Operation type, for example istio.install; see `types`")->required();
  run->add_option("-p,--parameter", request.parameters, "KEY=VALUE, KEY=@FILE; dots nest; may be given often");
  run->add_option("-f,--parameters-file", request.parameters_file, "JSON or YAML object with parameters");
  run->add_option("--plan-digest", request.plan_digest, "Do exactly this plan or fail");
  AddRunOptions(*run, request);
  run->callback([&session, shared_request] {
    session.command = [&session, shared_request](Server& server) {
      return RunOperation(server, *shared_request, session.format());
    };
  });
}

}  // namespace meshplay::cli
