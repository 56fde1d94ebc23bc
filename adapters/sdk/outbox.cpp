#include "adapters/sdk/internal/outbox.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/log.h"

namespace meshplay::sdk {

namespace {

namespace fs = std::filesystem;
namespace pb = meshplay::adapter::v1;
constexpr std::string_view kSuffix = ".task";
constexpr std::string_view kKeyedSuffix = ".keyed";

void AppendPart(std::string& out, const std::string& part) {
  std::uint32_t size = static_cast<std::uint32_t>(part.size());
  for (int i = 0; i < 4; ++i) out += static_cast<char>(size >> (8 * i) & 0xff);
  out += part;
}

bool TakePart(std::string_view& in, std::string& part) {
  if (in.size() < 4) return false;
  std::uint32_t size = 0;
  for (int i = 3; i >= 0; --i) size = size << 8 | static_cast<unsigned char>(in[static_cast<std::size_t>(i)]);
  if (in.size() - 4 < size) return false;
  part = std::string(in.substr(4, size));
  in.remove_prefix(4 + size);
  return true;
}

/// Digest, then parts: idempotency key, result, updates. The digest tells a torn or foreign file.
std::string Encode(const FinishedTask& task) {
  std::string body;
  AppendPart(body, task.idempotency_key);
  AppendPart(body, task.result.SerializeAsString());
  for (const pb::TaskUpdate& update : task.updates) AppendPart(body, update.SerializeAsString());
  return Sha256(body) + body;
}

bool Decode(const std::string& text, FinishedTask& task) {
  if (text.size() < 32 || Sha256(std::string_view(text).substr(32)) != text.substr(0, 32)) return false;
  std::string_view rest = std::string_view(text).substr(32);
  std::string part;
  if (!TakePart(rest, task.idempotency_key) || !TakePart(rest, part) || !task.result.ParseFromString(part))
    return false;
  while (!rest.empty()) {
    if (!TakePart(rest, part) || !task.updates.emplace_back().ParseFromString(part)) return false;
  }
  task.task_id = task.result.task_id();
  task.attempt = task.result.attempt();
  task.fence = task.result.fence();
  return true;
}

}  // namespace

std::string Outbox::PathOf(const std::string& task_id, std::uint32_t attempt) const {
  return directory_ + "/" + Sha256Hex(task_id + "/" + std::to_string(attempt)).substr(0, 32) + std::string(kSuffix);
}

std::string Outbox::KeyedPathOf(const std::string& idempotency_key) const {
  return directory_ + "/" + Sha256Hex(idempotency_key).substr(0, 32) + std::string(kKeyedSuffix);
}

Result<std::vector<FinishedTask>> Outbox::Open() {
  MP_CHECK(MakeDirectory(directory_, 0700));
  std::vector<FinishedTask> tasks;
  std::error_code error;
  const auto oldest_keyed = fs::file_time_type::clock::now() - std::chrono::hours(24);
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string path = entry.path().string();
    if (path.ends_with(kKeyedSuffix) && entry.last_write_time(error) < oldest_keyed) fs::remove(path, error);
    if (path.ends_with(".tmp")) fs::remove(path, error);
    if (!path.ends_with(kSuffix)) continue;
    const auto text = ReadFile(path);
    FinishedTask task;
    if (text && Decode(*text, task)) {
      tasks.push_back(std::move(task));
    } else {
      LogError("a file of the outbox cannot be read and was set aside", {{"file", entry.path().filename().string()}});
      fs::rename(path, path + ".broken", error);
    }
  }
  return tasks;
}

Status Outbox::Put(const FinishedTask& task) {
  if (!task.idempotency_key.empty()) {
    MP_CHECK(WriteFileAtomically(KeyedPathOf(task.idempotency_key), Encode(task), 0600));
  }
  return WriteFileAtomically(PathOf(task.task_id, task.attempt), Encode(task), 0600);
}

void Outbox::Forget(const std::string& task_id, std::uint32_t attempt) {
  std::error_code ignored;
  fs::remove(PathOf(task_id, attempt), ignored);
}

bool Outbox::FindKeyed(const std::string& idempotency_key, pb::TaskResult& result) const {
  const auto text = ReadFile(KeyedPathOf(idempotency_key));
  FinishedTask task;
  if (!text || !Decode(*text, task)) return false;
  result = task.result;
  return true;
}

}  // namespace meshplay::sdk
