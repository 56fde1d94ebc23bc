#include "adapters/conformance/app/drive.h"

#include <nlohmann/json.hpp>

#include "adapters/conformance/app/exchange.h"

namespace meshplay::conformance_app {
namespace {

/// Longer than the longest /call.
constexpr std::chrono::milliseconds kTimeout{30'000};

}  // namespace

int Drive(int port, std::istream& in, std::ostream& out) {
  const nlohmann::json requests = nlohmann::json::parse(in, nullptr, false);
  if (!requests.is_array()) return 2;
  nlohmann::json answers = nlohmann::json::array();
  for (const nlohmann::json& request : requests) {
    if (!request.is_object() || !request.contains("path")) return 2;
    Wanted wanted;
    wanted.method = request.value("method", "GET");
    wanted.url = "http://127.0.0.1:" + std::to_string(port) + request.value("path", "/");
    wanted.body = request.value("body", "");
    const Answer answer = Exchange(wanted, kTimeout);
    nlohmann::json told = {{"status", answer.status}, {"body", answer.body}};
    if (!answer.error.empty()) told["error"] = answer.error;
    answers.push_back(std::move(told));
  }
  out << answers.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  return 0;
}

}  // namespace meshplay::conformance_app
