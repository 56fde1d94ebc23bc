#include <CLI/CLI.hpp>
#include <cstdio>
#include <string_view>

#include "adapters/gamma/emit.h"
#include "adapters/istio/adapter.h"
#include "adapters/istio/emitter/emit.h"
#include "adapters/serve/run.h"
#include "adapters/translate/translate.h"

#ifndef MESHPLAY_VERSION
#define MESHPLAY_VERSION "0.1.0"
#endif

namespace {

namespace istio = meshplay::istio;
namespace serve = meshplay::serve;

constexpr const char* kHelmFolder = "helm";

meshplay::Result<std::unique_ptr<meshplay::sdk::MeshAdapter>> Make(istio::IstioOptions options,
                                                                   const std::string& state_dir) {
  options.work_directory = state_dir + "/" + kHelmFolder;
  options.clusters.memory_file = state_dir + "/clusters.json";
  MP_TRY(auto adapter, istio::IstioAdapter::Create(std::move(options)));
  return std::unique_ptr<meshplay::sdk::MeshAdapter>(std::move(adapter));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "translate") {
    return meshplay::translate::RunTranslate({istio::Emitter(), meshplay::gamma::Emitter("istio")}, argc - 1, argv + 1);
  }
  serve::RunFlags flags;
  istio::IstioOptions options;
  CLI::App app{"Meshplay's adapter for Istio: connects clusters it can reach to a Meshplay server."};
  app.require_subcommand(1);
  app.set_version_flag("--version", MESHPLAY_VERSION);

  CLI::App* run = app.add_subcommand("run", "Enrols when needed and serves until SIGTERM");
  serve::AddRunFlags(*run, flags);
  run->add_option("--kubeconfig", options.clusters.kubeconfig_path, "kubeconfig of this machine")
      ->envname("KUBECONFIG");
  run->add_option("--context", options.clusters.contexts, "Context to serve; repeat for several (default: current)");
  run->add_flag("--in-cluster", options.clusters.in_cluster, "Serve the cluster this pod runs in");
  run->add_option("--chart-source", options.chart_source, "repo:URL, oci:REF, dir:PATH or bundle:FILE");
  run->add_option("--helm", options.helm_program, "helm 4: path, or name on PATH");

  run->add_option("--metrics-api-listen", options.metrics_api_listen,
                  "IP:PORT at which API servers of clusters may ask for SMI metrics (smi.metricsApi.enable)");

  app.add_subcommand("translate", "Translates SMI documents without a cluster; translate --help tells more");
  CLI::App* capabilities = app.add_subcommand("capabilities", "Prints the manifest as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : serve::kBadOptions;
  }
  if (capabilities->parsed()) {
    const auto adapter = istio::IstioAdapter::Create(options);
    if (adapter) return serve::PrintCapabilities(**adapter);
    std::fprintf(stderr, "%s\n", adapter.error().ToString().c_str());
    return serve::kBadOptions;
  }
  if (options.clusters.kubeconfig_path.empty() && !options.clusters.in_cluster) {
    std::fprintf(stderr, "name a kubeconfig (--kubeconfig) or use --in-cluster\n");
    return serve::kBadOptions;
  }
  return serve::Run(flags, "istio", {kHelmFolder}, [&] { return Make(options, flags.state_dir); });
}
