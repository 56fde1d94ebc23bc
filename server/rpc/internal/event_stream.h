#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
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
  void Open(services::Api& api, const services::CallContext& context, const v1::WatchEventsRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void Run(services::Api& api, const services::CallContext& context, const v1::WatchEventsRequest& request);
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
