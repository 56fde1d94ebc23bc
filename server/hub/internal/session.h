#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"
#include "meshplay/adapter/v1/adapter.pb.h"
#include "server/engine/task.h"
#include "server/hub/internal/context.h"
#include "server/hub/internal/strand.h"

namespace meshplay::hub {

namespace pb = meshplay::adapter::v1;

/// One stream of an adapter, from its first byte until it is over in the engine and the inventory.
///
/// Frames are read ahead up to a bound and handled one after the other on the session's strand; heartbeats go around
/// it, so that a slow commit does not cost the lease. Frames to the adapter wait in a bounded queue, one write at a
/// time; before Welcome they are held back.
/// Threads: public methods from any thread. Ownership: shared by gRPC's reactor, the registry and the engine.
class Session final : public engine::AdapterLink, public std::enable_shared_from_this<Session> {
 public:
  using Reactor = grpc::ServerBidiReactor<pb::AdapterFrame, pb::ServerFrame>;

  /// The reactor of a new stream. A peer without an identity gets its refusal.
  static Reactor* Start(Context& context, grpc::CallbackServerContext& call);

  Session(Context& context, std::string adapter_id, grpc::CallbackServerContext& call);
  ~Session() override = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::string& adapter_id() const { return adapter_id_; }
  const std::string& session_id() const { return session_id_; }
  bool ending() const;

  // engine::AdapterLink
  void Send(const engine::TaskOffer& offer) override;
  void Send(const engine::TaskAck& ack) override;
  void Send(const engine::CancelRequest& cancel) override;
  void Send(const engine::TaskDirective& directive) override;

  void SendDrain(const std::string& reason, std::chrono::milliseconds reconnect_after);
  /// Ends the stream with the error's status once what is queued has left; nullopt is an orderly end.
  void End(std::optional<Error> error);
  /// Once a tick, for everything that waits for time.
  void Tick(BootTime now, bool leases_count);
  bool ClaimsAny(const std::set<std::string>& cluster_uids) const;
  /// Tells the adapter, on the strand, which clusters' inventory is wanted, as far as that changed.
  void SyncAssignments();
  /// Runs `task` on the strand when the manifest that was asked for is there, at the latest at the end of the session.
  void WhenManifestKnown(std::function<void()> task);
  /// Runs `task` when the session is over; at once when it is already.
  void WhenClosed(std::function<void()> task);

 private:
  class Stream;
  enum class Stage { kHello, kOpen };

  // From the reactor.
  void StreamStarted(Stream* stream);
  void ReadDone(bool ok);
  void WriteDone(bool ok);
  void StreamEnded();

  // On the strand.
  void Handle(const pb::AdapterFrame& frame);
  void HandleHello(const pb::Hello& hello);
  Status Open(const pb::Hello& hello);
  void HandleTaskUpdate(const pb::TaskUpdate& update);
  void HandleTaskResult(const pb::TaskResult& result);
  void HandleCapabilities(const pb::Capabilities& capabilities);
  void HandleTargetReport(const pb::TargetReport& report);
  void HandleGoodbye(const pb::Goodbye& goodbye);
  void Close();

  /// Has Close() run on the strand, once, as soon as the stream is ending.
  void PostClose();
  void Heartbeat(const pb::Heartbeat& heartbeat, BootTime received);
  /// Nacks what the adapter got wrong, asks again later for what the store cannot take now, ends what cannot go on.
  void Settle(const Status& outcome, const std::string& about,
              const std::optional<engine::TaskDirective>& again = std::nullopt);
  void Nack(const Error& error, const std::string& about);
  void Refuse(const Error& error, std::chrono::milliseconds reconnect_after);
  void ManifestKnown();
  void Enqueue(pb::ServerFrame frame);

  // With mutex_ held.
  void Pump();
  void ReadNext();
  void EndLocked(const std::optional<Error>& error);

  Context& context_;
  const std::string adapter_id_;
  const std::string session_id_;
  const BootTime started_;
  const std::shared_ptr<Strand> strand_;

  mutable std::mutex mutex_;
  grpc::CallbackServerContext* call_;  ///< Null once the stream has ended.
  Stream* stream_ = nullptr;           ///< Likewise.
  Stage stage_ = Stage::kHello;
  pb::AdapterFrame incoming_;
  bool reading_ = false;
  bool read_ended_ = false;
  std::size_t queued_frames_ = 0;  ///< Read and not handled yet.
  std::size_t queued_bytes_ = 0;
  pb::ServerFrame outgoing_;
  std::deque<pb::ServerFrame> outbound_;
  std::deque<pb::ServerFrame> held_;  ///< For after Welcome.
  bool writing_ = false;
  std::optional<grpc::Status> finish_;
  BootTime finish_since_;
  bool finished_ = false;
  bool close_posted_ = false;
  bool closed_ = false;
  bool drain_sent_ = false;
  BootTime last_heartbeat_;
  std::deque<BootTime> nacks_;
  std::vector<std::pair<BootTime, engine::TaskDirective>> again_;
  std::set<std::string> clusters_;
  bool manifest_pending_ = false;
  std::vector<std::function<void()>> manifest_waiters_;
  std::vector<std::function<void()>> close_waiters_;

  // Used on the strand only.
  bool hello_seen_ = false;
  bool admitted_ = false;
  bool engine_open_ = false;
  bool inventory_feature_ = false;
  std::map<std::string, bool> assignments_;  ///< As the adapter was told last.
};

}  // namespace meshplay::hub
