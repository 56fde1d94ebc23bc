#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/kube/client.h"

namespace meshplay::common {

struct WaitOptions {
  std::chrono::milliseconds timeout{300'000};
  std::stop_token stop = {};
  /// Told what is still waited for whenever that changes. May be empty.
  std::function<void(std::size_t ready, std::size_t total, const std::string& waiting_for)> progress = {};
};

/// Watches until every object is Healthy (kube::JudgeHealth). An object that does not exist yet is waited for.
/// Errors: kFailedPrecondition NOT_READY_IN_TIME (the message and metadata say what is not ready and, for workloads,
/// what their pods complain about); kCancelled CANCELLED; those of the client. Threads: any; blocks.
Status WaitUntilHealthy(kube::Client& client, const std::vector<kube::ObjectRef>& objects, const WaitOptions& options);

/// What the pods of a Deployment, StatefulSet or DaemonSet complain about; empty when nothing is known.
std::string PodComplaints(kube::Client& client, const nlohmann::json& workload, const kube::Call& call);

}  // namespace meshplay::common
