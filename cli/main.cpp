#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>
#include <string>

#include "cli/commands.h"

namespace meshplay::cli {
namespace {

int Run(int argc, char** argv) {
  CLI::App app(
      "Command line of Meshplay.\n"
      "Exit codes: 0 done, 1 internal error, 2 usage or invalid input, 3 partial, 4 none or refused, 5 operation "
      "failed,\n"
      "6 indeterminate, 7 not permitted, 8 not found, 9 unreachable or timed out, 130 interrupted.");
  app.footer(
      "Examples:\n"
      "  meshplayctl login --server https://meshplay.example --token-file token.txt\n"
      "  meshplayctl clusters list -o json\n"
      "  meshplayctl run istio.install --cluster CLUSTER -p profile=default --plan\n"
      "  meshplayctl run istio.install --cluster CLUSTER -p profile=default --wait\n"
      "  meshplayctl smi apply -f split.yaml --cluster CLUSTER --mesh MESH --wait\n"
      "  meshplayctl policy create shop -f split.yaml --cluster-label stage=test --wait\n"
      "  meshplayctl operations list --filter 'state = RUNNING'\n"
      "  meshplayctl events --follow          (until Ctrl-C: exit code 130)");
  Session session;
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--server", session.server_flag, "URL of the server (MESHPLAY_SERVER)");
  app.add_option("--ca", session.ca_flag, "PEM file with the authority of an HTTPS server");
  app.add_option("-o,--output", session.output, "table, json or yaml")->check(CLI::IsMember({"table", "json", "yaml"}));

  auto* login = app.add_subcommand("login",
                                   "Remember a server and a token, read from --token-file, MESHPLAY_TOKEN or "
                                   "standard input");
  std::string token_file;
  login->add_option("--token-file", token_file, "File that holds the token");
  AddCollections(app, session);
  AddOperations(app, session);
  AddRun(app, session);
  AddSmi(app, session);
  AddPolicies(app, session);
  AddEnvironments(app, session);
  AddEvents(app, session);
  AddConformance(app, session);
  app.add_subcommand("version", "Version of the server")->callback([&session] {
    session.command = [&session](Server& server) { return PrintAnswer(server.Get("/version"), session); };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  if (login->parsed()) return Login(session, token_file);
  auto server = Server::Connect(LoadConnection(session.server_flag, session.ca_flag));
  if (!server) return Fail(server.error());
  return session.command(*server);
}

}  // namespace
}  // namespace meshplay::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return meshplay::cli::Run(argc, argv);
  } catch (const std::exception& fault) {
    std::cerr << "error: " << fault.what() << " (INTERNAL_BUG)\n";
    return meshplay::cli::kInternalError;
  }
}
