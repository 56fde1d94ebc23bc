#pragma once

#include <array>
#include <map>
#include <mutex>
#include <string>

#include "tests/unit/http/loopback.h"

namespace meshplay::test {

using Labels = std::map<std::string, std::string>;

/// Serves counters and histograms to a Prometheus, as the proxy of a mesh does. Threads: any.
class Exporter {
 public:
  Exporter();

  /// The counter grows; it begins with 0 when it is new.
  void Add(const std::string& name, const Labels& labels, double amount);
  /// `count` observations of `value`: the series NAME_bucket, NAME_sum and NAME_count.
  void Observe(const std::string& name, const Labels& labels, double value, double count);
  std::string address() const { return "127.0.0.1:" + std::to_string(server_.port()); }

  /// Bounds of the histograms' buckets; +Inf follows.
  static constexpr std::array<double, 6> kBounds = {1, 5, 10, 50, 100, 500};

 private:
  std::string Page();

  std::mutex mutex_;
  std::map<std::string, std::map<std::string, double>> series_;  ///< Name to labels as written to value.
  testing::LoopbackServer server_;                               ///< Last: it reads the series.
};

}  // namespace meshplay::test
