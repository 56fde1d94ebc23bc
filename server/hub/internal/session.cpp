// The stream of a session: reading, writing, ending.
#include "server/hub/internal/session.h"

#include <utility>

#include "libs/base/ids.h"
#include "libs/base/log.h"
#include "server/hub/convert_task.h"
#include "server/hub/internal/frame_check.h"
#include "server/hub/internal/identity.h"
#include "server/hub/internal/registry.h"
#include "server/hub/internal/status.h"

namespace meshplay::hub {
namespace {

constexpr std::size_t kReadAheadFrames = 64;
constexpr std::size_t kReadAheadBytes = 8 * 1024 * 1024;
constexpr std::chrono::milliseconds kFinishBound{2'000};
constexpr std::chrono::milliseconds kReconnectSoon{1'000};

/// Answers a stream that gets no session.
class Refusal final : public Session::Reactor {
 public:
  explicit Refusal(const Error& error) { Finish(ToGrpcStatus(error)); }

 private:
  void OnDone() override { delete this; }
};

}  // namespace

/// gRPC's end of a session. Deletes itself in OnDone.
class Session::Stream final : public Session::Reactor {
 public:
  explicit Stream(std::shared_ptr<Session> session) : session_(std::move(session)) {}

 private:
  void OnReadDone(bool ok) override { session_->ReadDone(ok); }
  void OnWriteDone(bool ok) override { session_->WriteDone(ok); }
  void OnCancel() override { session_->End(Error(ErrorCode::kCancelled, "STREAM_BROKEN", "the stream broke")); }
  void OnDone() override {
    session_->StreamEnded();
    delete this;
  }
  const std::shared_ptr<Session> session_;
};

Session::Reactor* Session::Start(Context& context, grpc::CallbackServerContext& call) {
  auto adapter_id = PeerAdapterId(call, context.authority.trust_domain());
  if (!adapter_id) {
    context.counters.sessions_refused += 1;
    return new Refusal(adapter_id.error());
  }
  auto session = std::make_shared<Session>(context, *adapter_id, call);
  if (!context.registry.Add(session)) {
    context.counters.sessions_refused += 1;
    return new Refusal(Unavailable("DRAINING", "this server goes away; connect again later"));
  }
  auto* stream = new Stream(session);
  session->StreamStarted(stream);
  return stream;
}

Session::Session(Context& context, std::string adapter_id, grpc::CallbackServerContext& call)
    : context_(context),
      adapter_id_(std::move(adapter_id)),
      session_id_(NewUuidV7()),
      started_(context.clock.NowBoot()),
      strand_(std::make_shared<Strand>(context.pool)),
      call_(&call),
      last_heartbeat_(started_) {}

bool Session::ending() const {
  const std::lock_guard lock(mutex_);
  return finish_.has_value();
}

void Session::StreamStarted(Stream* stream) {
  const std::lock_guard lock(mutex_);
  stream_ = stream;
  ReadNext();
}

void Session::ReadNext() {
  if (reading_ || read_ended_ || stream_ == nullptr || finish_) return;
  if (queued_frames_ >= kReadAheadFrames || queued_bytes_ >= kReadAheadBytes) return;
  reading_ = true;
  stream_->StartRead(&incoming_);
}

void Session::ReadDone(bool ok) {
  const BootTime received = context_.clock.NowBoot();
  pb::AdapterFrame frame;
  {
    const std::lock_guard lock(mutex_);
    if (!ok) {
      reading_ = false;
      read_ended_ = true;
    } else {
      frame.Swap(&incoming_);
      incoming_.Clear();
    }
  }
  if (!ok) {
    // What was read before is handled first: a result may be among it.
    strand_->PostOrRun([self = shared_from_this()] { self->End(std::nullopt); });
    return;
  }
  context_.counters.frames_received += 1;
  bool open = false;
  {
    const std::lock_guard lock(mutex_);
    open = stage_ == Stage::kOpen && !finish_;
  }
  if (open && frame.body_case() == pb::AdapterFrame::kHeartbeat) {
    Heartbeat(frame.heartbeat(), received);
    const std::lock_guard lock(mutex_);
    reading_ = false;
    ReadNext();
    return;
  }
  const std::size_t bytes = frame.ByteSizeLong();
  {
    const std::lock_guard lock(mutex_);
    queued_frames_ += 1;
    queued_bytes_ += bytes;
  }
  const bool posted = strand_->Post([self = shared_from_this(), frame = std::move(frame), bytes] {
    try {
      self->Handle(frame);
    } catch (const std::exception& error) {
      LogError("a frame could not be handled",
               {{log_key::kSessionId, self->session_id_}, {log_key::kError, error.what()}});
      self->End(Internal("INTERNAL_BUG", "the server failed to handle a frame"));
    }
    const std::lock_guard lock(self->mutex_);
    self->queued_frames_ -= 1;
    self->queued_bytes_ -= bytes;
    self->ReadNext();
  });
  if (!posted) End(Unavailable("HUB_BUSY", "the hub has too much to do; connect again later"));
  // Only now, whoever asks for it: the next frame comes on another thread and must be queued behind this one.
  const std::lock_guard lock(mutex_);
  reading_ = false;
  ReadNext();
}

void Session::Heartbeat(const pb::Heartbeat& heartbeat, BootTime received) {
  {
    const std::lock_guard lock(mutex_);
    last_heartbeat_ = received;
  }
  const std::uint64_t number = heartbeat.number();
  const bool posted = context_.pool.TryPost([self = shared_from_this(), number, received] {
    const Status renewed = self->context_.engine.Heartbeat(self->session_id_, received);
    if (!renewed) return self->Settle(renewed, "heartbeat");
    pb::ServerFrame frame;
    frame.mutable_heartbeat_ack()->set_number(number);
    *frame.mutable_heartbeat_ack()->mutable_ttl() = ToProto(self->context_.options.lease_ttl);
    self->Enqueue(std::move(frame));
  });
  if (!posted) End(Unavailable("HUB_BUSY", "the hub has too much to do; connect again later"));
}

void Session::WriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (!ok) {
      outbound_.clear();
      EndLocked(Error(ErrorCode::kCancelled, "STREAM_BROKEN", "the stream broke"));
    }
    Pump();
  }
  if (!ok) PostClose();
}

void Session::Pump() {
  if (stream_ == nullptr || writing_ || finished_) return;
  if (!outbound_.empty()) {
    outgoing_ = std::move(outbound_.front());
    outbound_.pop_front();
    writing_ = true;
    context_.counters.frames_sent += 1;
    stream_->StartWrite(&outgoing_);
  } else if (finish_) {
    finished_ = true;
    stream_->Finish(*finish_);
  }
}

void Session::Enqueue(pb::ServerFrame frame) {
  {
    const std::lock_guard lock(mutex_);
    if (stream_ == nullptr || finish_) return;
    if (outbound_.size() + held_.size() < context_.options.max_queued_frames) {
      (stage_ == Stage::kOpen ? outbound_ : held_).push_back(std::move(frame));
      Pump();
      return;
    }
    outbound_.clear();
    EndLocked(Error(ErrorCode::kResourceExhausted, "SESSION_OVERFLOW", "the adapter does not read its frames"));
  }
  PostClose();
}

void Session::End(std::optional<Error> error) {
  {
    const std::lock_guard lock(mutex_);
    EndLocked(error);
    Pump();
  }
  PostClose();
}

void Session::EndLocked(const std::optional<Error>& error) {
  if (finish_) return;
  finish_ = error ? ToGrpcStatus(*error) : grpc::Status::OK;
  finish_since_ = context_.clock.NowBoot();
  if (!error) return;
  LogInfo(
      "session ends",
      {{log_key::kAdapterId, adapter_id_}, {log_key::kSessionId, session_id_}, {log_key::kReason, error->reason()}});
}

void Session::PostClose() {
  const std::lock_guard lock(mutex_);
  if (!finish_ || close_posted_) return;
  // Never on this thread: it may be the engine's. A pool that is full now is tried again at the next tick.
  close_posted_ = strand_->Post([self = shared_from_this()] { self->Close(); });
}

void Session::StreamEnded() {
  bool over = false;
  {
    const std::lock_guard lock(mutex_);
    stream_ = nullptr;
    call_ = nullptr;
    finished_ = true;
    outbound_.clear();
    held_.clear();
    EndLocked(std::nullopt);
    over = closed_;
  }
  PostClose();
  if (over) context_.registry.Forget(*this);
}

void Session::Tick(BootTime now, bool leases_count) {
  std::vector<engine::TaskDirective> due;
  bool drain = false;
  {
    const std::lock_guard lock(mutex_);
    if (finish_ && call_ != nullptr && now - finish_since_ > kFinishBound) call_->TryCancel();
    if (finish_) {
      again_.clear();
    } else if (stage_ == Stage::kHello && now - started_ > context_.options.hello_timeout) {
      EndLocked(Error(ErrorCode::kDeadlineExceeded, "HELLO_TIMEOUT", "no Hello came in time"));
    } else if (stage_ == Stage::kOpen && leases_count && now - last_heartbeat_ > context_.options.lease_ttl) {
      EndLocked(Unavailable("LEASE_EXPIRED", "the lease ran out without a heartbeat"));
    }
    for (auto entry = again_.begin(); entry != again_.end();) {
      if (entry->first > now) {
        ++entry;
        continue;
      }
      due.push_back(entry->second);
      entry = again_.erase(entry);
    }
    drain = !finish_ && !drain_sent_ && stage_ == Stage::kOpen && now - started_ > context_.options.max_session_age;
    Pump();
  }
  PostClose();
  for (const engine::TaskDirective& directive : due) Send(directive);
  if (drain) SendDrain("the session is old", kReconnectSoon);
}

bool Session::ClaimsAny(const std::set<std::string>& cluster_uids) const {
  const std::lock_guard lock(mutex_);
  if (stage_ != Stage::kOpen || finish_) return false;
  for (const std::string& uid : cluster_uids) {
    if (clusters_.count(uid) != 0) return true;
  }
  return false;
}

void Session::WhenManifestKnown(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (manifest_pending_ && !finish_) {
      manifest_waiters_.push_back(std::move(task));
      return;
    }
  }
  strand_->PostOrRun(task);
}

void Session::WhenClosed(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      close_waiters_.push_back(std::move(task));
      return;
    }
  }
  task();
}

void Session::ManifestKnown() {
  std::vector<std::function<void()>> waiters;
  {
    const std::lock_guard lock(mutex_);
    manifest_pending_ = false;
    waiters.swap(manifest_waiters_);
  }
  for (const auto& task : waiters) strand_->PostOrRun(task);
}

void Session::Send(const engine::TaskOffer& offer) {
  auto wire = ToProto(offer);
  if (!wire) {
    LogError("an offer cannot be sent",
             {{log_key::kOperationId, offer.operation_id}, {log_key::kReason, wire.error().reason()}});
    return;
  }
  pb::ServerFrame frame;
  *frame.mutable_task_offer() = std::move(*wire);
  Enqueue(std::move(frame));
}

void Session::Send(const engine::TaskAck& ack) {
  pb::ServerFrame frame;
  *frame.mutable_task_ack() = ToProto(ack);
  Enqueue(std::move(frame));
}

void Session::Send(const engine::CancelRequest& cancel) {
  pb::ServerFrame frame;
  *frame.mutable_cancel_task() = ToProto(cancel);
  Enqueue(std::move(frame));
}

void Session::Send(const engine::TaskDirective& directive) {
  pb::ServerFrame frame;
  *frame.mutable_task_directive() = ToProto(directive);
  Enqueue(std::move(frame));
}

void Session::SendDrain(const std::string& reason, std::chrono::milliseconds reconnect_after) {
  {
    const std::lock_guard lock(mutex_);
    drain_sent_ = true;
  }
  pb::ServerFrame frame;
  frame.mutable_drain()->set_reason(reason);
  *frame.mutable_drain()->mutable_reconnect_after() = ToProto(reconnect_after);
  Enqueue(std::move(frame));
}

void Session::Nack(const Error& error, const std::string& about) {
  context_.counters.nacks_sent += 1;
  pb::ServerFrame frame;
  *frame.mutable_nack()->mutable_error() = ToProtoError(error);
  frame.mutable_nack()->set_about(about);
  Enqueue(std::move(frame));
  LogWarning(
      "frame refused",
      {{log_key::kAdapterId, adapter_id_}, {log_key::kSessionId, session_id_}, {log_key::kReason, error.reason()}});
  const BootTime now = context_.clock.NowBoot();
  {
    const std::lock_guard lock(mutex_);
    nacks_.push_back(now);
    while (now - nacks_.front() > std::chrono::minutes(1)) nacks_.pop_front();
    if (nacks_.size() <= context_.options.max_nacks) return;
  }
  End(Error(ErrorCode::kResourceExhausted, "NACK_LIMIT", "too many frames that this server cannot use"));
}

void Session::Refuse(const Error& error, std::chrono::milliseconds reconnect_after) {
  context_.counters.sessions_refused += 1;
  pb::ServerFrame frame;
  *frame.mutable_session_error()->mutable_error() = ToProtoError(error);
  *frame.mutable_session_error()->mutable_reconnect_after() = ToProto(reconnect_after);
  {
    const std::lock_guard lock(mutex_);
    if (!finish_) outbound_.push_back(std::move(frame));
  }
  End(error);
}

}  // namespace meshplay::hub
