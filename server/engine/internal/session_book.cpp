#include "server/engine/internal/session_book.h"

#include <algorithm>

#include "server/engine/retry_rules.h"

namespace meshplay::engine::internal {

void SessionBook::Open(const SessionHello& hello, std::shared_ptr<AdapterLink> link, BootTime now) {
  const std::lock_guard lock(mutex_);
  const auto older = adapter_session_.find(hello.adapter_id);
  if (older != adapter_session_.end()) CloseLocked(std::string(older->second));
  Session session;
  session.view = {hello.session_id,
                  hello.adapter_id,
                  hello.instance_id,
                  std::max<std::uint32_t>(1, hello.max_concurrent_tasks),
                  false,
                  now + lease_ttl_};
  session.link = std::move(link);
  adapter_session_[hello.adapter_id] = hello.session_id;
  sessions_[hello.session_id] = std::move(session);
}

bool SessionBook::CloseLocked(const std::string& session_id) {
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return false;
  for (auto& [id, watch] : watches_) {
    if (watch.session_id != session_id) continue;
    watch.lease_until = found->second.view.lease_until;
    watch.session_id.clear();
  }
  const auto current = adapter_session_.find(found->second.view.adapter_id);
  if (current != adapter_session_.end() && current->second == session_id) adapter_session_.erase(current);
  sessions_.erase(found);
  return true;
}

bool SessionBook::Close(const std::string& session_id) {
  const std::lock_guard lock(mutex_);
  return CloseLocked(session_id);
}

void SessionBook::SetDraining(const std::string& session_id) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session_id);
  if (found != sessions_.end()) found->second.view.draining = true;
}

std::optional<bool> SessionBook::Renew(const std::string& session_id, BootTime received) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return std::nullopt;
  BootTime& lease_until = found->second.view.lease_until;
  const bool was_over = lease_until <= received;
  lease_until = std::max(lease_until, received + lease_ttl_);
  return was_over;
}

void SessionBook::ExtendAll(BootTime now) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, session] : sessions_) session.view.lease_until = std::max(session.view.lease_until, now + lease_ttl_);
  for (auto& [id, watch] : watches_) watch.lease_until = std::max(watch.lease_until, now + lease_ttl_);
}

std::optional<SessionView> SessionBook::FindSession(const std::string& session_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return std::nullopt;
  return found->second.view;
}

std::optional<SessionView> SessionBook::SessionOfAdapter(const std::string& adapter_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = adapter_session_.find(adapter_id);
  if (found == adapter_session_.end()) return std::nullopt;
  return sessions_.at(found->second).view;
}

std::vector<SessionView> SessionBook::Sessions() const {
  const std::lock_guard lock(mutex_);
  std::vector<SessionView> views;
  for (const auto& [id, session] : sessions_) views.push_back(session.view);
  return views;
}

std::shared_ptr<AdapterLink> SessionBook::Link(const std::string& session_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session_id);
  return found == sessions_.end() ? nullptr : found->second.link;
}

void SessionBook::Put(const Watch& watch) {
  const std::lock_guard lock(mutex_);
  watches_[watch.operation_id] = watch;
}

void SessionBook::Erase(const std::string& operation_id, std::uint32_t attempt) {
  const std::lock_guard lock(mutex_);
  const auto found = watches_.find(operation_id);
  if (found != watches_.end() && found->second.attempt == attempt) watches_.erase(found);
}

Watch SessionBook::Effective(const Watch& watch) const {
  Watch copy = watch;
  const auto session = sessions_.find(watch.session_id);
  if (session != sessions_.end()) copy.lease_until = session->second.view.lease_until;
  return copy;
}

std::optional<Watch> SessionBook::Find(const std::string& operation_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = watches_.find(operation_id);
  if (found == watches_.end()) return std::nullopt;
  return Effective(found->second);
}

std::vector<Watch> SessionBook::Watches() const {
  const std::lock_guard lock(mutex_);
  std::vector<Watch> copies;
  copies.reserve(watches_.size());
  for (const auto& [id, watch] : watches_) copies.push_back(Effective(watch));
  return copies;
}

bool SessionBook::HasWatches() const {
  const std::lock_guard lock(mutex_);
  return !watches_.empty();
}

Slots SessionBook::CountSlots() const {
  const std::lock_guard lock(mutex_);
  Slots slots;
  for (const auto& [id, watch] : watches_) {
    ++(TakesLock(watch.kind) ? slots.changing : slots.reading);
    ++slots.by_cluster[watch.cluster_id];
    ++slots.by_adapter[watch.adapter_id];
  }
  return slots;
}

Watch* SessionBook::FindLocked(const std::string& operation_id, std::uint32_t attempt) {
  const auto found = watches_.find(operation_id);
  return found != watches_.end() && found->second.attempt == attempt ? &found->second : nullptr;
}

void SessionBook::Accept(const std::string& operation_id, std::uint32_t attempt, bool already_finished) {
  const std::lock_guard lock(mutex_);
  Watch* watch = FindLocked(operation_id, attempt);
  if (watch == nullptr) return;
  watch->accepted = true;
  watch->already_finished = watch->already_finished || already_finished;
  watch->offer_until.reset();
}

void SessionBook::Bind(const std::string& operation_id, std::uint32_t attempt, const std::string& session_id) {
  const std::lock_guard lock(mutex_);
  Watch* watch = FindLocked(operation_id, attempt);
  const auto session = sessions_.find(session_id);
  if (watch == nullptr || session == sessions_.end()) return;
  watch->session_id = session_id;
  watch->instance_id = session->second.view.instance_id;
  watch->accepted = true;
  watch->offer_until.reset();
}

void SessionBook::SetStepTimeout(const std::string& operation_id, std::uint32_t attempt,
                                 std::chrono::milliseconds timeout) {
  const std::lock_guard lock(mutex_);
  Watch* watch = FindLocked(operation_id, attempt);
  if (watch != nullptr) watch->step_timeout = timeout;
}

void SessionBook::SetProgress(const std::string& operation_id, std::uint32_t attempt, BootTime shown) {
  const std::lock_guard lock(mutex_);
  Watch* watch = FindLocked(operation_id, attempt);
  if (watch == nullptr) return;
  watch->progress_shown = shown;
  watch->progress_waiting = false;
}

void SessionBook::KeepProgress(const std::string& operation_id, std::uint32_t attempt, std::uint32_t done,
                               std::uint32_t total, const std::string& text) {
  const std::lock_guard lock(mutex_);
  Watch* watch = FindLocked(operation_id, attempt);
  if (watch == nullptr) return;
  watch->progress_waiting = true;
  watch->progress_done = done;
  watch->progress_total = total;
  watch->progress_text = text;
}

}  // namespace meshplay::engine::internal
