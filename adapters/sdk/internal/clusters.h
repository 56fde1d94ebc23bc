#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "adapters/sdk/adapter.h"
#include "adapters/sdk/internal/inventory_stream.h"
#include "adapters/sdk/internal/session.h"

namespace meshplay::sdk {

/// The clusters of this process: their claims, one inventory picture and one watching thread each.
/// Threads: any.
class Clusters final : public SessionEvents {
 public:
  Clusters(MeshAdapter& adapter, std::vector<pb::InventoryKind> kinds);
  ~Clusters() override;  ///< Waits for the watching threads.

  /// Asks the adapter, one caller at a time. When the adapter fails, what it said last.
  std::vector<pb::TargetClaim> Targets() override;
  void Welcomed(const pb::Welcome& welcome, std::shared_ptr<grpc::Channel> data_channel) override;
  void Directed(const pb::InventoryDirective& directive) override;
  void Ended() override;

  /// Asks the watching threads to end and waits at most `bound`. False when one still runs: it cannot be joined.
  bool Stop(std::chrono::milliseconds bound);

  /// True when the server's last word in the newest session is that this adapter serves the cluster.
  bool Serves(const std::string& cluster_uid) const;

 private:
  struct Cluster {
    Cluster(const pb::TargetRef& ref, const std::vector<pb::InventoryKind>& kinds) : target(ref), stream(ref, kinds) {}
    pb::TargetRef target;
    InventoryStream stream;
    bool ended = false;  ///< Under mutex_ of Clusters.
    std::jthread watcher;
  };
  void FollowLocked(const pb::TargetRef& target);
  void Watch(Cluster& cluster, const std::stop_token& stop);
  void ConnectLocked(Cluster& cluster);

  MeshAdapter& adapter_;
  const std::vector<pb::InventoryKind> kinds_;
  std::mutex asking_;                       ///< One call of Targets at a time.
  std::vector<pb::TargetClaim> last_told_;  ///< Under asking_.
  mutable std::mutex mutex_;
  std::condition_variable watcher_ended_;
  std::string session_id_;
  std::shared_ptr<grpc::Channel> channel_;
  std::set<std::string> disabled_;  ///< Clusters whose inventory this session does not want.
  std::set<std::string> served_;    ///< Clusters whose inventory it does want; asked for in so many words.
  std::map<std::string, std::unique_ptr<Cluster>> clusters_;
};

}  // namespace meshplay::sdk
