#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "adapters/common/attempt.h"
#include "adapters/metrics_api/door.h"
#include "adapters/metrics_api/settings.h"
#include "libs/base/clock.h"
#include "libs/base/tls.h"

namespace meshplay::metrics_api {

/// The mesh that an attempt is about.
struct MeshPlace {
  std::string mesh_key;
  std::string name_space;  ///< Of the control plane: the API's ConfigMap is kept there.
};

/// What this room needs to know of a mesh.
struct MeshSide {
  std::string mesh_type;
  AnswerCall answer;
  /// Errors: kFailedPrecondition PREREQUISITE_MISSING when it is not known where the mesh's telemetry is.
  std::function<Status(kube::Client& client, const std::string& mesh_key, const kube::Call& call)> has_telemetry;
  std::function<Result<MeshPlace>(common::Attempt& attempt)> find;
};

/// How it goes on one cluster, for the inventory.
struct MetricsApiReport {
  bool enabled = false;
  std::string mesh_key;
  std::string trouble_reason;  ///< "Unavailable" and so on; empty: the API server reaches this process.
  std::string message;
  bool operator==(const MetricsApiReport&) const = default;
};
using Reporter = std::function<void(const MetricsApiReport&)>;

/// The condition "SmiMetricsApi" that stands for a report; nullopt while the API is not enabled.
std::optional<adapter::v1::Condition> ConditionOf(const MetricsApiReport& report);

/// The report that the stored APIServices of an enabled API make: null stands for one that is not there. Pure.
MetricsApiReport ReportOf(const Settings& settings, const std::string& mesh_type,
                          const std::vector<nlohmann::json>& services);

/// The aggregated API of one adapter process: its HTTPS door, its certificate, and what keeps them and the clusters on
/// which the API is enabled in step. What an adapter adds: `Attach` from MeshAdapter::Attach, `Run` in WatchInventory.
///
/// The authority and the certificate are made in memory at each start; no key of them is ever written anywhere. The
/// APIServices get the authority's certificate when the process has the lease.
/// Threads: any.
class MetricsApiHost {
 public:
  /// `listen` "IP:PORT"; empty: this process serves no API, and enabling it is refused.
  /// Errors: kInvalidArgument LISTEN_ADDRESS_INVALID; kUnavailable LISTEN_FAILED; kInternal TLS_FAILED.
  static Result<std::shared_ptr<MetricsApiHost>> Start(const std::string& listen, MeshSide mesh);

  void Attach(const sdk::AdapterLink& link) { link_.store(&link); }
  const MeshSide& mesh() const { return mesh_; }
  bool listening() const { return server_ != nullptr; }
  std::string address() const { return server_ ? server_->address() : std::string(); }

  /// Makes the certificate hold for a name too. Returns the authority's certificate (PEM). Errors: kInternal
  /// TLS_FAILED.
  Result<std::string> AuthorityFor(const std::string& server_name);

  /// Serves the cluster while the ConfigMap that enables the API is there, until `stop`. Blocks. `report` is told how
  /// it goes, on the calling thread, whenever that changes.
  void Run(const std::string& cluster_uid, const std::shared_ptr<kube::Client>& client, const Reporter& report,
           const std::stop_token& stop);

 private:
  explicit MetricsApiHost(MeshSide mesh) : mesh_(std::move(mesh)), door_(mesh_.answer) {}
  Result<KeyPair> NewLeaf() const;
  Status RenewIfDue();
  Status KeepAuthority(kube::Client& client, const std::string& cluster_uid, const Settings& settings,
                       const std::stop_token& stop);
  void RunDeaf(kube::Client& client, const Reporter& report, const std::stop_token& stop);

  const MeshSide mesh_;
  const SystemClock clock_;
  std::atomic<const sdk::AdapterLink*> link_{nullptr};
  Door door_;
  std::mutex mutex_;  ///< Of what follows.
  KeyPair authority_;
  std::set<std::string> names_;
  UnixMs renew_at_ = 0;
  std::unique_ptr<http::HttpsServer> server_;  ///< Last: it calls the door.
};

}  // namespace meshplay::metrics_api
