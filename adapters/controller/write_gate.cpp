#include "adapters/controller/write_gate.h"

#include <algorithm>

namespace meshplay::controller {
namespace {

constexpr std::chrono::milliseconds kMostForOneWrite{9'000};

}  // namespace

std::unique_ptr<WriteGate::Hold> WriteGate::HoldWrites() {
  holders_.fetch_add(1);
  epoch_.fetch_add(1);
  auto hold = std::make_unique<Hold>(*this);
  const std::lock_guard wait_for_the_write_under_way(writing_);
  return hold;
}

Status WriteGate::Write(std::uint64_t epoch, const std::function<Status(std::chrono::milliseconds)>& write) {
  const std::lock_guard lock(writing_);
  const std::chrono::milliseconds allowed = std::min(allowance_(), kMostForOneWrite);
  if (held() || epoch != epoch_.load() || allowed <= std::chrono::milliseconds(0)) {
    return Aborted("SMI_CONTROLLER_PAUSED", "the controller may not write now");
  }
  return write(allowed);
}

}  // namespace meshplay::controller
