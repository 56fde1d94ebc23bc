#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/services/api.h"

namespace meshplay::rpc {

/// One WatchEvents call: a thread of its own reads the cursor and writes one frame after the other, so a slow reader
/// holds nothing but its own cursor (there is no queue). Owned by gRPC; deletes itself in OnDone.
/// `stopping` ends it at the next turn.
class EventStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit EventStream(const std::atomic<bool>& stopping) : stopping_(stopping) {}
  ~EventStream() override;

  void Refuse(const grpc::Status& status) { Finish(status); }
  /// Authenticates and opens the cursor; runs on the stream's own thread.
  using OpenFunction = std::function<Result<std::unique_ptr<services::Api::EventCursor>>(services::CallContext&)>;
  /// `open_streams` has been counted up for this stream and is counted down at its end.
  void Open(OpenFunction open, std::string request_id, std::shared_ptr<std::atomic<std::size_t>> open_streams);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  grpc::Status Follow(const OpenFunction& open, const std::string& request_id);
  bool Write(const v1::EventFrame& frame);

  const std::atomic<bool>& stopping_;
  std::mutex mutex_;
  std::condition_variable written_;
  bool writing_ = false;
  bool broken_ = false;
  grpc::ByteBuffer buffer_;
  std::thread thread_;
};

}  // namespace meshplay::rpc
