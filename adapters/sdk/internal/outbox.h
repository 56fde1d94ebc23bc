#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "meshplay/adapter/v1/adapter.pb.h"

namespace meshplay::sdk {

/// What a finished task still has to tell: its result and the updates before it that the server has not acknowledged.
struct FinishedTask {
  std::string task_id;
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;
  std::string idempotency_key;  ///< Of a KEYED operation; else empty.
  std::vector<meshplay::adapter::v1::TaskUpdate> updates;
  meshplay::adapter::v1::TaskResult result;
};

/// Results on disk until the server has them, and for KEYED operations 24 h longer. One file a task, written in one
/// step, so a kill at any instant leaves either nothing or all of it.
/// Threads: one caller at a time (the task table's lock).
class Outbox {
 public:
  explicit Outbox(std::string directory) : directory_(std::move(directory)) {}

  /// Makes the folder and reads what the last process left. A file that cannot be read is set aside and logged.
  Result<std::vector<FinishedTask>> Open();
  Status Put(const FinishedTask& task);
  void Forget(const std::string& task_id, std::uint32_t attempt);

  /// The kept result of an idempotency key, or nothing.
  bool FindKeyed(const std::string& idempotency_key, meshplay::adapter::v1::TaskResult& result) const;

 private:
  std::string PathOf(const std::string& task_id, std::uint32_t attempt) const;
  std::string KeyedPathOf(const std::string& idempotency_key) const;
  std::string directory_;
};

}  // namespace meshplay::sdk
