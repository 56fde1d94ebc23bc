#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "adapters/conformance/app/drive.h"
#include "adapters/conformance/app/server.h"

namespace {

namespace app = meshplay::conformance_app;

constexpr int kBadOptions = 2;
constexpr int kMaxPort = 65'535;

std::string Setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

/// -1 when the text is no port.
int Port(const std::string& text) {
  const bool digits = !text.empty() && text.size() <= 5 &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  const int port = digits ? std::stoi(text) : -1;
  return port > kMaxPort ? -1 : port;
}

bool ReadOptions(app::ServerOptions& options) {
  options.service_name = Setting("SERVICE_NAME", "default");
  options.port = Port(Setting("PORT", "9091"));
  bool good = options.port >= 0;
  std::string extra = Setting("EXTRA_PORTS", "");
  while (!extra.empty()) {
    const auto comma = std::min(extra.find(','), extra.size());
    options.extra_ports.push_back(Port(extra.substr(0, comma)));
    good = good && options.extra_ports.back() >= 0;
    extra.erase(0, comma + 1);
  }
  if (const std::string udp = Setting("UDP_PORT", ""); !udp.empty()) {
    options.udp_port = Port(udp);
    good = good && options.udp_port >= 0;
  }
  return good;
}

int Serve(const app::ServerOptions& options) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::string error;
  const auto server = app::Server::Start(options, error);
  if (!server) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  std::printf("%s listens on %d", options.service_name.c_str(), server->port());
  for (const int port : server->extra_ports()) std::printf(" %d", port);
  if (server->udp_port() >= 0) std::printf(" udp %d", server->udp_port());
  std::printf("\n");
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace

/// meshplay-conformance-app [serve | drive]; see adapters/conformance/app/server.h and drive.h. Settings come from the
/// environment: SERVICE_NAME, PORT (9091), EXTRA_PORTS (9092,...), UDP_PORT.
int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "serve";
  app::ServerOptions options;
  if (argc > 2 || (command != "serve" && command != "drive")) {
    std::fprintf(stderr, "usage: meshplay-conformance-app [serve | drive]\n");
    return kBadOptions;
  }
  if (!ReadOptions(options)) {
    std::fprintf(stderr, "PORT, EXTRA_PORTS and UDP_PORT are numbers up to 65535\n");
    return kBadOptions;
  }
  try {
    return command == "drive" ? app::Drive(options.port, std::cin, std::cout) : Serve(options);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
