#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "meshplay/adapter/v1/adapter.pb.h"
#include "server/hub/internal/context.h"
#include "server/hub/internal/strand.h"
#include "server/inventory/inventory.h"

namespace meshplay::hub {

class Session;

/// One stream of one target's inventory. While one batch commits the next one gathers, so a batch is what arrived
/// meanwhile (at most `inventory_batch` items) and nothing ever waits for company. What is read ahead is bounded by the
/// credit and by bytes.
/// Threads: reactions of gRPC and the strand. Ownership: shared by gRPC's reactor and queued work.
class InventoryStream final : public std::enable_shared_from_this<InventoryStream> {
 public:
  using Reactor = grpc::ServerBidiReactor<adapter::v1::InventoryFrame, adapter::v1::InventoryReply>;
  static Reactor* Start(Context& context, grpc::CallbackServerContext& call);

  InventoryStream(Context& context, std::string adapter_id);
  ~InventoryStream();

 private:
  class Stream;

  void Started(Stream* stream);
  void ReadDone(bool ok);
  void WriteDone(bool ok);
  void Ended();
  void Finish(const std::optional<Error>& error);
  void Reply(adapter::v1::InventoryReply reply);

  // On the strand.
  void Work();
  Status Handle(const adapter::v1::InventoryFrame& frame);
  Status Open(const adapter::v1::InventoryOpen& open);
  Status BeginSnapshot(const adapter::v1::SnapshotBegin& begin);
  Status EndSnapshot(const adapter::v1::SnapshotEnd& end);
  Status Take(inventory::Item item);
  Status Flush();
  void OpenNow();
  void ReplyDurable(const std::string& position);

  // With mutex_ held.
  void Pump();
  void ReadNext();

  Context& context_;
  const std::string adapter_id_;
  const std::shared_ptr<Strand> strand_;

  std::mutex mutex_;
  Stream* stream_ = nullptr;
  adapter::v1::InventoryFrame incoming_;
  std::deque<adapter::v1::InventoryFrame> queue_;
  std::size_t queued_bytes_ = 0;
  bool working_ = false;  ///< Work() is queued or running.
  bool reading_ = false;
  bool read_ended_ = false;
  adapter::v1::InventoryReply outgoing_;
  std::deque<adapter::v1::InventoryReply> outbound_;
  bool writing_ = false;
  std::optional<grpc::Status> finish_;
  bool finished_ = false;

  // Used on the strand only.
  std::shared_ptr<Session> session_;
  inventory::StreamKey key_;
  std::string have_;
  bool open_requested_ = false;
  bool opened_ = false;
  bool needs_snapshot_ = true;
  bool in_snapshot_ = false;
  std::uint64_t wire_epoch_ = 0;
  std::uint64_t epoch_ = 0;  ///< The server's own, see Inventory::Opened.
  std::vector<inventory::Item> batch_;
  std::uint64_t granted_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t durable_ = 0;
};

}  // namespace meshplay::hub
