// What the frames of a session mean.
#include <algorithm>

#include "libs/base/log.h"
#include "server/hub/convert_inventory.h"
#include "server/hub/convert_task.h"
#include "server/hub/internal/frame_check.h"
#include "server/hub/internal/proto_json.h"
#include "server/hub/internal/registry.h"
#include "server/hub/internal/session.h"

namespace meshplay::hub {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMinMinor = 0;
constexpr std::uint32_t kMaxMinor = 1;
constexpr std::chrono::milliseconds kAskAgain{2'000};
constexpr std::size_t kMaxWaitingManifestBytes = 1024 * 1024;

const std::vector<pb::Feature>& OurFeatures() {
  static const std::vector<pb::Feature> features = {pb::FEATURE_PLAN, pb::FEATURE_CHECKPOINT, pb::FEATURE_INVENTORY,
                                                    pb::FEATURE_SECRETS, pb::FEATURE_CONFORMANCE_RUN};
  return features;
}

std::vector<pb::Feature> CommonFeatures(const pb::Hello& hello) {
  std::vector<pb::Feature> common;
  for (const pb::Feature feature : OurFeatures()) {
    const auto& theirs = hello.features();
    if (std::find(theirs.begin(), theirs.end(), static_cast<int>(feature)) != theirs.end()) common.push_back(feature);
  }
  return common;
}

Status CheckHello(const pb::Hello& hello, const std::string& adapter_id) {
  if (!hello.adapter_id().empty() && hello.adapter_id() != adapter_id) {
    return Error(ErrorCode::kPermissionDenied, "IDENTITY_MISMATCH",
                 "the Hello names another adapter than the certificate");
  }
  if (hello.min_minor() > kMaxMinor || hello.max_minor() < kMinMinor || hello.max_minor() < hello.min_minor()) {
    return FailedPrecondition("VERSION_UNSUPPORTED", "the adapter and this server have no protocol version in common")
        .WithMetadata("server", "v1." + std::to_string(kMinMinor) + "..v1." + std::to_string(kMaxMinor))
        .WithMetadata("adapter",
                      "v1." + std::to_string(hello.min_minor()) + "..v1." + std::to_string(hello.max_minor()))
        .WithRemediation("Upgrade the older of the two.");
  }
  if (hello.instance_id().empty()) {
    return InvalidArgument("FRAME_INVALID", "a Hello needs an instance_id")
        .WithViolation("/hello/instance_id", "empty");
  }
  return {};
}

std::chrono::milliseconds ReconnectAfter(const Error& error) {
  if (error.reason() == "VERSION_UNSUPPORTED") return 5min;
  if (error.code() == ErrorCode::kPermissionDenied || error.code() == ErrorCode::kUnauthenticated) return 1min;
  return error.retry_after().value_or(5s);
}

engine::SessionHello EngineHello(const pb::Hello& hello, const std::string& adapter_id, const std::string& session_id) {
  engine::SessionHello converted;
  converted.session_id = session_id;
  converted.adapter_id = adapter_id;
  converted.instance_id = hello.instance_id();
  converted.replaces_instance_id = hello.replaces_instance_id();
  converted.max_concurrent_tasks = std::max<std::uint32_t>(1, hello.max_concurrent_tasks());
  for (const pb::TaskSnapshot& task : hello.tasks()) converted.tasks.push_back(FromProto(task));
  return converted;
}

pb::Welcome MakeWelcome(const HubOptions& options, const pb::Hello& hello, const std::string& session_id,
                        std::uint64_t epoch, UnixMs now) {
  pb::Welcome welcome;
  welcome.set_session_id(session_id);
  welcome.set_minor(std::min(kMaxMinor, hello.max_minor()));
  for (const pb::Feature feature : CommonFeatures(hello)) welcome.add_features(feature);
  pb::Lease& lease = *welcome.mutable_lease();
  lease.set_lease_id(session_id);
  *lease.mutable_ttl() = ToProto(options.lease_ttl);
  *lease.mutable_heartbeat_interval() = ToProto(options.lease_ttl / 3);
  *lease.mutable_guard() = ToProto(options.lease_ttl / 6);
  pb::Limits& limits = *welcome.mutable_limits();
  limits.set_max_frame_bytes(options.max_frame_bytes);
  limits.set_max_updates_per_second(options.max_updates_per_second);
  limits.set_max_unacked_updates(options.max_unacked_updates);
  limits.set_max_nacks(options.max_nacks);
  *limits.mutable_step_timeout() = ToProto(options.step_timeout);
  welcome.set_server_instance(options.server_instance);
  welcome.set_server_epoch(epoch);
  welcome.mutable_server_time()->set_seconds(now / 1000);
  return welcome;
}

/// A store that is full or slow will take the frame later; nothing is lost, it stays in the adapter's outbox.
bool IsForLater(const Error& error) {
  return error.reason() == "STORAGE_FULL" || error.reason() == "STORE_BUSY";
}

}  // namespace

void Session::Handle(const pb::AdapterFrame& frame) {
  if (ending() && frame.body_case() != pb::AdapterFrame::kTaskResult) return;
  const Status checked = CheckFrame(frame, context_.options.max_frame_bytes);
  const bool waiting_for_hello = !hello_seen_;
  if (waiting_for_hello) {
    if (checked && frame.body_case() == pb::AdapterFrame::kHello) return HandleHello(frame.hello());
    const Error error = checked ? InvalidArgument("FRAME_INVALID", "the first frame must be Hello") : checked.error();
    return Refuse(error, ReconnectAfter(error));
  }
  if (!checked) return Nack(checked.error(), BodyName(frame));
  if (!engine_open_) return;  // refused, or over
  switch (frame.body_case()) {
    case pb::AdapterFrame::kHello:
      return Nack(InvalidArgument("FRAME_INVALID", "a session has one Hello"), "hello");
    case pb::AdapterFrame::kHeartbeat:
      return Heartbeat(frame.heartbeat(), context_.clock.NowBoot());
    case pb::AdapterFrame::kOfferReply: {
      const auto reply = FromProto(frame.offer_reply());
      const std::string& task = frame.offer_reply().task_id();
      return Settle(reply ? context_.engine.HandleOfferReply(session_id_, *reply) : Status(reply.error()), task);
    }
    case pb::AdapterFrame::kTaskUpdate:
      return HandleTaskUpdate(frame.task_update());
    case pb::AdapterFrame::kTaskResult:
      return HandleTaskResult(frame.task_result());
    case pb::AdapterFrame::kCancelReply: {
      const pb::CancelReply& reply = frame.cancel_reply();
      const bool stopping = reply.decision() == pb::CANCEL_DECISION_STOPPING;
      return Settle(context_.engine.HandleCancelReply(session_id_, reply.task_id(), reply.attempt(), stopping),
                    reply.task_id());
    }
    case pb::AdapterFrame::kCapabilities:
      return HandleCapabilities(frame.capabilities());
    case pb::AdapterFrame::kHealth:
      return Settle(context_.inventory.ReportHealth(adapter_id_, ConditionsJson(frame.health().conditions())),
                    "health");
    case pb::AdapterFrame::kTargetReport:
      return HandleTargetReport(frame.target_report());
    case pb::AdapterFrame::kGoodbye:
      return HandleGoodbye(frame.goodbye());
    case pb::AdapterFrame::kNack:
      return LogWarning("the adapter refused a frame", {{log_key::kAdapterId, adapter_id_},
                                                        {log_key::kSessionId, session_id_},
                                                        {log_key::kReason, frame.nack().error().reason()}});
    case pb::AdapterFrame::BODY_NOT_SET:
      break;
  }
  Nack(InvalidArgument("UNSUPPORTED_FRAME", "this server does not know the frame"), BodyName(frame));
}

void Session::HandleHello(const pb::Hello& hello) {
  hello_seen_ = true;
  if (const Status checked = CheckHello(hello, adapter_id_); !checked) {
    return Refuse(checked.error(), ReconnectAfter(checked.error()));
  }
  const auto again = [self = shared_from_this(), hello] {
    self->strand_->PostOrRun([self, hello] { self->HandleHello(hello); });
  };
  if (ending()) return;
  switch (context_.registry.Admit(shared_from_this(), hello.instance_id(), hello.replaces_instance_id(), again)) {
    case Registry::Admission::kWait:
      return;
    case Registry::Admission::kConflict: {
      const Error error = Aborted("INSTANCE_CONFLICT", "another process with this identity holds a session")
                              .WithRemediation("Stop the other process, or wait until its lease is over.");
      return Refuse(error, context_.options.lease_ttl / 3);
    }
    case Registry::Admission::kAdmitted:
      break;
  }
  admitted_ = true;
  const Status opened = Open(hello);
  if (!opened) Refuse(opened.error(), ReconnectAfter(opened.error()));
}

Status Session::Open(const pb::Hello& hello) {
  inventory::AdapterSession session;
  session.adapter_id = adapter_id_;
  session.session_id = session_id_;
  session.instance_id = hello.instance_id();
  session.minor = std::min(kMaxMinor, hello.max_minor());
  session.max_concurrent_tasks = std::max<std::uint32_t>(1, hello.max_concurrent_tasks());
  session.software_name = hello.software().name();
  session.software_version = hello.software().version();
  session.capabilities_digest = hello.capabilities_digest();
  std::set<std::string> clusters;
  for (const pb::TargetClaim& claim : hello.targets()) {
    session.claims.push_back(FromProto(claim));
    clusters.insert(claim.target().cluster_uid());
  }
  std::uint64_t epoch = 0;
  const auto read = [&](store::Reader& reader) -> Status {
    MP_TRY(const store::EventHorizon horizon, reader.Horizon());
    epoch = horizon.epoch;
    return {};
  };
  MP_CHECK(context_.store.Read(read));
  MP_TRY(const bool ask, context_.inventory.SessionOpened(session));
  engine_open_ = true;  // from here on Close() has something to undo
  MP_TRY(const std::vector<engine::TaskDirective> directives,
         context_.engine.SessionOpened(EngineHello(hello, adapter_id_, session_id_), shared_from_this()));

  pb::ServerFrame frame;
  pb::Welcome& welcome = *frame.mutable_welcome();
  welcome = MakeWelcome(context_.options, hello, session_id_, epoch, context_.clock.NowUnixMs());
  welcome.set_send_capabilities(ask);
  for (const engine::TaskDirective& directive : directives) *welcome.add_directives() = ToProto(directive);
  const auto& features = welcome.features();
  inventory_feature_ =
      std::find(features.begin(), features.end(), static_cast<int>(pb::FEATURE_INVENTORY)) != features.end();
  {
    const std::lock_guard lock(mutex_);
    if (finish_) return {};
    stage_ = Stage::kOpen;
    last_heartbeat_ = context_.clock.NowBoot();
    clusters_ = clusters;
    manifest_pending_ = ask;
    outbound_.push_back(std::move(frame));
    for (pb::ServerFrame& held : held_) outbound_.push_back(std::move(held));
    held_.clear();
    Pump();
  }
  context_.counters.sessions_opened += 1;
  LogInfo("session open", {{log_key::kAdapterId, adapter_id_}, {log_key::kSessionId, session_id_}});
  context_.registry.AssignmentsMayHaveChanged(clusters);
  return {};
}

void Session::HandleTaskUpdate(const pb::TaskUpdate& update) {
  const engine::TaskDirective again{update.task_id(), update.attempt(), engine::Directive::kContinue, update.seq()};
  Settle(context_.engine.HandleUpdate(session_id_, FromProto(update)), update.task_id(), again);
}

void Session::HandleTaskResult(const pb::TaskResult& wire) {
  const auto result = FromProto(wire);
  if (!result) return Nack(result.error(), wire.task_id());
  const engine::TaskDirective again{wire.task_id(), wire.attempt(), engine::Directive::kContinue, wire.seq()};
  const Status handled = context_.engine.HandleResult(session_id_, *result);
  Settle(handled, wire.task_id(), again);
  if (!handled || result->detection_json.empty()) return;
  std::optional<store::OperationRecord> operation;
  const auto read = [&](store::Reader& reader) -> Status {
    MP_TRY(operation, reader.FindOperation("", wire.task_id()));
    return {};
  };
  const Status found = context_.store.Read(read);
  if (!found || !operation || operation->kind != store::TaskKind::kDetect) return;
  const Status applied =
      context_.inventory.ApplyDetection(operation->cluster_uid, operation->mesh_type, result->detection_json);
  if (!applied) {
    LogWarning("a detection could not be kept",
               {{log_key::kOperationId, wire.task_id()}, {log_key::kReason, applied.error().reason()}});
  }
}

void Session::HandleCapabilities(const pb::Capabilities& capabilities) {
  auto json = ToJson(capabilities);
  if (json && json->size() > kMaxWaitingManifestBytes) {
    json = InvalidArgument("MANIFEST_TOO_LARGE", "the adapter's manifest is larger than 1 MiB");
  }
  const Status accepted =
      json ? context_.inventory.AcceptManifest(adapter_id_, capabilities.digest(), *json) : Status(json.error());
  Settle(accepted, "capabilities");
  ManifestKnown();
}

void Session::HandleTargetReport(const pb::TargetReport& report) {
  const inventory::Claim claim = FromProto(report);
  const Status reported = context_.inventory.ReportTarget(adapter_id_, claim);
  Settle(reported, "target_report");
  if (!reported) return;
  {
    const std::lock_guard lock(mutex_);
    clusters_.insert(claim.cluster_uid);
  }
  context_.registry.AssignmentsMayHaveChanged({claim.cluster_uid});
}

void Session::HandleGoodbye(const pb::Goodbye& goodbye) {
  const std::vector<std::string> unstarted(goodbye.unstarted_task_ids().begin(), goodbye.unstarted_task_ids().end());
  Settle(context_.engine.HandleGoodbye(session_id_, unstarted), "goodbye");
  End(std::nullopt);
}

void Session::Settle(const Status& outcome, const std::string& about,
                     const std::optional<engine::TaskDirective>& again) {
  if (outcome) return;
  const Error& error = outcome.error();
  if (IsForLater(error)) {
    LogWarning("the store cannot take a frame now",
               {{log_key::kSessionId, session_id_}, {log_key::kReason, error.reason()}});
    const std::lock_guard lock(mutex_);
    if (again) again_.emplace_back(context_.clock.NowBoot() + kAskAgain, *again);
    return;
  }
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
      return Nack(error, about);
    case ErrorCode::kInternal:
    case ErrorCode::kDataLoss:
      return End(Unavailable("HUB_FAILED", "the server could not keep a frame; it is resumed later"));
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
      return End(error);
    default:  // the session is not what the engine knows: a new Hello sorts it out
      return End(Unavailable("SESSION_ENDED", "the session is over: " + error.message()));
  }
}

void Session::SyncAssignments() {
  strand_->Post([self = shared_from_this()] {
    if (!self->inventory_feature_ || !self->engine_open_ || self->ending()) return;
    const auto assignments = self->context_.inventory.Assignments(self->adapter_id_);
    if (!assignments) return;  // asked again with the next change
    for (const auto& [cluster_uid, assigned] : *assignments) {
      const auto told = self->assignments_.find(cluster_uid);
      if (told != self->assignments_.end() && told->second == assigned) continue;
      self->assignments_[cluster_uid] = assigned;
      pb::ServerFrame frame;
      pb::InventoryDirective& directive = *frame.mutable_inventory_directive();
      directive.mutable_target()->set_cluster_uid(cluster_uid);
      directive.set_enabled(assigned);
      *directive.mutable_min_resync() = ToProto(30min);
      self->Enqueue(std::move(frame));
    }
  });
}

void Session::Close() {
  ManifestKnown();
  if (engine_open_) {
    engine_open_ = false;
    context_.engine.SessionClosed(session_id_);
    const Status closed = context_.inventory.SessionClosed(adapter_id_, session_id_);
    if (!closed) {
      LogWarning("the end of a session could not be kept",
                 {{log_key::kSessionId, session_id_}, {log_key::kReason, closed.error().reason()}});
    }
  }
  if (admitted_) context_.registry.Release(*this);
  std::set<std::string> clusters;
  std::vector<std::function<void()>> waiters;
  bool over = false;
  {
    const std::lock_guard lock(mutex_);
    clusters = clusters_;
    waiters.swap(close_waiters_);
    closed_ = true;
    over = stream_ == nullptr;
  }
  for (const auto& task : waiters) task();
  context_.registry.AssignmentsMayHaveChanged(clusters);
  if (over) context_.registry.Forget(*this);
}

}  // namespace meshplay::hub
