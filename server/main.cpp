#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>

#include "server/app/app.h"
#include "server/app/config.h"
#include "server/app/version.h"

namespace {

int Fail(const meshplay::Error& error) {
  std::cerr << "meshplay-server: " << error.ToString() << "\n";
  if (!error.remediation().empty()) std::cerr << error.remediation() << "\n";
  return error.code() == meshplay::ErrorCode::kInvalidArgument ? 2 : 1;
}

int Serve(const meshplay::app::LoadedConfig& loaded) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: only sigwait below sees them
  std::signal(SIGPIPE, SIG_IGN);
  auto app = meshplay::app::App::Start(loaded.config);
  if (!app) return Fail(app.error());
  return (*app)->RunUntilSignal(signals);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli(
      "Meshplay server: REST and gRPC APIs, inventory and operations of service meshes.\n"
      "Every setting below is also a key of the configuration file and a MESHPLAY_* variable.");
  std::string config_path;
  std::map<std::string, std::string> flags;
  cli.require_subcommand(1);
  cli.add_option("--config", config_path, "YAML file with settings");
  auto* serve = cli.add_subcommand("serve", "Run the server until SIGTERM");
  auto* config = cli.add_subcommand("config", "Work with the configuration");
  auto* print = config->add_subcommand("print", "Show every setting, its value and where it came from");
  config->require_subcommand(1);
  auto* version = cli.add_subcommand("version", "Print the version");
  std::map<std::string, std::string> values;
  for (auto* command : {serve, print}) {
    command->fallthrough();
    for (const auto& setting : meshplay::app::Settings()) {
      command->add_option(meshplay::app::FlagOf(setting), values[setting.key], setting.help);
    }
  }
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? 0 : 2;
  }
  if (version->parsed()) {
    std::cout << "meshplay-server " << meshplay::app::kVersion << " (" << meshplay::app::kGitSha << ")\n";
    return 0;
  }
  for (const auto& setting : meshplay::app::Settings()) {
    for (auto* command : {serve, print}) {
      if (command->count(meshplay::app::FlagOf(setting)) > 0) flags[setting.key] = values[setting.key];
    }
  }
  const auto loaded = meshplay::app::LoadConfig(config_path, flags);
  if (!loaded) return Fail(loaded.error());
  if (print->parsed()) {
    std::cout << meshplay::app::PrintConfig(*loaded);
    return 0;
  }
  return Serve(*loaded);
}
