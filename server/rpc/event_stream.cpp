#include "server/rpc/internal/event_stream.h"

#include "server/rpc/status.h"

namespace meshplay::rpc {

namespace {
constexpr std::chrono::milliseconds kTurn{500};  ///< How often a quiet stream looks whether it should end.
}

EventStream::~EventStream() {
  if (thread_.joinable()) thread_.detach();  // OnDone runs on gRPC's thread after Finish, the thread's last act
}

void EventStream::Open(services::Api& api, const services::CallContext& context,
                       const v1::WatchEventsRequest& request) {
  thread_ = std::thread([this, &api, context, request] { Run(api, context, request); });
}

void EventStream::Run(services::Api& api, const services::CallContext& context, const v1::WatchEventsRequest& request) {
  auto cursor = api.OpenEvents(context, request);
  if (!cursor) {
    Finish(ToGrpcStatus(cursor.error(), context.request_id));
    return;
  }
  grpc::Status status;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (broken_) break;
    }
    if (stopping_) {
      status = ToGrpcStatus(Unavailable("STOPPING", "the server is stopping"), context.request_id);
      break;
    }
    const auto frame = (*cursor)->Next(kTurn);
    if (!frame) {
      status = ToGrpcStatus(frame.error(), context.request_id);
      break;
    }
    const bool empty = frame->events().empty() && frame->bookmark().empty() && !frame->has_reset();
    if (!empty && !Write(*frame)) break;
    if (frame->has_reset()) break;
  }
  Finish(status);
}

bool EventStream::Write(const v1::EventFrame& frame) {
  const std::string bytes = frame.SerializeAsString();
  grpc::Slice slice(bytes);
  buffer_ = grpc::ByteBuffer(&slice, 1);
  std::unique_lock lock(mutex_);
  if (broken_) return false;
  writing_ = true;
  lock.unlock();
  StartWrite(&buffer_);
  lock.lock();
  written_.wait(lock, [this] { return !writing_; });
  return !broken_;
}

void EventStream::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (!ok) broken_ = true;
  }
  written_.notify_all();
}

void EventStream::OnCancel() {
  const std::lock_guard lock(mutex_);
  broken_ = true;
}

void EventStream::OnDone() {
  delete this;
}

}  // namespace meshplay::rpc
