#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/log.h"
#include "server/rest/internal/event_fanout.h"
#include "server/rest/problem.h"
#include "server/rest/transcode.h"

namespace meshplay::rest {

namespace {
constexpr std::chrono::milliseconds kGather{15};     ///< How long events are gathered before they are written together.
constexpr std::chrono::milliseconds kIdleWait{500};  ///< How often a quiet stream looks whether it should end.
constexpr int kFullFrame = 500;
}  // namespace

std::string EncodeFrame(const v1::EventFrame& frame) {
  std::string text;
  for (const v1::Event& event : frame.events()) {
    text += "id: " + event.id() + "\nevent: " + event.kind() + "\ndata: " + DumpDocument(WriteMessage(event)) + "\n";
  }
  if (!frame.bookmark().empty()) {
    text += "id: " + frame.bookmark() + "\nevent: bookmark\ndata: {\"sync_token\":\"" + frame.bookmark() + "\"}\n\n";
  }
  if (frame.has_reset()) text += "event: reset\ndata: " + DumpDocument(WriteMessage(frame.reset())) + "\n";
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
  group->key = nlohmann::json{request.context.caller.tenant, request.context.caller.token_id, request.request.subject(),
                              request.request.kind()}
                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  group->cursor = std::move(cursor);
  group->members.push_back(std::move(subscriber));
  Advance(*group);
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
    }
    const std::uint64_t newest = api_.NewestEventSeq();
    const bool more = AdvanceAll();
    MergeGroups();
    if (std::chrono::steady_clock::now() >= next_ping) {
      PingAll();
      next_ping = std::chrono::steady_clock::now() + ping_;
    }
    const bool news = !more && api_.WaitForEvents(newest, std::min(kIdleWait, ping_));
    if (!more && !news) continue;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kGather, [this] { return stopping_; });
  }
}

bool EventFanout::AdvanceAll() {
  std::list<std::shared_ptr<Group>> groups;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& group : groups_) std::erase_if(group->members, [](const auto& member) { return member->Gone(); });
    std::erase_if(groups_, [](const auto& group) { return group->ended || group->members.empty(); });
    groups = groups_;
  }
  bool more = false;
  for (const auto& group : groups) more = Advance(*group) || more;
  return more;
}

/// Reads one frame and gives it to the members; true when the next one can be read at once.
bool EventFanout::Advance(Group& group) {
  const auto has_room = [](const auto& member) { return member->HasRoom(); };
  if (group.behind && !std::all_of(group.members.begin(), group.members.end(), has_room)) return true;
  const auto frame = group.cursor->Next(std::chrono::milliseconds(0));
  if (!frame) {
    LogInfo("event stream ended", {{log_key::kReason, frame.error().reason()}});
    group.ended = true;
    for (const auto& member : group.members) member->End();
    return false;
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
  group.behind = frame->events_size() >= kFullFrame;
  return group.behind;
}

void EventFanout::MergeGroups() {
  const std::lock_guard lock(mutex_);
  std::erase_if(groups_, [](const auto& group) { return group->ended; });
  std::map<std::string, std::shared_ptr<Group>> first;
  for (auto it = groups_.begin(); it != groups_.end();) {
    if ((*it)->behind) {  // readers that catch up go at their own pace
      ++it;
      continue;
    }
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
