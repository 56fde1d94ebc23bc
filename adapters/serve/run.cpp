#include "adapters/serve/run.h"

#include <google/protobuf/util/json_util.h>

#include <pthread.h>
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "libs/base/files.h"
#include "libs/base/log.h"

#ifndef MESHPLAY_VERSION
#define MESHPLAY_VERSION "0.1.0"
#endif

namespace meshplay::serve {
namespace {

/// SIGTERM and SIGINT arrive as a stop request: they are blocked in every thread and waited for in one.
sigset_t BlockSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

int Complain(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  return kBadOptions;
}

}  // namespace

void AddRunFlags(CLI::App& command, RunFlags& flags) {
  command.add_option("--state-dir", flags.state_dir, "Folder for identity and outbox (mode 0700)")->required();
  command.add_option("--enroll-file", flags.enroll_file, "enroll.json of the server; needed on the first start");
  command.add_option("--log-level", flags.log_level, "debug, info, warning, error");
  command.add_option("--log-format", flags.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
}

int Run(const RunFlags& flags, const std::string& adapter_type, const std::vector<std::string>& folders,
        const std::function<Result<std::unique_ptr<sdk::MeshAdapter>>()>& make) {
  LogLevel level = LogLevel::kInfo;
  if (!ParseLogLevel(flags.log_level, level)) return Complain("--log-level is debug, info, warning or error");
  ConfigureLog(level, flags.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  const sigset_t signals = BlockSignals();
  std::vector<std::string> all = {flags.state_dir};
  for (const std::string& folder : folders) all.push_back(flags.state_dir + "/" + folder);
  for (const std::string& folder : all) {
    if (const auto made = MakeDirectory(folder); !made) return Complain(made.error().ToString());
  }
  const auto adapter = make();
  if (!adapter) return Complain(adapter.error().ToString());
  std::stop_source stop;
  std::jthread waiter([&](const std::stop_token& ended) {
    const timespec turn{0, 200'000'000};
    while (!ended.stop_requested()) {
      if (sigtimedwait(&signals, nullptr, &turn) > 0) {
        LogInfo("stopping");
        stop.request_stop();
      }
    }
  });
  sdk::AdapterOptions options;
  options.state_directory = flags.state_dir;
  options.enroll_file = flags.enroll_file;
  options.adapter_type = adapter_type;
  options.software_name = "meshplay-adapter-" + adapter_type;
  options.software_version = MESHPLAY_VERSION;
  return sdk::RunAdapter(**adapter, options, stop.get_token());
}

int PrintCapabilities(sdk::MeshAdapter& adapter) {
  google::protobuf::util::JsonPrintOptions print;
  print.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(adapter.capabilities(), &text, print).ok()) return 1;
  std::printf("%s\n", nlohmann::json::parse(text).dump(2).c_str());
  return 0;
}

}  // namespace meshplay::serve
