#include <nlohmann/json.hpp>

#include "libs/base/log.h"
#include "server/rest/internal/event_fanout.h"
#include "server/rest/problem.h"
#include "server/rest/transcode.h"

namespace meshplay::rest {

namespace {
/// How long frames are gathered before they are written together, and how late a reader may hear of an event.
constexpr std::chrono::milliseconds kGather{15};
constexpr std::chrono::milliseconds kIdleWait{200};
}  // namespace

std::string EncodeFrame(const v1::EventFrame& frame) {
  std::string text;
  for (const v1::Event& event : frame.events()) {
    text += "id: " + event.id() + "\nevent: " + event.kind() + "\ndata: " + WriteMessage(event).dump() + "\n\n";
  }
  if (!frame.bookmark().empty()) {
    text += "id: " + frame.bookmark() + "\nevent: bookmark\ndata: {\"sync_token\":\"" + frame.bookmark() + "\"}\n\n";
  }
  if (frame.has_reset()) text += "event: reset\ndata: " + WriteMessage(frame.reset()).dump() + "\n\n";
  return text;
}

EventFanout::EventFanout(services::Api& api, std::chrono::milliseconds ping) : api_(api), ping_(ping) {
  thread_ = std::thread([this] { Run(); });
}

EventFanout::~EventFanout() {
  Stop();
}

void EventFanout::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status EventFanout::Add(const StreamRequest& request, std::shared_ptr<Subscriber> subscriber) {
  MP_TRY(auto cursor, api_.OpenEvents(request.context, request.request));
  auto group = std::make_shared<Group>();
  group->key = nlohmann::json{request.context.caller.tenant, request.request.subject(), request.request.kind()}.dump();
  group->cursor = std::move(cursor);
  group->members.push_back(std::move(subscriber));
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Unavailable("STOPPING", "the server is stopping");
    groups_.push_back(std::move(group));
  }
  wake_.notify_all();
  return {};
}

std::size_t EventFanout::subscribers() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& group : groups_) count += group->members.size();
  return count;
}

void EventFanout::Run() {
  auto next_ping = std::chrono::steady_clock::now() + ping_;
  while (true) {
    std::list<std::shared_ptr<Group>> groups;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !groups_.empty(); });
      if (stopping_) {
        for (const auto& group : groups_) {
          for (const auto& member : group->members) member->End();
        }
        groups_.clear();
        return;
      }
      groups = groups_;
    }
    // One group waits in the store for news; with several, each is asked in turn and the wait is short.
    const auto wait = groups.size() == 1 ? kIdleWait : kGather;
    for (const auto& group : groups) Advance(*group, group == groups.front() ? wait : std::chrono::milliseconds(0));
    MergeGroups();
    if (std::chrono::steady_clock::now() >= next_ping) {
      PingAll();
      next_ping = std::chrono::steady_clock::now() + ping_;
    }
  }
}

void EventFanout::Advance(Group& group, std::chrono::milliseconds wait) {
  std::erase_if(group.members, [](const auto& member) { return member->Gone(); });
  if (group.members.empty()) {
    group.ended = true;
    return;
  }
  const auto frame = group.cursor->Next(wait);
  if (!frame) {
    LogWarning("event stream ended", {{log_key::kReason, frame.error().reason()}});
    group.ended = true;
    for (const auto& member : group.members) member->End();
    return;
  }
  std::string text = EncodeFrame(*frame);
  if (!text.empty()) {
    const auto shared = std::make_shared<const std::string>(std::move(text));
    for (const auto& member : group.members) member->Push(shared);
  }
  if (frame->has_reset()) {
    group.ended = true;
    for (const auto& member : group.members) member->End();
  }
}

void EventFanout::MergeGroups() {
  const std::lock_guard lock(mutex_);
  std::erase_if(groups_, [](const auto& group) { return group->ended; });
  std::map<std::string, std::shared_ptr<Group>> first;
  for (auto it = groups_.begin(); it != groups_.end();) {
    const auto [place, is_new] = first.emplace((*it)->key + "@" + (*it)->cursor->position(), *it);
    if (is_new) {
      ++it;
    } else {
      place->second->members.splice(place->second->members.end(), (*it)->members);
      it = groups_.erase(it);
    }
  }
}

void EventFanout::PingAll() {
  static const auto kPing = std::make_shared<const std::string>(": ping\n\n");
  const std::lock_guard lock(mutex_);
  for (const auto& group : groups_) {
    for (const auto& member : group->members) member->Push(kPing);
  }
}

}  // namespace meshplay::rest
