#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::common {

namespace pb = meshplay::adapter::v1;

struct ClusterOptions {
  std::string kubeconfig_path;        ///< File of this machine; its exec plugins may run.
  std::vector<std::string> contexts;  ///< Empty: the current one.
  bool in_cluster = false;            ///< The pod's own service account, instead of or beside the contexts.
  std::string memory_file;            ///< Which context was which cluster, over restarts; empty: not kept.
  std::chrono::milliseconds probe_timeout{5'000};
};

/// One reachable cluster. Immutable but for the client's own state.
struct Cluster {
  std::string context;  ///< "" for the in-cluster identity.
  std::string uid;      ///< UID of kube-system.
  std::string kubernetes_version;
  std::string server_host;
  std::string credentials;  ///< Fingerprint of what the client was made from.
  std::shared_ptr<kube::Client> client;
  /// Requested when another Cluster took this one's place: long users of the client (watches) should begin anew.
  mutable std::stop_source replaced;
};

/// The clusters this adapter can reach by its own kubeconfig contexts or its service account.
/// Threads: any; Claims() blocks for about the probe timeout.
class ClusterSet {
 public:
  explicit ClusterSet(ClusterOptions options);

  /// Looks at every context anew, all at once. A cluster that was known before and is not reachable now stays, with
  /// the condition Reachable=False. The kubeconfig is read again each time, and a changed one makes a new client.
  std::vector<pb::TargetClaim> Claims();

  /// A cluster that was never reached in this process but is remembered from before is found too.
  /// Errors: kNotFound TARGET_UNKNOWN.
  Result<std::shared_ptr<const Cluster>> Find(const std::string& cluster_uid) const;

  const ClusterOptions& options() const { return options_; }

 private:
  struct Probe;
  std::vector<std::string> Names() const;
  Probe Look(const std::string& context);
  Result<std::shared_ptr<Cluster>> Connect(const std::string& context, const std::shared_ptr<const Cluster>& known);

  void Remember();

  const ClusterOptions options_;
  std::map<std::string, std::string> remembered_;  ///< Context to uid; read once.
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Cluster>> by_context_;
};

}  // namespace meshplay::common
