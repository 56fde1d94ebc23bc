#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "adapters/kube/client.h"

namespace meshplay::kube {

/// Cuts a stream of bytes into lines of at most `max_bytes`.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  enum class Outcome { kGoOn, kStopped, kTooLong };
  /// Calls `on_line` for each line that ends in `piece` (empty ones are left out) until it returns false.
  Outcome Feed(std::string_view piece, const std::function<bool(std::string_view line)>& on_line);

 private:
  const std::size_t max_bytes_;
  std::string rest_;
};

/// Makes changes of watch lines and keeps the outcome. Ownership: keeps a reference to `handler`.
class WatchReader {
 public:
  WatchReader(const Gvk& gvk, std::string resource_version, const std::function<bool(const Change&)>& handler)
      : gvk_(gvk), handler_(handler) {
    outcome_.last_resource_version = std::move(resource_version);
  }
  /// False when the watch is over: the handler stopped it, the resource version expired, or error() is set.
  bool OnLine(std::string_view line);

  const WatchOutcome& outcome() const { return outcome_; }
  const std::optional<Error>& error() const { return error_; }

 private:
  const Gvk gvk_;
  const std::function<bool(const Change&)>& handler_;
  WatchOutcome outcome_;
  std::optional<Error> error_;
};

}  // namespace meshplay::kube
