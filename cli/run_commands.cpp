#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/operations.h"
#include "libs/base/files.h"

namespace meshplay::cli {

namespace {

using Json = nlohmann::ordered_json;

void AddRunOptions(CLI::App& command, RunRequest& request) {
  command.add_option("--cluster", request.cluster, "Cluster id")->required();
  command.add_option("--mesh", request.mesh, "Mesh id");
  command.add_option("--mesh-type", request.mesh_type, "Mesh type, for example istio");
  command.add_option("-n,--namespace", request.name_space, "Namespace, where the operation takes one");
  command.add_option("--reason", request.reason, "Why, for the audit record");
  command.add_option("--idempotency-key", request.idempotency_key, "The same key never starts a second operation");
  command.add_option("--owner", request.owner_id, "Name of the set that the objects belong to");
  command.add_flag("--plan", request.plan, "Show what would change; change nothing");
  command.add_flag("--wait", request.wait, "Show the steps until it is done; the exit code says how it ended");
  command.add_flag("--force-conflicts", request.force_conflicts, "Take fields that another manager owns");
  command.add_flag("--prune", request.prune, "Delete objects of the owner that are no longer in the set");
  command.add_option_function<int>(
      "--timeout", [&request](int seconds) { request.timeout = std::chrono::seconds(seconds); }, "Seconds to wait");
}

Result<std::string> ReadDocuments(const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& file : files) {
    std::string part;
    if (file == "-") {
      part.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    } else {
      MP_TRY(part, ReadFile(file));
    }
    if (!text.empty()) text += "\n---\n";
    text += part;
  }
  return text;
}

}  // namespace

void AddRun(CLI::App& app, Session& session) {
  // Kept alive by the commands that use them.
  const auto shared_request = std::make_shared<RunRequest>();
  const auto shared_files = std::make_shared<std::vector<std::string>>();
  RunRequest& request = *shared_request;
  std::vector<std::string>& files = *shared_files;
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

  auto* smi = app.add_subcommand("smi", "Service Mesh Interface documents");
  smi->require_subcommand(1);
  for (const std::string verb : {"apply", "delete"}) {
    auto* command =
        smi->add_subcommand(verb, verb == "apply" ? "Put documents into force on a mesh" : "Take them back");
    command->add_option("-f,--file", files, "YAML or JSON file, - is standard input; may be given often")->required();
    AddRunOptions(*command, request);
    command->callback([&session, shared_request, shared_files, verb] {
      session.command = [&session, shared_request, shared_files, verb](Server& server) {
        const auto text = ReadDocuments(*shared_files);
        if (!text) return Fail(text.error());
        shared_request->type = "smi." + verb;
        shared_request->documents = *text;
        return RunOperation(server, *shared_request, session.format());
      };
    });
  }
  auto* validate = smi->add_subcommand("validate", "Check documents without applying them");
  validate->add_option("-f,--file", files, "YAML or JSON file, - is standard input; may be given often")->required();
  validate->callback([&session, shared_files] {
    session.command = [&session, shared_files](Server& server) {
      const auto text = ReadDocuments(*shared_files);
      if (!text) return Fail(text.error());
      const auto answer = server.Post("/v1/smi:validate", {{"documents", *text}});
      if (!answer) return Fail(answer.error());
      if (session.format() == Format::kTable) {
        PrintItems(answer->value("findings", Json::array()),
                   {{"DOCUMENT", "/document"},
                    {"SEVERITY", "/severity"},
                    {"CODE", "/code"},
                    {"AT", "/pointer"},
                    {"SUMMARY", "/summary"}},
                   Format::kTable);
      } else {
        PrintItem(*answer, session.format());
      }
      return static_cast<int>(answer->value("valid", false) ? kDone : kUsage);
    };
  });
}

}  // namespace meshplay::cli
