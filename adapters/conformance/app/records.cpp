#include "adapters/conformance/app/records.h"

namespace meshplay::conformance_app {
namespace {

constexpr std::size_t kMaxErrorText = 200;
constexpr std::size_t kMaxCallers = 100;
constexpr int kFirstFailure = 400;

/// The part of a text before its first line break, so that one record stays one line.
std::string Excerpt(const std::string& text) {
  return text.substr(0, std::min(text.find_first_of("\r\n"), kMaxErrorText));
}

}  // namespace

void Records::Received(const std::string& from) {
  const std::lock_guard lock(mutex_);
  if (received_.size() < kMaxRecords) received_.push_back(from);
  const bool known = received_by_.count(from) != 0 || received_by_.size() < kMaxCallers;
  ++received_by_[known ? from : "Others"];
}

void Records::Called(const Wanted& wanted, const Answer& answer) {
  nlohmann::json record = {{"URL", wanted.url}, {"Method", wanted.method}, {"Headers", wanted.headers}};
  record["Status"] = answer.status;
  const bool good = answer.status >= 200 && answer.status < kFirstFailure;
  if (!good) record["Error"] = answer.status == 0 ? answer.error : Excerpt(answer.body);
  const std::lock_guard lock(mutex_);
  nlohmann::json& list = good ? succeeded_ : failed_;
  if (list.size() < kMaxRecords) list.push_back(std::move(record));
  if (good) {
    ++successes_;
    return;
  }
  ++failure_count_;
  ++failures_[answer.status == 0 ? answer.error.substr(0, answer.error.find(':')) : std::to_string(answer.status)];
}

void Records::Reset() {
  const std::lock_guard lock(mutex_);
  received_.clear();
  received_by_.clear();
  succeeded_ = failed_ = nlohmann::json::array();
  failures_.clear();
  successes_ = failure_count_ = 0;
}

nlohmann::json Records::Full() const {
  const std::lock_guard lock(mutex_);
  return {{"ReqReceived", received_}, {"RespSucceeded", succeeded_}, {"RespFailed", failed_}};
}

nlohmann::json Records::Summary() const {
  const std::lock_guard lock(mutex_);
  return {{"ReqReceived", received_by_},
          {"RespSucceeded", successes_},
          {"RespFailed", failure_count_},
          {"Failures", failures_}};
}

}  // namespace meshplay::conformance_app
