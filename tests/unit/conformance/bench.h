#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/conformance/reach.h"
#include "adapters/conformance/runner.h"
#include "adapters/conformance/site.h"
#include "libs/base/files.h"
#include "tests/support/child_process.h"
#include "tests/unit/conformance/gate.h"

namespace meshplay::test {

/// Four real processes of the conformance application on loopback and the gate between them.
class Bench {
 public:
  Bench();
  conformance::Site& site() { return *site_; }
  conformance::PodReach& reach() { return *reach_; }
  Gate& gate() { return *gate_; }
  int PortOf(const std::string& app) const { return ports_.at(app); }
  void Kill(const std::string& app) { processes_.at(app).KillHard(); }

  conformance::RunReport Run(const std::vector<std::string>& groups);

  // What the fake world says; set before a run.
  std::string not_in_mesh;
  std::function<std::string()> why_stop = [] { return std::string(); };
  std::function<smi::SupportLevel(const nlohmann::json& document)> level = [](const nlohmann::json&) {
    return smi::SupportLevel::kFull;
  };
  std::function<Status(const std::vector<nlohmann::json>&)> before_apply = [](const auto&) { return Status(); };
  std::function<Result<nlohmann::json>(const std::string& resource, std::chrono::seconds window)> traffic_metrics =
      [](const std::string&, std::chrono::seconds) {
        return Error(ErrorCode::kUnimplemented, "METRICS_NOT_AVAILABLE", "no source of metrics");
      };
  Status prepared;
  bool kinds_served = true;
  bool pods_run = true;
  bool pauses_take_time = false;  ///< True where something beside the run needs it, such as a Prometheus.
  std::function<void(const std::string& text)> on_progress = [](const std::string&) {};
  std::vector<std::vector<nlohmann::json>> applied;  ///< Every SetSmi, in order.
  conformance::RunOptions options;

 private:
  class TestSite;
  class TestReach;
  TemporaryDirectory folder_;
  std::map<std::string, ChildProcess> processes_;
  std::map<std::string, int> ports_, second_ports_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<conformance::Site> site_;
  std::unique_ptr<conformance::PodReach> reach_;
};

/// The case of a report; fails the test when there is none.
const conformance::CaseResult& CaseOf(const conformance::RunReport& report, const std::string& id);

}  // namespace meshplay::test
