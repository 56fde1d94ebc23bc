#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace meshplay::hub {

class Session;

/// The streams of this process, and which of them is an adapter's session.
/// Threads: any. Ownership: keeps each session until its stream has ended.
class Registry {
 public:
  /// False while draining: no new stream.
  bool Add(const std::shared_ptr<Session>& session);
  void Forget(const Session& session);

  enum class Admission { kAdmitted, kWait, kConflict };
  /// One session an adapter. A session of the same process, or of one that is proven dead, is ended first: then the
  /// answer is kWait and `again` is called once it is gone. One of another living process is kConflict.
  Admission Admit(const std::shared_ptr<Session>& session, const std::string& instance_id,
                  const std::string& replaces_instance_id, std::function<void()> again);
  /// The admitted session is over in the engine and the inventory.
  void Release(const Session& session);

  std::shared_ptr<Session> FindOpen(const std::string& session_id) const;
  std::shared_ptr<Session> FindAdapter(const std::string& adapter_id) const;
  std::vector<std::shared_ptr<Session>> All() const;
  std::size_t size() const;

  /// Has every open session that claims one of these clusters look at its assignments again.
  void AssignmentsMayHaveChanged(const std::set<std::string>& cluster_uids) const;

  void BeginDrain();
  bool WaitUntilEmpty(std::chrono::milliseconds bound) const;

 private:
  struct Place {
    std::shared_ptr<Session> session;
    std::string instance_id;
    std::vector<std::function<void()>> waiting;
  };
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool draining_ = false;
  std::map<const Session*, std::shared_ptr<Session>> all_;
  std::map<std::string, Place> places_;  ///< By adapter id.
};

}  // namespace meshplay::hub
