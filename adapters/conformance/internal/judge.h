#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/conformance/internal/suite.h"

/// What observations mean. Pure.
namespace meshplay::conformance {

/// True when a request that failed so was denied by a mesh: 403, or a connection that a network rule cut (closed, reset
/// or left without an answer), or the caller's own proxy telling of that. Anything else (no such name, nobody listens,
/// another error of HTTP) may have any cause.
bool IsDenial(int status, const std::string& error);

/// One look at the world.
struct Look {
  enum class Kind {
    kMet,
    kNotMet,
    kNarrower,     ///< Not met, but nothing was allowed that should not be.
    kWrongReason,  ///< What should be denied failed for another reason.
    kNothing,      ///< The look itself failed: nothing is known.
  };
  Kind kind = Kind::kNothing;
  std::string text;  ///< What is not as expected.
  nlohmann::json evidence = nlohmann::json::object();
};

/// The one record of an application's metrics after one call.
struct CallRecord {
  bool succeeded = false;
  int status = 0;
  std::string error;
};
/// Nothing when there is not exactly one record.
std::optional<CallRecord> ReadCallRecord(const std::string& metrics_text);

/// The counts of an application's summary.
struct Counts {
  std::map<std::string, int> received;
  int succeeded = 0;
  int failed = 0;
  int From(const std::string& caller) const;
};
std::optional<Counts> ReadCounts(const std::string& summary_text);

/// `records[i]` is what became of `calls[i]`; `received` the counts of each server.
Look JudgeCalls(const std::vector<Call>& calls, const std::vector<CallRecord>& records,
                const std::map<std::string, Counts>& received);

/// `sent` is the caller's summary after `requests` requests.
Look JudgeShare(const Share& share, int requests, const Counts& sent, int at_b, int at_c);

}  // namespace meshplay::conformance
