#include "server/rpc/internal/event_stream.h"

#include "libs/base/log.h"
#include "server/rpc/status.h"

namespace meshplay::rpc {

namespace {
constexpr std::chrono::milliseconds kTurn{500};  ///< How often a quiet stream looks whether it should end.
}

EventStream::~EventStream() {
  if (thread_.joinable()) thread_.detach();  // OnDone runs on gRPC's thread after Finish, the thread's last act
}

void EventStream::Open(OpenFunction open, std::string request_id,
                       std::shared_ptr<std::atomic<std::size_t>> open_streams) {
  thread_ = std::thread(
      [this, open = std::move(open), request_id = std::move(request_id), open_streams = std::move(open_streams)] {
        grpc::Status status;
        try {
          status = Follow(open, request_id);
        } catch (const std::exception& fault) {
          LogError("event stream ended by an exception", {{log_key::kError, fault.what()}});
          status = ToGrpcStatus(Internal("INTERNAL_BUG", "the server made a mistake"), request_id);
        }
        open_streams->fetch_sub(1);
        Finish(status);
      });
}

grpc::Status EventStream::Follow(const OpenFunction& open, const std::string& request_id) {
  services::CallContext context;
  auto cursor = open(context);
  if (!cursor) return ToGrpcStatus(cursor.error(), request_id);
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (broken_) return grpc::Status::CANCELLED;
    }
    if (stopping_) return ToGrpcStatus(Unavailable("STOPPING", "the server is stopping"), request_id);
    const auto frame = (*cursor)->Next(kTurn);
    if (!frame) return ToGrpcStatus(frame.error(), request_id);
    const bool empty = frame->events().empty() && frame->bookmark().empty() && !frame->has_reset();
    if (!empty && !Write(*frame)) return grpc::Status::CANCELLED;
    if (frame->has_reset()) return grpc::Status::OK;
  }
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
