#include "libs/base/failpoint.h"

#ifdef MESHPLAY_FAILPOINTS
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#endif

namespace meshplay {

#ifdef MESHPLAY_FAILPOINTS
namespace {

struct Armed {
  std::string name;
  std::string action;
  std::uint64_t passage = 1;
  std::atomic<std::uint64_t> passed{0};

  Armed() {
    const char* variable = std::getenv("MESHPLAY_FAILPOINT");
    if (variable == nullptr) return;
    const std::string text(variable);
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos) return;
    action = text.substr(equals + 1);
    name = text.substr(0, equals);
    const std::size_t colon = name.rfind(':');
    if (colon == std::string::npos) return;
    std::from_chars(name.data() + colon + 1, name.data() + name.size(), passage);
    name.resize(colon);
  }
};

}  // namespace

Status Failpoint(std::string_view name) {
  static Armed armed;
  if (armed.name.empty() || armed.name != name) return {};
  if (++armed.passed != armed.passage) return {};
  if (armed.action == "kill") std::raise(SIGKILL);
  if (armed.action == "stop") std::raise(SIGSTOP);
  if (armed.action == "sleep") std::this_thread::sleep_for(std::chrono::seconds(60));
  if (armed.action == "error") return Internal("FAILPOINT", "failpoint " + armed.name);
  return {};
}
#else
Status Failpoint(std::string_view) {
  return {};
}
#endif

}  // namespace meshplay
