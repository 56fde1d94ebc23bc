#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/policy/internal/interest.h"
#include "server/policy/internal/pass.h"
#include "server/policy/policies.h"

namespace meshplay::policy::internal {

/// Keeps rows and meshes in step: reads events, looks at the policies that they or the time touch, asks for operations.
/// The rows of meshes are its alone, but for what runs under `rows_mutex`.
/// Threads: one calls Begin and Round; Counters and rows_mutex are for any.
class Reconciler {
 public:
  Reconciler(store::Store& store, const Clock& clock, const PolicyOptions& options)
      : store_(store), clock_(clock), options_(options) {}

  /// Finds out from the rows what the last process left. Everything is to be looked at, drift a little later.
  Status Begin();
  /// Looks at what is due. Returns when something will be due by time alone.
  UnixMs Round(const Hands& hands);
  std::uint64_t seen() const { return cursor_; }  ///< seq of the newest event that was taken.

  std::mutex& rows_mutex() { return rows_mutex_; }
  std::vector<std::pair<std::string, std::uint64_t>> Counters() const;

 private:
  using PolicyKey = Interests::PolicyKey;
  using Place = Interests::Place;
  struct Running {
    PolicyKey policy;
    bool plan = false;
  };

  Status ReadEvents();
  void Take(const store::EventRecord& event);
  void TakeInventory(const store::EventRecord& event);
  Status LookAtAll();
  Status Look(const PolicyKey& key, const Hands& hands);
  Result<bool> ReadPass(const PolicyKey& key, Pass& pass);
  void CallBack(const std::string& tenant, const std::vector<std::string>& operations, const Hands& hands);
  void TouchDrift(const PolicyKey& key, Pass& pass);
  void Act(Pass& pass, const Hands& hands);
  void Ask(Pass& pass, MeshWork& mesh, const Hands& hands);
  Status Keep(Pass& pass, bool rollout_moved);
  Slots FreeSlots() const;
  Result<const World*> WorldOf(const std::string& tenant);
  void Count(const std::string& name);

  store::Store& store_;
  const Clock& clock_;
  const PolicyOptions& options_;
  std::mutex rows_mutex_;
  std::uint64_t cursor_ = 0;
  bool all_ = true;                             // look at every policy
  UnixMs all_next_ = 0;                         // and at the latest then
  std::set<PolicyKey> touched_;                 // look at these
  std::map<PolicyKey, UnixMs> due_;             // and at these by then
  std::map<PolicyKey, std::set<Place>> drift_;  // an object that matters changed there
  Interests interests_;
  std::set<PolicyKey> starved_;             // got no slot
  std::map<std::string, Running> running_;  // operation -> policy
  std::map<std::string, World> worlds_;     // of this round, by tenant
  mutable std::mutex counters_mutex_;
  std::map<std::string, std::uint64_t> counters_;  // guarded by counters_mutex_
};

}  // namespace meshplay::policy::internal
