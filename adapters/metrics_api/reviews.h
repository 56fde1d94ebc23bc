#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "adapters/kube/client.h"
#include "adapters/metrics/request.h"
#include "adapters/metrics_api/front_proxy.h"
#include "adapters/metrics_api/target.h"
#include "libs/base/clock.h"

namespace meshplay::metrics_api {

inline constexpr std::chrono::seconds kVerdictHolds{10};
inline constexpr std::size_t kMaxVerdicts = 2'048;

/// Asks a cluster whether a user may see something (SubjectAccessReview), and remembers the verdict for some seconds.
/// The API server has asked the same about the path that it saw before it passed a request on. This one asks about what
/// will be answered, so no difference between the two readings of a path shows anybody anything. Threads: any.
class Reviews {
 public:
  Reviews(std::shared_ptr<kube::Client> client, const Clock& clock) : client_(std::move(client)), clock_(clock) {}

  /// Errors: those of the client. Whoever gets one denies.
  Result<bool> Allows(const RemoteUser& user, metrics::Version version, const Attributes& attributes);

 private:
  struct Verdict {
    bool allowed = false;
    BootTime until;
  };
  void Remember(const std::string& key, bool allowed);

  const std::shared_ptr<kube::Client> client_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Verdict> verdicts_;
};

}  // namespace meshplay::metrics_api
