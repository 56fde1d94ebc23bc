#include <algorithm>
#include <cmath>

#include "server/services/internal/rate_limit.h"

namespace meshplay::services {

Status RateLimit::Take(const std::string& principal) {
  if (per_second_ <= 0) return {};
  const BootTime now = clock_.NowBoot();
  const double most = per_second_ * 2;
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = buckets_.try_emplace(principal, Bucket{most, now});
  Bucket& bucket = entry->second;
  const double elapsed_ms = static_cast<double>((now - bucket.filled).count());
  bucket.tokens = std::min(most, bucket.tokens + elapsed_ms * per_second_ / 1'000);
  bucket.filled = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return {};
  }
  const auto wait =
      std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil((1 - bucket.tokens) * 1'000 / per_second_)));
  return Error(ErrorCode::kResourceExhausted, "RATE_LIMITED", "this token makes too many calls")
      .WithRetryAfter(wait)
      .WithRemediation("Call less often; the limit is the server's setting calls_per_second.");
}

}  // namespace meshplay::services
