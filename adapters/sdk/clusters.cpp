#include "adapters/sdk/internal/clusters.h"

#include <algorithm>

#include "adapters/sdk/internal/pause.h"
#include "libs/base/log.h"

namespace meshplay::sdk {

namespace {

constexpr std::chrono::seconds kWatchAgain{5};  ///< After WatchInventory returned.

}  // namespace

Clusters::Clusters(MeshAdapter& adapter, std::vector<pb::InventoryKind> kinds)
    : adapter_(adapter), kinds_(std::move(kinds)) {}

Clusters::~Clusters() {
  for (auto& [uid, cluster] : clusters_) cluster->watcher.request_stop();
  clusters_.clear();
}

std::vector<pb::TargetClaim> Clusters::Targets() {
  const std::lock_guard one_at_a_time(asking_);
  try {
    last_told_ = adapter_.Targets();
  } catch (const std::exception& fault) {
    LogError("asking the adapter for its clusters ended by an exception", {{log_key::kError, fault.what()}});
  } catch (...) {
    LogError("asking the adapter for its clusters ended by an exception");
  }
  const std::lock_guard lock(mutex_);
  for (const pb::TargetClaim& claim : last_told_) FollowLocked(claim.target());
  return last_told_;
}

void Clusters::Welcomed(const pb::Welcome& welcome, std::shared_ptr<grpc::Channel> data_channel) {
  const std::lock_guard lock(mutex_);
  session_id_ = welcome.session_id();
  channel_ = std::move(data_channel);
  disabled_.clear();
  served_.clear();
  for (auto& [uid, cluster] : clusters_) ConnectLocked(*cluster);
}

void Clusters::ConnectLocked(Cluster& cluster) {
  if (channel_ && disabled_.count(cluster.target.cluster_uid()) == 0) cluster.stream.Connect(channel_, session_id_);
}

void Clusters::Directed(const pb::InventoryDirective& directive) {
  const std::lock_guard lock(mutex_);
  const std::string& uid = directive.target().cluster_uid();
  if (directive.enabled()) {
    disabled_.erase(uid);
    served_.insert(uid);
  } else {
    disabled_.insert(uid);
    served_.erase(uid);
  }
  const auto found = clusters_.find(uid);
  if (found == clusters_.end()) return;
  InventoryStream& stream = found->second->stream;
  if (!directive.enabled()) {
    stream.Disconnect();
  } else if (directive.force_snapshot() || !stream.connected()) {
    ConnectLocked(*found->second);  // a new stream begins with a snapshot
  }
}

void Clusters::Ended() {
  const std::lock_guard lock(mutex_);
  channel_.reset();
  for (auto& [uid, cluster] : clusters_) cluster->stream.Disconnect();
}

bool Clusters::Serves(const std::string& cluster_uid) const {
  const std::lock_guard lock(mutex_);
  return served_.count(cluster_uid) != 0;
}

void Clusters::FollowLocked(const pb::TargetRef& target) {
  if (target.cluster_uid().empty() || clusters_.count(target.cluster_uid()) != 0) return;
  Cluster& cluster = *clusters_.emplace(target.cluster_uid(), std::make_unique<Cluster>(target, kinds_)).first->second;
  cluster.watcher = std::jthread([this, &cluster](const std::stop_token& stop) { Watch(cluster, stop); });
  ConnectLocked(cluster);
}

void Clusters::Watch(Cluster& cluster, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      adapter_.WatchInventory(cluster.target, cluster.stream, stop);
    } catch (const std::exception& fault) {
      LogError("watching a cluster ended by an exception", {{log_key::kError, fault.what()}});
    } catch (...) {
      LogError("watching a cluster ended by an exception");
    }
    Pause(kWatchAgain, stop);
  }
  const std::lock_guard lock(mutex_);
  cluster.ended = true;
  watcher_ended_.notify_all();
}

bool Clusters::Stop(std::chrono::milliseconds bound) {
  std::unique_lock lock(mutex_);
  for (auto& [uid, cluster] : clusters_) cluster->watcher.request_stop();
  return watcher_ended_.wait_for(lock, bound, [this] {
    return std::all_of(clusters_.begin(), clusters_.end(), [](const auto& entry) { return entry.second->ended; });
  });
}

}  // namespace meshplay::sdk
