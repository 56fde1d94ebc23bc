#include "adapters/kube/internal/exec_channels.h"

#include <charconv>

#include "adapters/kube/internal/answer.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;

Error Failed(const json& status) {
  return FailedPrecondition("EXEC_FAILED", "the program could not be run in the container")
      .WithMetadata("server_message", TextAt(status, "/message").substr(0, 1024));
}

}  // namespace

std::string ChannelMessage(ExecChannel channel, std::string_view data) {
  std::string message(1, static_cast<char>(channel));
  message += data;
  return message;
}

std::string CloseChannelMessage(ExecChannel channel) {
  return {static_cast<char>(ExecChannel::kClose), static_cast<char>(channel)};
}

Status ExecReader::OnMessage(std::string_view message) {
  if (message.empty()) return {};
  const auto channel = static_cast<ExecChannel>(static_cast<unsigned char>(message.front()));
  message.remove_prefix(1);
  if (channel == ExecChannel::kVerdict) return OnVerdict(message);
  if (channel != ExecChannel::kStdout && channel != ExecChannel::kStderr) return {};
  const std::size_t held = outcome_.stdout_text.size() + outcome_.stderr_text.size();
  if (message.size() > max_output_bytes_ - held) {
    return Error(ErrorCode::kResourceExhausted, "EXEC_OUTPUT_TOO_LARGE", "the program printed more than allowed");
  }
  (channel == ExecChannel::kStdout ? outcome_.stdout_text : outcome_.stderr_text).append(message);
  return {};
}

Status ExecReader::OnVerdict(std::string_view text) {
  if (text.empty()) return {};
  MP_TRY(const json status, ParseAnswer(text));
  if (TextAt(status, "/status") == "Success") {
    outcome_.exit_code = 0;
    done_ = true;
    return {};
  }
  if (TextAt(status, "/reason") != "NonZeroExitCode") return Failed(status);
  const json& causes = ValueAt(status, "/details/causes");
  for (const json& cause : causes.is_array() ? causes : json::array()) {
    if (TextAt(cause, "/reason") != "ExitCode") continue;
    const std::string code = TextAt(cause, "/message");
    int number = 0;
    const auto [end, ec] = std::from_chars(code.data(), code.data() + code.size(), number);
    if (ec != std::errc() || end != code.data() + code.size()) break;
    outcome_.exit_code = number;
    done_ = true;
    return {};
  }
  return Failed(status);
}

Result<ExecOutcome> ExecReader::Finish() const {
  if (done_) return outcome_;
  return Unavailable("TARGET_UNREACHABLE", "the connection ended before the program did")
      .WithMetadata("request_sent", "yes");
}

}  // namespace meshplay::kube
