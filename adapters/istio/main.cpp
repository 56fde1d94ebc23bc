#include <google/protobuf/util/json_util.h>

#include <pthread.h>
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "adapters/gamma/emit.h"
#include "adapters/istio/adapter.h"
#include "adapters/istio/emitter/emit.h"
#include "adapters/translate/translate.h"
#include "libs/base/files.h"
#include "libs/base/log.h"

#ifndef MESHPLAY_VERSION
#define MESHPLAY_VERSION "0.1.0"
#endif

namespace {

namespace istio = meshplay::istio;
namespace sdk = meshplay::sdk;

constexpr int kBadOptions = 2;

struct Flags {
  std::string state_dir;
  std::string enroll_file;
  std::string log_level = "info";
  std::string log_format = "text";
  istio::IstioOptions istio;
};

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

int Run(const Flags& flags) {
  meshplay::LogLevel level = meshplay::LogLevel::kInfo;
  if (!meshplay::ParseLogLevel(flags.log_level, level)) {
    std::fprintf(stderr, "--log-level is debug, info, warning or error\n");
    return kBadOptions;
  }
  meshplay::ConfigureLog(level, flags.log_format == "json" ? meshplay::LogFormat::kJson : meshplay::LogFormat::kText);
  const sigset_t signals = BlockSignals();
  istio::IstioOptions options = flags.istio;
  options.work_directory = flags.state_dir + "/helm";
  options.clusters.memory_file = flags.state_dir + "/clusters.json";
  for (const std::string& folder : {flags.state_dir, options.work_directory}) {
    if (const auto made = meshplay::MakeDirectory(folder); !made) {
      std::fprintf(stderr, "%s\n", made.error().ToString().c_str());
      return kBadOptions;
    }
  }
  auto adapter = istio::IstioAdapter::Create(std::move(options));
  if (!adapter) {
    std::fprintf(stderr, "%s\n", adapter.error().ToString().c_str());
    return kBadOptions;
  }
  std::stop_source stop;
  std::jthread waiter([&](const std::stop_token& ended) {
    const timespec turn{0, 200'000'000};
    while (!ended.stop_requested()) {
      if (sigtimedwait(&signals, nullptr, &turn) > 0) {
        meshplay::LogInfo("stopping");
        stop.request_stop();
      }
    }
  });
  sdk::AdapterOptions sdk_options;
  sdk_options.state_directory = flags.state_dir;
  sdk_options.enroll_file = flags.enroll_file;
  sdk_options.adapter_type = "istio";
  sdk_options.software_name = "meshplay-adapter-istio";
  sdk_options.software_version = MESHPLAY_VERSION;
  return sdk::RunAdapter(**adapter, sdk_options, stop.get_token());
}

int PrintCapabilities(const istio::IstioOptions& options) {
  auto adapter = istio::IstioAdapter::Create(options);
  if (!adapter) {
    std::fprintf(stderr, "%s\n", adapter.error().ToString().c_str());
    return kBadOptions;
  }
  google::protobuf::util::JsonPrintOptions print;
  print.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString((*adapter)->capabilities(), &text, print).ok()) return 1;
  std::printf("%s\n", nlohmann::json::parse(text).dump(2).c_str());
  return 0;
}

int Translate(int argc, char** argv) {
  return meshplay::translate::RunTranslate({istio::Emitter(), meshplay::gamma::Emitter("istio")}, argc - 1, argv + 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "translate") return Translate(argc, argv);
  Flags flags;
  CLI::App app{"Meshplay's adapter for Istio: connects clusters it can reach to a Meshplay server."};
  app.require_subcommand(1);
  app.set_version_flag("--version", MESHPLAY_VERSION);

  CLI::App* run = app.add_subcommand("run", "Enrols when needed and serves until SIGTERM");
  run->add_option("--state-dir", flags.state_dir, "Folder for identity and outbox (mode 0700)")->required();
  run->add_option("--enroll-file", flags.enroll_file, "enroll.json of the server; needed on the first start");
  run->add_option("--kubeconfig", flags.istio.clusters.kubeconfig_path, "kubeconfig of this machine")
      ->envname("KUBECONFIG");
  run->add_option("--context", flags.istio.clusters.contexts,
                  "Context to serve; repeat for several (default: current)");
  run->add_flag("--in-cluster", flags.istio.clusters.in_cluster, "Serve the cluster this pod runs in");
  run->add_option("--chart-source", flags.istio.chart_source, "repo:URL, oci:REF, dir:PATH or bundle:FILE");
  run->add_option("--helm", flags.istio.helm_program, "helm 4: path, or name on PATH");
  run->add_option("--log-level", flags.log_level, "debug, info, warning, error");
  run->add_option("--log-format", flags.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));

  app.add_subcommand("translate", "Translates SMI documents without a cluster; translate --help tells more");
  CLI::App* capabilities = app.add_subcommand("capabilities", "Prints the manifest as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kBadOptions;
  }
  if (capabilities->parsed()) return PrintCapabilities(flags.istio);
  if (flags.istio.clusters.kubeconfig_path.empty() && !flags.istio.clusters.in_cluster) {
    std::fprintf(stderr, "name a kubeconfig (--kubeconfig) or use --in-cluster\n");
    return kBadOptions;
  }
  return Run(flags);
}
