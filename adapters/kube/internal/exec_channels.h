#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "adapters/kube/client.h"

namespace meshplay::kube {

/// First byte of a message of v5.channel.k8s.io.
enum class ExecChannel : unsigned char { kStdin = 0, kStdout = 1, kStderr = 2, kVerdict = 3, kClose = 255 };

std::string ChannelMessage(ExecChannel channel, std::string_view data);
std::string CloseChannelMessage(ExecChannel channel);

/// Collects the messages of one exec. Pure.
class ExecReader {
 public:
  explicit ExecReader(std::size_t max_output_bytes) : max_output_bytes_(max_output_bytes) {}
  /// Errors: kResourceExhausted EXEC_OUTPUT_TOO_LARGE; kFailedPrecondition EXEC_FAILED.
  Status OnMessage(std::string_view message);
  bool done() const { return done_; }
  /// Errors: kUnavailable TARGET_UNREACHABLE when the socket closed before the verdict.
  Result<ExecOutcome> Finish() const;

 private:
  Status OnVerdict(std::string_view text);
  const std::size_t max_output_bytes_;
  ExecOutcome outcome_;
  bool done_ = false;
};

}  // namespace meshplay::kube
