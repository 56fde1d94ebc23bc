#include "adapters/consul/emitter/internal/weights.h"

#include <algorithm>

#include "libs/smi/lower.h"

namespace meshplay::consul {
namespace {

constexpr std::int64_t kHundredths = 10'000;
constexpr std::int64_t kPercent = 100;
constexpr std::size_t kMaxTries = 256;

bool IsAccepted(const std::vector<SplitShare>& shares) {
  return SumAsConsul(shares) == 100.0F;
}

std::vector<SplitShare> Of(const std::vector<std::int64_t>& values, std::int64_t factor) {
  std::vector<SplitShare> out;
  for (std::size_t i = 0; i < values.size(); ++i) out.push_back({i, values[i] * factor});
  return out;
}

// Another order of the same shares that is accepted.
bool Reorder(std::vector<SplitShare>& shares) {
  std::vector<SplitShare> tried = shares;
  const auto smaller = [](const SplitShare& a, const SplitShare& b) { return a.hundredths < b.hundredths; };
  std::stable_sort(tried.begin(), tried.end(), smaller);
  for (std::size_t i = 0; i < std::min(tried.size(), kMaxTries); ++i) {
    if (IsAccepted(tried)) {
      shares = tried;
      return true;
    }
    std::rotate(tried.begin(), tried.begin() + 1, tried.end());
  }
  return false;
}

// One hundredth from one backend to another.
bool Nudge(std::vector<SplitShare>& shares) {
  std::size_t tries = 0;
  for (SplitShare& from : shares) {
    for (SplitShare& to : shares) {
      if (from.index == to.index || from.hundredths < 2 || to.hundredths == 0) continue;
      if (++tries > kMaxTries) return false;
      --from.hundredths;
      ++to.hundredths;
      if (IsAccepted(shares)) return true;
      ++from.hundredths;
      --to.hundredths;
    }
  }
  return false;
}

}  // namespace

float SumAsConsul(const std::vector<SplitShare>& shares) {
  float sum = 0;
  for (const SplitShare& share : shares) sum += static_cast<float>(share.hundredths) / 100.0F;
  return sum;
}

SplitShares SharesOf(const std::vector<std::int64_t>& weights) {
  const smi::Shares exact = smi::LargestRemainder(weights, kHundredths);
  SplitShares out{Of(exact.values, 1), exact.rounded_to_zero};
  if (IsAccepted(out.shares) || Reorder(out.shares) || Nudge(out.shares)) return out;
  // Whole percents always add up.
  const smi::Shares whole = smi::LargestRemainder(weights, kPercent);
  return {Of(whole.values, kHundredths / kPercent), whole.rounded_to_zero};
}

}  // namespace meshplay::consul
