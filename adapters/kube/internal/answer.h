#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "libs/base/result.h"
#include "libs/http/message.h"

namespace meshplay::kube {

/// JSON of an API server, at most 256 levels deep. Errors: kInternal TARGET_ANSWER_INVALID.
Result<nlohmann::json> ParseAnswer(std::string_view text);

/// What an answer with an error status means, by the table in client.h. Pure functions.
Error ErrorOfAnswer(const http::Response& response);

/// The same for a Status object that came another way (a watch event, an exec channel).
Error ErrorOfStatus(int http_status, const nlohmann::json& status,
                    std::optional<std::chrono::milliseconds> retry_after = {});

/// The errors of the HTTP client in this room's words.
Error ErrorOfTransport(const Error& error);

/// The wait an answer asks for, from Retry-After (seconds) or Status.details.
std::optional<std::chrono::milliseconds> RetryAfterOf(const http::Response& response);

/// Whether one attempt should be followed by another. `repeatable`: a second delivery is harmless.
struct RetryAdvice {
  bool retry = false;
  std::optional<std::chrono::milliseconds> pause = {};  ///< Asked for by the server.
};
RetryAdvice AdviseRetry(const Result<http::Response>& answer, bool repeatable);

/// The pause before attempt `attempt` + 1: base * 2^(attempt-1) up to `cap`, times a factor between 0.5 and 1.
/// `random` is in [0, 1).
std::chrono::milliseconds BackoffPause(std::chrono::milliseconds base, std::chrono::milliseconds cap, int attempt,
                                       double random);

}  // namespace meshplay::kube
