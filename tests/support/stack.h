#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "libs/base/files.h"
#include "libs/http/client.h"
#include "tests/support/child_process.h"

namespace meshplay::test {

/// A loopback port that was free a moment ago: a restarted program must be found at the same place.
std::uint16_t FreePort();

/// The whole product on a cluster of the rig of its own: a server, an enrolled Istio adapter, the stand-in charts.
/// Everything is gone when this object is. Short leases (3 s, steps 2 s) so that losses settle fast.
class Stack {
 public:
  /// Null, after Skip(), when the rig's tools are not there. Nothing of ours runs yet but the cluster.
  static std::unique_ptr<Stack> Up(const std::string& name);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  /// Starts the server on the same data and the same hub port, and waits until it answers. `failpoint` is the value of
  /// MESHPLAY_FAILPOINT.
  void StartServer(const std::string& failpoint = {});
  /// Starts the adapter on the same state, enrolling it the first time.
  void StartAdapter(const std::string& failpoint = {});
  /// More words for the adapter's command line, from its next start on.
  void SetAdapterFlags(std::vector<std::string> flags) { adapter_flags_ = std::move(flags); }
  /// Waits until the server counts the adapter as connected.
  void AwaitConnected();

  ChildProcess& server() { return server_; }
  ChildProcess& adapter() { return adapter_; }
  kube::Client& kube() { return *kube_; }
  const std::string& cluster_id() const { return name_; }
  std::string folder() const { return folder_.path(); }

  /// An answer of the REST door; null when there is none or it is no 2xx.
  nlohmann::json TryGet(const std::string& path);
  nlohmann::json Get(const std::string& path);
  nlohmann::json Post(const std::string& path, const nlohmann::json& body);
  /// The events of the live stream from the first one, until the one with the sequence number `last` arrived.
  std::vector<nlohmann::json> StreamUntil(std::uint64_t last);

  std::string Submit(const std::string& type, const nlohmann::json& parameters);
  /// Waits until the operation is final, over restarts of the server.
  nlohmann::json AwaitFinal(const std::string& operation_id, std::chrono::seconds time);
  std::string StateOf(const std::string& operation_id);
  nlohmann::json Target();
  /// The status of the cluster's condition Reachable: "True", "False" or "Unknown"; empty without an answer.
  std::string Reachable();
  /// How often the server and the adapter were started.
  std::size_t starts() const { return starts_; }

  /// Rows of `helm history`, oldest first; empty when there is no such release.
  std::vector<nlohmann::json> HelmHistory(const std::string& release);
  /// The status of the newest revision of a release as helm stores it in its Secret; empty when there is none.
  std::string HelmStatus(const std::string& release);
  /// Ids of the processes that run helm for the adapter.
  std::vector<pid_t> HelmProcesses();
  /// The process of a part of the cluster, such as "kube-apiserver".
  pid_t ClusterPart(const std::string& part);
  /// The last lines of a log of this stack ("server", "adapter"), for messages of failed tests.
  std::string LogTail(const std::string& name);

 private:
  Stack(std::string name, TemporaryDirectory folder) : name_(std::move(name)), folder_(std::move(folder)) {}
  std::optional<http::Response> Ask(http::Method method, const std::string& path, const std::string& body);
  http::Request NewRequest(http::Method method, const std::string& path) const;
  std::string Folder(const std::string& name) const { return folder_.path() + "/" + name; }

  std::string name_;
  TemporaryDirectory folder_;
  std::string kubeconfig_;
  std::string helm_;
  std::uint16_t hub_port_ = 0;
  std::size_t starts_ = 0;
  std::vector<std::string> adapter_flags_;
  std::string rest_;
  std::string token_;
  std::unique_ptr<http::Client> http_;
  std::unique_ptr<kube::Client> kube_;
  ChildProcess server_;
  ChildProcess adapter_;
};

}  // namespace meshplay::test
