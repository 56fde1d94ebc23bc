#include "server/hub/internal/inventory_stream.h"

#include <algorithm>
#include <utility>

#include "libs/base/log.h"
#include "server/hub/convert_inventory.h"
#include "server/hub/internal/frame_check.h"
#include "server/hub/internal/identity.h"
#include "server/hub/internal/registry.h"
#include "server/hub/internal/session.h"
#include "server/hub/internal/status.h"

namespace meshplay::hub {
namespace {

constexpr std::size_t kReadAheadBytes = 8 * 1024 * 1024;
constexpr std::size_t kReadAheadFrames = 4'096;
constexpr std::size_t kMaxWaitingReplies = 10'000;

class Refusal final : public InventoryStream::Reactor {
 public:
  explicit Refusal(const Error& error) { Finish(ToGrpcStatus(error)); }

 private:
  void OnDone() override { delete this; }
};

Error FrameInvalid(std::string message) {
  return InvalidArgument("FRAME_INVALID", std::move(message));
}

}  // namespace

class InventoryStream::Stream final : public InventoryStream::Reactor {
 public:
  explicit Stream(std::shared_ptr<InventoryStream> owner) : owner_(std::move(owner)) {}

 private:
  void OnReadDone(bool ok) override { owner_->ReadDone(ok); }
  void OnWriteDone(bool ok) override { owner_->WriteDone(ok); }
  void OnCancel() override { owner_->Finish(Error(ErrorCode::kCancelled, "STREAM_BROKEN", "the stream broke")); }
  void OnDone() override {
    owner_->Ended();
    delete this;
  }
  const std::shared_ptr<InventoryStream> owner_;
};

InventoryStream::Reactor* InventoryStream::Start(Context& context, grpc::CallbackServerContext& call) {
  auto adapter_id = PeerAdapterId(call, context.authority.trust_domain());
  if (!adapter_id) return new Refusal(adapter_id.error());
  auto owner = std::make_shared<InventoryStream>(context, *adapter_id);
  auto* stream = new Stream(owner);
  owner->Started(stream);
  return stream;
}

InventoryStream::InventoryStream(Context& context, std::string adapter_id)
    : context_(context), adapter_id_(std::move(adapter_id)), strand_(std::make_shared<Strand>(context.pool)) {
  context_.counters.inventory_streams += 1;
}

InventoryStream::~InventoryStream() {
  context_.counters.inventory_streams -= 1;
}

void InventoryStream::Started(Stream* stream) {
  const std::lock_guard lock(mutex_);
  stream_ = stream;
  ReadNext();
}

void InventoryStream::ReadNext() {
  if (reading_ || read_ended_ || stream_ == nullptr || finish_) return;
  if (queue_.size() >= kReadAheadFrames || queued_bytes_ >= kReadAheadBytes) return;
  reading_ = true;
  stream_->StartRead(&incoming_);
}

void InventoryStream::ReadDone(bool ok) {
  bool post = false;
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (ok) {
      queued_bytes_ += incoming_.ByteSizeLong();
      queue_.emplace_back();
      queue_.back().Swap(&incoming_);
      incoming_.Clear();
      ReadNext();
    } else {
      read_ended_ = true;
    }
    post = !working_;
    working_ = true;
  }
  if (post && !strand_->Post([self = shared_from_this()] { self->Work(); })) {
    Finish(Unavailable("HUB_BUSY", "the hub has too much to do; open the stream again later"));
  }
}

void InventoryStream::Work() {
  std::deque<adapter::v1::InventoryFrame> frames;
  bool ended = false;
  {
    const std::lock_guard lock(mutex_);
    frames.swap(queue_);
    queued_bytes_ = 0;
    ended = read_ended_;
    ReadNext();
    if (finish_ || (frames.empty() && !ended)) {
      working_ = false;
      return;
    }
  }
  Status handled;
  for (const adapter::v1::InventoryFrame& frame : frames) {
    handled = Handle(frame);
    if (!handled) break;
  }
  if (handled) handled = Flush();
  if (!handled) {
    LogWarning("inventory stream ends",
               {{log_key::kAdapterId, adapter_id_}, {log_key::kReason, handled.error().reason()}});
    adapter::v1::InventoryReply reply;
    *reply.mutable_error() = ToProtoError(handled.error());
    Reply(std::move(reply));
    Finish(handled.error());
  } else if (ended) {
    Finish(std::nullopt);
  }
  // The next turn takes what came meanwhile; other strands go in between.
  if (!strand_->Post([self = shared_from_this()] { self->Work(); })) {
    Finish(Unavailable("HUB_BUSY", "the hub has too much to do; open the stream again later"));
  }
}

Status InventoryStream::Handle(const adapter::v1::InventoryFrame& frame) {
  MP_CHECK(CheckFrame(frame, context_.options.max_frame_bytes));
  using Frame = adapter::v1::InventoryFrame;
  if (frame.body_case() == Frame::BODY_NOT_SET) {
    return InvalidArgument("UNSUPPORTED_FRAME", "this server does not know the frame")
        .WithMetadata("about", BodyName(frame));
  }
  if (open_requested_ == (frame.body_case() == Frame::kOpen)) {
    return FrameInvalid("a stream starts with one InventoryOpen");
  }
  if (frame.body_case() == Frame::kOpen) return Open(frame.open());
  if (!opened_) return FrameInvalid("nothing may be sent before InventoryOpened");
  switch (frame.body_case()) {
    case Frame::kSnapshotBegin:
      return BeginSnapshot(frame.snapshot_begin());
    case Frame::kUpsert: {
      MP_TRY(inventory::Item item, FromProto(frame.upsert()));
      return Take(std::move(item));
    }
    case Frame::kRemove:
      return Take(RemovalFromProto(frame.remove()));
    case Frame::kSnapshotEnd:
      return EndSnapshot(frame.snapshot_end());
    case Frame::kBookmark: {
      if (in_snapshot_) return FrameInvalid("a bookmark cannot stand inside a snapshot");
      MP_CHECK(Flush());
      MP_CHECK(context_.inventory.SaveBookmark(key_, epoch_, frame.bookmark().position()));
      ReplyDurable(frame.bookmark().position());
      return {};
    }
    case Frame::kOpen:
    case Frame::BODY_NOT_SET:
      break;
  }
  return FrameInvalid("the frame cannot come here");
}

Status InventoryStream::Open(const adapter::v1::InventoryOpen& open) {
  open_requested_ = true;
  session_ = context_.registry.FindOpen(open.session_id());
  if (session_ == nullptr || session_->adapter_id() != adapter_id_) {
    return FailedPrecondition("SESSION_UNKNOWN", "the stream names no open session of this adapter");
  }
  session_->WhenClosed([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Finish(Unavailable("SESSION_ENDED", "the session of the stream is over"));
  });
  key_.adapter_id = adapter_id_;
  key_.cluster_uid = open.target().cluster_uid();
  for (const auto& kind : open.kinds()) key_.kinds.emplace_back(kind.api_version(), kind.kind());
  have_ = open.have().position();
  if (!key_.kinds.empty()) {
    OpenNow();
    return {};
  }
  // "All advertised" needs the manifest, which may be on its way on the session's own stream.
  session_->WhenManifestKnown([self = shared_from_this()] { self->strand_->PostOrRun([self] { self->OpenNow(); }); });
  return {};
}

void InventoryStream::OpenNow() {
  const auto opened = context_.inventory.OpenStream(key_, have_);
  adapter::v1::InventoryReply reply;
  if (!opened) {
    *reply.mutable_error() = ToProtoError(opened.error());
    Reply(std::move(reply));
    Finish(opened.error());
    return;
  }
  opened_ = true;
  needs_snapshot_ = opened->snapshot_required;
  epoch_ = opened->epoch;
  granted_ = context_.options.inventory_credit;
  auto& answer = *reply.mutable_opened();
  answer.set_snapshot_required(opened->snapshot_required);
  if (!opened->resume_from.empty()) answer.mutable_resume_from()->set_position(opened->resume_from);
  answer.mutable_credit()->set_items(context_.options.inventory_credit);
  answer.mutable_credit()->set_bytes(kReadAheadBytes);
  Reply(std::move(reply));
}

Status InventoryStream::BeginSnapshot(const adapter::v1::SnapshotBegin& begin) {
  if (in_snapshot_) return FrameInvalid("a snapshot is open already");
  MP_CHECK(Flush());
  if (!needs_snapshot_) {  // a further one on the same stream marks under a number of its own
    epoch_ = std::max(epoch_ + 1, static_cast<std::uint64_t>(context_.clock.NowUnixMs()));
  }
  wire_epoch_ = begin.epoch();
  in_snapshot_ = true;
  needs_snapshot_ = false;
  return context_.inventory.BeginSnapshot(key_, epoch_);
}

Status InventoryStream::EndSnapshot(const adapter::v1::SnapshotEnd& end) {
  if (!in_snapshot_ || end.epoch() != wire_epoch_) return FrameInvalid("a SnapshotEnd without its SnapshotBegin");
  MP_CHECK(Flush());
  MP_CHECK(context_.inventory.EndSnapshot(key_, epoch_, end.count(), end.bookmark().position()));
  in_snapshot_ = false;
  ReplyDurable(end.bookmark().position());
  return {};
}

Status InventoryStream::Take(inventory::Item item) {
  if (needs_snapshot_) return FrameInvalid("the stream must start with a snapshot");
  received_ += 1;
  if (received_ > granted_) {
    return Error(ErrorCode::kResourceExhausted, "CREDIT_EXCEEDED", "more items than the server asked for");
  }
  batch_.push_back(std::move(item));
  return batch_.size() < context_.options.inventory_batch ? Status() : Flush();
}

Status InventoryStream::Flush() {
  if (batch_.empty()) return {};
  std::vector<inventory::Item> items;
  items.swap(batch_);
  MP_CHECK(context_.inventory.Apply(key_, epoch_, items));
  durable_ += items.size();
  granted_ += items.size();
  adapter::v1::InventoryReply reply;
  reply.mutable_credit()->set_items(static_cast<std::uint32_t>(items.size()));
  reply.mutable_credit()->set_bytes(kReadAheadBytes);
  Reply(std::move(reply));
  return {};
}

void InventoryStream::ReplyDurable(const std::string& position) {
  adapter::v1::InventoryReply reply;
  reply.mutable_durable()->mutable_bookmark()->set_position(position);
  reply.mutable_durable()->set_items(durable_);
  Reply(std::move(reply));
}

void InventoryStream::Reply(adapter::v1::InventoryReply reply) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || finish_) return;
  outbound_.push_back(std::move(reply));
  if (outbound_.size() > kMaxWaitingReplies) {
    outbound_.clear();
    finish_ =
        ToGrpcStatus(Error(ErrorCode::kResourceExhausted, "SESSION_OVERFLOW", "the adapter does not read the replies"));
  }
  Pump();
}

void InventoryStream::WriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok) {
    outbound_.clear();
    if (!finish_) finish_ = grpc::Status::CANCELLED;
  }
  Pump();
}

void InventoryStream::Pump() {
  if (stream_ == nullptr || writing_ || finished_) return;
  if (!outbound_.empty()) {
    outgoing_ = std::move(outbound_.front());
    outbound_.pop_front();
    writing_ = true;
    stream_->StartWrite(&outgoing_);
  } else if (finish_) {
    finished_ = true;
    stream_->Finish(*finish_);
  }
}

void InventoryStream::Finish(const std::optional<Error>& error) {
  const std::lock_guard lock(mutex_);
  if (!finish_) finish_ = error ? ToGrpcStatus(*error) : grpc::Status::OK;
  Pump();
}

void InventoryStream::Ended() {
  const std::lock_guard lock(mutex_);
  stream_ = nullptr;
  finished_ = true;
  if (!finish_) finish_ = grpc::Status::CANCELLED;
  queue_.clear();
  outbound_.clear();
}

}  // namespace meshplay::hub
