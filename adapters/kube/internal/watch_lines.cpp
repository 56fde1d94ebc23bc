#include "adapters/kube/internal/watch_lines.h"

#include "adapters/kube/internal/answer.h"

namespace meshplay::kube {
namespace {

std::optional<ChangeKind> KindOf(const std::string& type) {
  if (type == "ADDED") return ChangeKind::kAdded;
  if (type == "MODIFIED") return ChangeKind::kModified;
  if (type == "DELETED") return ChangeKind::kDeleted;
  if (type == "BOOKMARK") return ChangeKind::kBookmark;
  return std::nullopt;
}

}  // namespace

LineSplitter::Outcome LineSplitter::Feed(std::string_view piece,
                                         const std::function<bool(std::string_view line)>& on_line) {
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    if (rest_.size() + part.size() > max_bytes_) return Outcome::kTooLong;
    if (end == std::string_view::npos) {
      rest_.append(part);
      return Outcome::kGoOn;
    }
    std::string_view line = part;
    if (!rest_.empty()) line = rest_.append(part);
    const bool go_on = line.empty() || on_line(line);
    rest_.clear();
    if (!go_on) return Outcome::kStopped;
    piece.remove_prefix(end + 1);
  }
  return Outcome::kGoOn;
}

bool WatchReader::OnLine(std::string_view line) {
  auto event = ParseAnswer(line);
  if (!event) {
    error_ = std::move(event).error();
    return false;
  }
  const std::string type = TextAt(*event, "/type");
  if (type == "ERROR") {
    const nlohmann::json& status = ValueAt(*event, "/object");
    const int code = static_cast<int>(NumberAt(status, "/code", 500));
    if (code == 410) {
      outcome_.end = WatchEnd::kExpired;
    } else {
      error_ = ErrorOfStatus(code, status);
    }
    return false;
  }
  const std::optional<ChangeKind> kind = KindOf(type);
  const auto object = event->find("object");
  if (!kind || object == event->end() || !object->is_object()) {
    error_ = Internal("TARGET_ANSWER_INVALID", "the API server sent a watch event that makes no sense");
    return false;
  }
  if (!object->contains("kind")) (*object)["kind"] = gvk_.kind;
  if (!object->contains("apiVersion")) (*object)["apiVersion"] = gvk_.ApiVersion();
  // Only what the handler has taken counts as seen.
  std::string resource_version = ResourceVersionOf(*object);
  const bool go_on = handler_(Change{*kind, *object});
  if (!resource_version.empty()) outcome_.last_resource_version = std::move(resource_version);
  if (!go_on) outcome_.end = WatchEnd::kHandlerStopped;
  return go_on;
}

}  // namespace meshplay::kube
