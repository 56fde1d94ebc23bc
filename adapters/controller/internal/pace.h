#pragma once

#include <algorithm>

#include "libs/base/clock.h"

namespace meshplay::controller {

/// At most `burst` at once and `per_second` in the long run. Threads: one at a time.
class Pace {
 public:
  Pace(const Clock& clock, double per_second, double burst)
      : clock_(clock), per_second_(per_second), burst_(burst), left_(burst), seen_(clock.NowBoot()) {}

  /// True when one more may happen now.
  bool Take() {
    const BootTime now = clock_.NowBoot();
    left_ = std::min(burst_, left_ + per_second_ * static_cast<double>((now - seen_).count()) / 1000.0);
    seen_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  const Clock& clock_;
  const double per_second_, burst_;
  double left_;
  BootTime seen_;
};

}  // namespace meshplay::controller
