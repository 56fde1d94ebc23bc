#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "adapters/sdk/internal/identity.h"
#include "adapters/sdk/internal/lease.h"
#include "adapters/sdk/internal/task.h"
#include "meshplay/adapter/v1/adapter.grpc.pb.h"

namespace meshplay::sdk {

class TaskTable;

/// What the session tells the rest of the process. Called on the session's reading thread.
class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  virtual std::vector<pb::TargetClaim> Targets() = 0;  ///< For Hello.
  virtual void Welcomed(const pb::Welcome& welcome, std::shared_ptr<grpc::Channel> data_channel) = 0;
  virtual void Directed(const pb::InventoryDirective& directive) = 0;
  virtual void Ended() = 0;
};

/// How one session ended, and how long to wait before the next.
struct SessionEnd {
  Error error;
  bool was_welcomed = false;
  bool refused = false;  ///< UNAUTHENTICATED, PERMISSION_DENIED or a version nobody shares: retry rarely.
  std::chrono::milliseconds reconnect_after{0};
};

/// One session at a time: Hello, Welcome, then frames until the stream ends. Also the link that tasks write through.
/// Threads: Run on one thread; SessionLink from any.
class Session final : public SessionLink {
 public:
  Session(const AdapterOptions& options, const Clock& clock, Lease& lease, SessionEvents& events,
          std::string instance_id, std::string replaces_instance_id);

  /// Runs a session to its end. `stop` ends it with Goodbye.
  SessionEnd Run(const Identity& identity, const pb::Capabilities& capabilities, TaskTable& tasks,
                 std::stop_token stop);

  // SessionLink
  void Send(const pb::AdapterFrame& frame) override;
  Result<pb::ResolveSecretsResponse> ResolveSecrets(pb::ResolveSecretsRequest request) override;
  Result<pb::SecretRef> StoreSecret(pb::StoreSecretRequest request) override;

 private:
  struct Stream;
  void WriteLoop(Stream& stream);
  void HeartbeatLoop(Stream& stream, TaskTable& tasks, const std::stop_token& stop);
  void Handle(const pb::ServerFrame& frame, const pb::Capabilities& capabilities, TaskTable& tasks, Stream& stream);
  pb::Hello MakeHello(const Identity& identity, const pb::Capabilities& capabilities, const TaskTable& tasks);
  Result<std::shared_ptr<grpc::Channel>> DataChannel(std::string& session_id);

  const AdapterOptions& options_;
  const Clock& clock_;
  Lease& lease_;
  SessionEvents& events_;
  const std::string instance_id_;
  std::string replaces_instance_id_;
  std::string previous_session_id_;

  std::mutex mutex_;
  std::shared_ptr<Stream> stream_;  ///< Null without a session.
  std::shared_ptr<grpc::Channel> data_channel_;
  std::string session_id_;
};

}  // namespace meshplay::sdk
