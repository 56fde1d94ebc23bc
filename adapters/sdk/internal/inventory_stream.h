#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "adapters/sdk/adapter.h"

namespace meshplay::sdk {

/// One cluster's picture and its stream to the server. The picture outlives streams: after a reconnect the whole of it
/// is sent again as a snapshot (the server skips bodies with an equal digest), then changes, coalesced by key while
/// there is no credit. Threads: InventoryView from the adapter's thread, Connect and Disconnect from the session's.
class InventoryStream final : public InventoryView {
 public:
  InventoryStream(pb::TargetRef target, std::vector<pb::InventoryKind> kinds);
  ~InventoryStream() override;

  void Replace(const std::vector<pb::InventoryKind>& kinds, std::vector<pb::InventoryItem> items) override;
  void Upsert(pb::InventoryItem item) override;
  void Remove(const pb::ObjectRef& ref) override;
  void MarkComplete() override;

  void Connect(std::shared_ptr<grpc::Channel> channel, const std::string& session_id);
  void Disconnect();
  bool connected() const;

 private:
  struct Call;
  using Key = std::string;
  void Run(const std::shared_ptr<grpc::Channel>& channel, const std::string& session_id);
  void Converse(const std::shared_ptr<Call>& call, const std::string& session_id);
  void Tell(Call& call);
  void TakeReply(Call& call, const pb::InventoryReply& reply);
  bool WaitForCredit(Call& call, std::size_t bytes);
  bool SendCurrent(Call& call, const Key& key, std::uint64_t& sent);
  bool SendSnapshot(Call& call);
  bool SendChanges(Call& call);

  const pb::TargetRef target_;
  const std::vector<pb::InventoryKind> kinds_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Key, pb::InventoryItem> items_;
  std::map<Key, pb::ObjectRef> removed_;  ///< Not told yet.
  std::set<Key> dirty_;                   ///< Changed and not told yet.
  bool complete_ = false;
  bool connected_ = false;
  std::uint64_t position_ = 0;
  std::shared_ptr<Call> call_;
  std::thread thread_;
};

}  // namespace meshplay::sdk
