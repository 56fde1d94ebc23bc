#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace meshplay::consul {

struct SplitShare {
  std::size_t index = 0;        ///< In the list given.
  std::int64_t hundredths = 0;  ///< Of a percent.
};

/// Shares of a ServiceSplitter: hundredths of a percent by largest remainder. Consul adds them up as 32-bit floats and
/// takes exactly 100 only, so where the order given does not, another order, or one that differs by a hundredth, does.
struct SplitShares {
  std::vector<SplitShare> shares;
  bool rounded_to_zero = false;  ///< A backend with a weight gets nothing.
};
SplitShares SharesOf(const std::vector<std::int64_t>& weights);

/// What Consul's own check adds up.
float SumAsConsul(const std::vector<SplitShare>& shares);

}  // namespace meshplay::consul
