#include "adapters/sdk/internal/session.h"

#include <google/protobuf/unknown_field_set.h>

#include <thread>

#include "adapters/sdk/internal/channel.h"
#include "adapters/sdk/internal/task_table.h"
#include "libs/base/log.h"

namespace meshplay::sdk {

namespace {

constexpr std::chrono::milliseconds kLookEvery{50};
constexpr std::size_t kMaxQueuedFrames = 4'096;
constexpr std::chrono::seconds kWelcomeWithin{20};
constexpr std::chrono::seconds kCloseWithin{
    3};  ///< After Goodbye or Drain: then the stream is cut, which loses nothing.

std::chrono::milliseconds ToMs(const google::protobuf::Duration& duration, std::chrono::milliseconds fallback) {
  const auto ms = std::chrono::milliseconds(duration.seconds() * 1'000 + duration.nanos() / 1'000'000);
  return ms.count() > 0 ? ms : fallback;
}

}  // namespace

/// The open stream with its outbound queue. The writer thread is the only one that writes.
struct Session::Stream {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<pb::AdapterFrame, pb::ServerFrame>> rpc;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<pb::AdapterFrame> queue;
  bool closing = false;  ///< Write what is queued, then half-close.
  bool closed = false;   ///< Nothing is written any more.

  // Heartbeats: when each was sent, and what Welcome agreed on.
  std::map<std::uint64_t, BootTime> sent_heartbeats;
  std::uint64_t next_heartbeat = 1;
  BootTime heartbeat_at{};  ///< When the next one is due.
  BootTime last_heard{};    ///< Welcome or the last acknowledged heartbeat.
  BootTime closing_since{};
  bool welcomed = false;
  BootTime hello_sent{};
  std::string lease_id;
  std::chrono::milliseconds ttl{30'000};
  std::chrono::milliseconds interval{10'000};
  std::chrono::milliseconds guard{5'000};
  std::string cut_because;
  SessionEnd end{Unavailable("HUB_UNREACHABLE", "the session ended"), false, false, {}};
};

Session::Session(const AdapterOptions& options, const Clock& clock, Lease& lease, SessionEvents& events,
                 std::string instance_id, std::string replaces_instance_id)
    : options_(options),
      clock_(clock),
      lease_(lease),
      events_(events),
      instance_id_(std::move(instance_id)),
      replaces_instance_id_(std::move(replaces_instance_id)) {}

void Session::Send(const pb::AdapterFrame& frame) {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    stream = stream_;
  }
  if (!stream) return;
  const std::lock_guard lock(stream->mutex);
  if (stream->closed || stream->closing || !stream->welcomed) return;
  if (stream->queue.size() >= kMaxQueuedFrames) {
    // The peer does not read: end the stream; everything is resumed from what is unacknowledged.
    stream->closed = true;
    stream->context.TryCancel();
    return;
  }
  stream->queue.push_back(frame);
  stream->wake.notify_all();
}

void Session::WriteLoop(Stream& stream) {
  std::unique_lock lock(stream.mutex);
  while (true) {
    stream.wake.wait(lock, [&] { return stream.closed || stream.closing || !stream.queue.empty(); });
    if (stream.closed) return;
    if (stream.queue.empty()) {
      lock.unlock();
      stream.rpc->WritesDone();
      return;
    }
    const pb::AdapterFrame frame = std::move(stream.queue.front());
    stream.queue.pop_front();
    lock.unlock();
    const bool good = stream.rpc->Write(frame);
    lock.lock();
    if (!good) {
      stream.closed = true;
      return;
    }
  }
}

/// Heartbeats, and the ends that no frame brings: no Welcome, no acknowledged heartbeat, a server that does not close.
void Session::HeartbeatLoop(Stream& stream, TaskTable& tasks, const std::stop_token& stop) {
  const auto cut = [&stream](const char* why) {
    if (!stream.closing) stream.cut_because = why;
    stream.closed = true;
    stream.context.TryCancel();
    stream.wake.notify_all();
  };
  std::unique_lock lock(stream.mutex);
  while (!stream.closed) {
    stream.wake.wait_for(lock, kLookEvery, [&] { return stream.closed || (stop.stop_requested() && !stream.closing); });
    if (stream.closed) return;
    lock.unlock();  // the table sends under its own lock
    const std::uint32_t running = tasks.running();
    const std::uint32_t free_slots = tasks.free_slots();
    const std::vector<std::string> unstarted = tasks.Unstarted();
    lock.lock();
    if (stream.closed) return;
    const BootTime now = clock_.NowBoot();
    if (stream.closing) {
      if (stream.closing_since == BootTime{}) stream.closing_since = now;
      if (now - stream.closing_since >= kCloseWithin) return cut("the server did not close the session");
      continue;
    }
    if (stop.stop_requested()) {
      pb::AdapterFrame goodbye;
      goodbye.mutable_goodbye()->set_reason("the adapter is stopping");
      for (const std::string& id : unstarted) goodbye.mutable_goodbye()->add_unstarted_task_ids(id);
      stream.queue.push_back(std::move(goodbye));
      stream.closing = true;
      stream.wake.notify_all();
      continue;
    }
    if (!stream.welcomed) {
      if (now - stream.hello_sent >= kWelcomeWithin) return cut("the server did not answer the Hello");
      continue;
    }
    if (now - stream.last_heard >= stream.ttl) return cut("the server acknowledges no heartbeat");
    if (now < stream.heartbeat_at) continue;
    pb::AdapterFrame frame;
    pb::Heartbeat& heartbeat = *frame.mutable_heartbeat();
    heartbeat.set_lease_id(stream.lease_id);
    heartbeat.set_number(stream.next_heartbeat++);
    heartbeat.set_running_tasks(running);
    heartbeat.set_free_slots(free_slots);
    stream.sent_heartbeats[heartbeat.number()] = now;
    stream.queue.push_back(std::move(frame));
    stream.wake.notify_all();
    stream.heartbeat_at = now + stream.interval;
  }
}

pb::Hello Session::MakeHello(const Identity& identity, const pb::Capabilities& capabilities, const TaskTable& tasks) {
  pb::Hello hello;
  hello.set_adapter_id(identity.adapter_id);
  hello.set_instance_id(instance_id_);
  hello.set_replaces_instance_id(replaces_instance_id_);
  hello.set_min_minor(0);
  hello.set_max_minor(0);
  for (const auto feature : {pb::FEATURE_PLAN, pb::FEATURE_CHECKPOINT, pb::FEATURE_INVENTORY, pb::FEATURE_SECRETS}) {
    hello.add_features(feature);
  }
  hello.mutable_software()->set_name(options_.software_name);
  hello.mutable_software()->set_version(options_.software_version);
  hello.set_capabilities_digest(capabilities.digest());
  hello.set_max_concurrent_tasks(options_.max_concurrent_tasks);
  hello.set_previous_session_id(previous_session_id_);
  for (const pb::TargetClaim& claim : events_.Targets()) *hello.add_targets() = claim;
  for (const pb::TaskSnapshot& snapshot : tasks.Snapshots()) *hello.add_tasks() = snapshot;
  return hello;
}

SessionEnd Session::Run(const Identity& identity, const pb::Capabilities& capabilities, TaskTable& tasks,
                        std::stop_token stop) {
  const auto channel = OpenChannel(identity.hub_address, identity.trust_bundle_pem, &identity);
  const auto stub = pb::AdapterControl::NewStub(channel);
  auto stream = std::make_shared<Stream>();
  pb::AdapterFrame first;
  *first.mutable_hello() = MakeHello(identity, capabilities, tasks);
  stream->rpc = stub->Session(&stream->context);
  stream->hello_sent = clock_.NowBoot();
  stream->queue.push_back(std::move(first));
  {
    const std::lock_guard lock(mutex_);
    stream_ = stream;
    data_channel_ = OpenChannel(identity.hub_address, identity.trust_bundle_pem, &identity);
  }
  std::thread writer([this, stream] { WriteLoop(*stream); });
  std::thread heartbeats([this, stream, &tasks, &stop] { HeartbeatLoop(*stream, tasks, stop); });
  pb::ServerFrame frame;
  while (stream->rpc->Read(&frame)) Handle(frame, capabilities, tasks, *stream);
  {
    const std::lock_guard lock(stream->mutex);
    stream->closed = true;
    stream->wake.notify_all();
  }
  {
    const std::lock_guard lock(mutex_);
    stream_.reset();
    data_channel_.reset();
    if (!session_id_.empty()) previous_session_id_ = session_id_;
    session_id_.clear();
  }
  tasks.Offline();
  writer.join();
  heartbeats.join();
  stream->context.TryCancel();
  const grpc::Status status = stream->rpc->Finish();
  events_.Ended();
  if (stream->welcomed) replaces_instance_id_.clear();  // the server knows now
  SessionEnd end = stream->end;
  end.was_welcomed = stream->welcomed;
  if (!stream->cut_because.empty())
    end.error = Unavailable("HUB_UNREACHABLE", stream->cut_because);
  else if (!status.ok() && end.error.reason() == "HUB_UNREACHABLE")
    end.error = FromGrpc(status, "session with the hub");
  end.refused = end.refused || end.error.reason() == "HUB_REFUSED";
  return end;
}

void Session::Handle(const pb::ServerFrame& frame, const pb::Capabilities& capabilities, TaskTable& tasks,
                     Stream& stream) {
  switch (frame.body_case()) {
    case pb::ServerFrame::kWelcome: {
      const pb::Welcome& welcome = frame.welcome();
      {
        const std::lock_guard lock(stream.mutex);
        stream.welcomed = true;
        stream.last_heard = clock_.NowBoot();
        stream.heartbeat_at = {};  // the first one at once: it renews the lease with a fresh send time
        stream.lease_id = welcome.lease().lease_id();
        stream.ttl = ToMs(welcome.lease().ttl(), stream.ttl);
        stream.interval = ToMs(welcome.lease().heartbeat_interval(), stream.ttl / 3);
        stream.guard = ToMs(welcome.lease().guard(), stream.ttl / 6);
      }
      lease_.Extend(stream.hello_sent, stream.ttl, stream.guard);
      TaskLimits limits;
      if (welcome.limits().max_unacked_updates() > 0)
        limits.max_unacked_updates = welcome.limits().max_unacked_updates();
      if (welcome.limits().max_updates_per_second() > 0) {
        limits.max_updates_per_second = welcome.limits().max_updates_per_second();
      }
      tasks.SetLimits(limits);
      std::shared_ptr<grpc::Channel> data;
      {
        const std::lock_guard lock(mutex_);
        session_id_ = welcome.session_id();
        data = data_channel_;
      }
      for (const pb::TaskDirective& directive : welcome.directives()) tasks.HandleDirective(directive);
      if (welcome.send_capabilities()) {
        pb::AdapterFrame answer;
        *answer.mutable_capabilities() = capabilities;
        Send(answer);
      }
      LogInfo("session open", {{log_key::kSessionId, welcome.session_id()}});
      events_.Welcomed(welcome, data);
      break;
    }
    case pb::ServerFrame::kSessionError: {
      const pb::Error& error = frame.session_error().error();
      stream.end.error = Unavailable(error.reason(), error.message()).WithRemediation(error.remediation());
      stream.end.refused = error.error_class() == pb::ERROR_CLASS_AUTH || error.reason() == "VERSION_UNSUPPORTED";
      stream.end.reconnect_after = ToMs(frame.session_error().reconnect_after(), {});
      break;
    }
    case pb::ServerFrame::kHeartbeatAck: {
      BootTime sent{};
      std::chrono::milliseconds ttl{};
      {
        const std::lock_guard lock(stream.mutex);
        const auto found = stream.sent_heartbeats.find(frame.heartbeat_ack().number());
        if (found == stream.sent_heartbeats.end()) break;
        sent = found->second;
        ttl = ToMs(frame.heartbeat_ack().ttl(), stream.ttl);
        stream.last_heard = clock_.NowBoot();
        stream.ttl = ttl;
        stream.sent_heartbeats.erase(stream.sent_heartbeats.begin(), std::next(found));
      }
      lease_.Extend(sent, ttl, stream.guard);
      break;
    }
    case pb::ServerFrame::kTaskOffer:
      tasks.HandleOffer(frame.task_offer());
      break;
    case pb::ServerFrame::kTaskAck:
      tasks.HandleAck(frame.task_ack());
      break;
    case pb::ServerFrame::kCancelTask:
      tasks.HandleCancel(frame.cancel_task());
      break;
    case pb::ServerFrame::kTaskDirective:
      tasks.HandleDirective(frame.task_directive());
      break;
    case pb::ServerFrame::kInventoryDirective:
      events_.Directed(frame.inventory_directive());
      break;
    case pb::ServerFrame::kCapabilitiesRequest: {
      pb::AdapterFrame answer;
      *answer.mutable_capabilities() = capabilities;
      Send(answer);
      break;
    }
    case pb::ServerFrame::kDrain: {
      stream.end.error = Unavailable("HUB_DRAINING", "the server is going away");
      stream.end.reconnect_after = ToMs(frame.drain().reconnect_after(), std::chrono::milliseconds(1'000));
      const std::lock_guard lock(stream.mutex);
      stream.closing = true;  // what is queued still goes out
      stream.wake.notify_all();
      break;
    }
    case pb::ServerFrame::kNack:
      LogWarning("the server could not use a frame",
                 {{"about", frame.nack().about()}, {log_key::kReason, frame.nack().error().reason()}});
      break;
    case pb::ServerFrame::BODY_NOT_SET: {
      pb::AdapterFrame nack;
      *nack.mutable_nack()->mutable_error() = MakeError("UNSUPPORTED_FRAME", pb::ERROR_CLASS_INVALID,
                                                        pb::SIDE_EFFECTS_NONE, "this frame is not known here");
      const auto& unknown = pb::ServerFrame::GetReflection()->GetUnknownFields(frame);
      if (!unknown.empty()) nack.mutable_nack()->set_about("field:" + std::to_string(unknown.field(0).number()));
      Send(nack);
      break;
    }
  }
}

Result<std::shared_ptr<grpc::Channel>> Session::DataChannel(std::string& session_id) {
  const std::lock_guard lock(mutex_);
  if (!data_channel_ || session_id_.empty())
    return Unavailable("HUB_UNREACHABLE", "there is no session with the server");
  session_id = session_id_;
  return data_channel_;
}

Result<pb::ResolveSecretsResponse> Session::ResolveSecrets(pb::ResolveSecretsRequest request) {
  std::string session_id;
  MP_TRY(const auto channel, DataChannel(session_id));
  request.set_session_id(session_id);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  pb::ResolveSecretsResponse reply;
  const grpc::Status status = pb::AdapterData::NewStub(channel)->ResolveSecrets(&context, request, &reply);
  if (!status.ok()) return FromGrpc(status, "ask for a secret");
  return reply;
}

Result<pb::SecretRef> Session::StoreSecret(pb::StoreSecretRequest request) {
  std::string session_id;
  MP_TRY(const auto channel, DataChannel(session_id));
  request.set_session_id(session_id);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  pb::SecretRef reply;
  const grpc::Status status = pb::AdapterData::NewStub(channel)->StoreSecret(&context, request, &reply);
  if (!status.ok()) return FromGrpc(status, "store a secret");
  return reply;
}

}  // namespace meshplay::sdk
