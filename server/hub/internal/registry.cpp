#include "server/hub/internal/registry.h"

#include <utility>

#include "server/hub/internal/session.h"

namespace meshplay::hub {

bool Registry::Add(const std::shared_ptr<Session>& session) {
  const std::lock_guard lock(mutex_);
  if (draining_) return false;
  all_[session.get()] = session;
  return true;
}

void Registry::Forget(const Session& session) {
  std::shared_ptr<Session> last;  // dies after the lock is released
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(&session);
  if (found == all_.end()) return;
  last = std::move(found->second);
  all_.erase(found);
  changed_.notify_all();
}

Registry::Admission Registry::Admit(const std::shared_ptr<Session>& session, const std::string& instance_id,
                                    const std::string& replaces_instance_id, std::function<void()> again) {
  std::shared_ptr<Session> older;
  {
    const std::lock_guard lock(mutex_);
    Place& place = places_[session->adapter_id()];
    if (place.session == nullptr || place.session == session) {
      place.session = session;
      place.instance_id = instance_id;
      return Admission::kAdmitted;
    }
    const bool same_process = place.instance_id == instance_id;
    const bool proven_dead = !replaces_instance_id.empty() && place.instance_id == replaces_instance_id;
    if (!same_process && !proven_dead && !place.session->ending()) return Admission::kConflict;
    place.waiting.push_back(std::move(again));
    older = place.session;
  }
  older->End(Error(ErrorCode::kAborted, "SESSION_REPLACED", "a newer session of the adapter takes over"));
  return Admission::kWait;
}

void Registry::Release(const Session& session) {
  std::vector<std::function<void()>> waiting;
  std::shared_ptr<Session> last;
  {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(session.adapter_id());
    if (found == places_.end() || found->second.session.get() != &session) return;
    waiting = std::move(found->second.waiting);
    last = std::move(found->second.session);
    places_.erase(found);
  }
  for (const auto& again : waiting) again();
}

std::shared_ptr<Session> Registry::FindOpen(const std::string& session_id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [adapter_id, place] : places_) {
    if (place.session != nullptr && place.session->session_id() == session_id) return place.session;
  }
  return nullptr;
}

std::shared_ptr<Session> Registry::FindAdapter(const std::string& adapter_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(adapter_id);
  return found == places_.end() ? nullptr : found->second.session;
}

std::vector<std::shared_ptr<Session>> Registry::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Session>> sessions;
  sessions.reserve(all_.size());
  for (const auto& [key, session] : all_) sessions.push_back(session);
  return sessions;
}

std::size_t Registry::size() const {
  const std::lock_guard lock(mutex_);
  return all_.size();
}

void Registry::AssignmentsMayHaveChanged(const std::set<std::string>& cluster_uids) const {
  for (const std::shared_ptr<Session>& session : All()) {
    if (session->ClaimsAny(cluster_uids)) session->SyncAssignments();
  }
}

void Registry::BeginDrain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
}

bool Registry::WaitUntilEmpty(std::chrono::milliseconds bound) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, bound, [this] { return all_.empty(); });
}

}  // namespace meshplay::hub
