#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/files.h"
#include "libs/http/client.h"
#include "tests/support/child_process.h"

namespace meshplay::test {

/// What a Prometheus scrapes: http://ADDRESS/metrics.
struct ScrapeTarget {
  std::string address;                             ///< "127.0.0.1:9090"
  std::map<std::string, std::string> labels = {};  ///< On all its series, over those that it writes itself.
};

/// A real Prometheus (scripts/tools.txt) on a free loopback port with these targets and data of its own; gone with this
/// object. Sources: tests/support/prometheus.cpp and child_process.cpp; rooms http and base. Threads: one.
class Prometheus {
 public:
  static constexpr std::chrono::milliseconds kScrapeInterval{500};

  /// Null, after Skip(), when MESHPLAY_TEST_PROMETHEUS is not set. Otherwise it answers queries; whether the targets
  /// were scraped is another matter: see AwaitScrapes.
  static std::unique_ptr<Prometheus> Start(const std::vector<ScrapeTarget>& targets);

  std::string url() const { return "http://" + address_; }
  std::string port() const { return address_.substr(address_.find(':') + 1); }

  /// Waits until every target was scraped as often again as `more` says, counted from now.
  void AwaitScrapes(int more);
  /// An instant query: the member data.result of the answer. Fails the test when Prometheus refuses it.
  nlohmann::json Query(const std::string& promql);

  /// Nobody answers at its address any more.
  void Stop();
  /// On the same address and data again, and waits until it answers.
  void Restart();

 private:
  explicit Prometheus(TemporaryDirectory folder) : folder_(std::move(folder)) {}
  void Run(const std::string& listen);

  TemporaryDirectory folder_;
  std::size_t targets_ = 0;
  std::string address_;
  std::unique_ptr<http::Client> http_;
  ChildProcess process_;
};

}  // namespace meshplay::test
