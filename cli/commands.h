#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/print.h"
#include "cli/server.h"

namespace CLI {
class App;
}

namespace meshplay::cli {

/// What every command has at hand. A subcommand that was given sets `command`.
struct Session {
  std::string server_flag;
  std::string ca_flag;
  std::string output = "table";
  std::function<int(Server&)> command;

  Format format() const { return output == "json" ? Format::kJson : output == "yaml" ? Format::kYaml : Format::kTable; }
};

/// Each adds one group of commands; `session` outlives `app`.
void AddCollections(CLI::App& app, Session& session);   ///< clusters, adapters, meshes, targets, objects
void AddOperations(CLI::App& app, Session& session);    ///< operations, types
void AddRun(CLI::App& app, Session& session);           ///< run
void AddSmi(CLI::App& app, Session& session);           ///< smi
void AddPolicies(CLI::App& app, Session& session);      ///< policy
void AddEnvironments(CLI::App& app, Session& session);  ///< environment
void AddEvents(CLI::App& app, Session& session);
void AddConformance(CLI::App& app, Session& session);

/// Reads a token from `token_file`, MESHPLAY_TOKEN or standard input (without echo on a terminal), tries it and saves
/// it. Returns an exit code.
int Login(const Session& session, const std::string& token_file);

int PrintList(Server& server, const Session& session, const std::string& path, const std::string& items_name,
              const std::vector<Column>& columns, std::size_t limit = 1'000);
int PrintAnswer(const Result<nlohmann::ordered_json>& answer, const Session& session);
/// Reads the thing at `path` and deletes it as it was read. Returns an exit code.
int DeleteItem(Server& server, const std::string& path);

}  // namespace meshplay::cli
