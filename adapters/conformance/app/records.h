#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/conformance/app/exchange.h"

namespace meshplay::conformance_app {

inline constexpr std::size_t kMaxRecords = 5'000;  ///< Of each list; the counts go on.

/// What the application saw and did since the last reset. Threads: any.
class Records {
 public:
  void Received(const std::string& from);
  void Called(const Wanted& wanted, const Answer& answer);
  void Reset();

  /// {"ReqReceived": [...], "RespSucceeded": [...], "RespFailed": [...]}: the names that SMI tooling reads, and Status
  /// and Error with each answer. Error of an answer that failed is the start of its body.
  nlohmann::json Full() const;
  /// {"ReqReceived": {"app-a": 50}, "RespSucceeded": 50, "RespFailed": 0, "Failures": {"403": 2, "TIMEOUT": 1}}
  nlohmann::json Summary() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> received_;
  nlohmann::json succeeded_ = nlohmann::json::array();
  nlohmann::json failed_ = nlohmann::json::array();
  std::map<std::string, std::size_t> received_by_;
  std::map<std::string, std::size_t> failures_;
  std::size_t successes_ = 0;
  std::size_t failure_count_ = 0;
};

}  // namespace meshplay::conformance_app
