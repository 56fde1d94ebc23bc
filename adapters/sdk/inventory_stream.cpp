#include "adapters/sdk/internal/inventory_stream.h"

#include <algorithm>
#include <chrono>

#include "adapters/sdk/internal/fit.h"
#include "libs/base/ids.h"
#include "libs/base/log.h"
#include "meshplay/adapter/v1/adapter.grpc.pb.h"

namespace meshplay::sdk {

namespace {

/// Before a stream that ended is opened again; doubled each time the server did not even open it.
constexpr std::chrono::milliseconds kPause{1'000};
constexpr std::chrono::milliseconds kMostPause{60'000};

std::string KeyOf(const pb::ObjectKey& key) {
  return key.api_version() + "|" + key.kind() + "|" + key.namespace_() + "|" + key.name();
}

/// What a change of the digest stands for: the body and everything the adapter says of it.
void FillDigest(pb::InventoryItem& item) {
  if (!item.digest().empty()) return;
  pb::InventoryItem content = item;
  content.clear_digest();
  content.mutable_ref()->clear_resource_version();
  for (pb::Condition& condition : *content.mutable_conditions()) condition.clear_last_transition_time();
  item.set_digest(Sha256Hex(content.SerializeAsString()).substr(0, 32));
}

/// An item the server could not take would end the stream, and every one after it.
void Prepare(pb::InventoryItem& item) {
  FitFrame(item);
  FillDigest(item);
  if (item.body_json().size() <= kMaxDocumentBytes && item.ByteSizeLong() <= kMaxFrameBytes - 4'096) return;
  LogWarning("an object is too large for the inventory; it is told without its body",
             {{"kind", item.ref().key().kind()}, {"name", item.ref().key().name()}});
  item.clear_body_json();
}

}  // namespace

struct InventoryStream::Call {
  std::unique_ptr<pb::AdapterData::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<pb::InventoryFrame, pb::InventoryReply>> rpc;
  bool opened = false;
  bool ended = false;
  std::uint64_t credit_items = 0;
  std::uint64_t credit_bytes = 0;
};

InventoryStream::InventoryStream(pb::TargetRef target, std::vector<pb::InventoryKind> kinds)
    : target_(std::move(target)), kinds_(std::move(kinds)) {}

InventoryStream::~InventoryStream() {
  Disconnect();
}

void InventoryStream::Replace(const std::vector<pb::InventoryKind>& kinds, std::vector<pb::InventoryItem> items) {
  const std::lock_guard lock(mutex_);
  std::set<Key> fresh;
  for (pb::InventoryItem& item : items) {
    Prepare(item);
    const Key key = KeyOf(item.ref().key());
    fresh.insert(key);
    const auto known = items_.find(key);
    if (known == items_.end() || known->second.digest() != item.digest()) dirty_.insert(key);
    removed_.erase(key);
    items_[key] = std::move(item);
  }
  const auto covered = [&](const pb::ObjectKey& key) {
    return std::any_of(kinds.begin(), kinds.end(), [&](const pb::InventoryKind& kind) {
      return kind.api_version() == key.api_version() && kind.kind() == key.kind();
    });
  };
  for (auto it = items_.begin(); it != items_.end();) {
    if (covered(it->second.ref().key()) && fresh.count(it->first) == 0) {
      removed_[it->first] = it->second.ref();
      dirty_.erase(it->first);
      it = items_.erase(it);
    } else {
      ++it;
    }
  }
  changed_.notify_all();
}

void InventoryStream::Upsert(pb::InventoryItem item) {
  const std::lock_guard lock(mutex_);
  Prepare(item);
  const Key key = KeyOf(item.ref().key());
  const auto known = items_.find(key);
  if (known != items_.end() && known->second.digest() == item.digest()) return;
  items_[key] = std::move(item);
  removed_.erase(key);
  dirty_.insert(key);
  changed_.notify_all();
}

void InventoryStream::Remove(const pb::ObjectRef& ref) {
  const std::lock_guard lock(mutex_);
  const Key key = KeyOf(ref.key());
  if (items_.erase(key) == 0) return;
  dirty_.erase(key);
  removed_[key] = ref;
  changed_.notify_all();
}

void InventoryStream::MarkComplete() {
  const std::lock_guard lock(mutex_);
  complete_ = true;
  changed_.notify_all();
}

void InventoryStream::Connect(std::shared_ptr<grpc::Channel> channel, const std::string& session_id) {
  Disconnect();
  const std::lock_guard lock(mutex_);
  connected_ = true;
  thread_ = std::thread([this, channel = std::move(channel), session_id] { Run(channel, session_id); });
}

void InventoryStream::Disconnect() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    connected_ = false;
    if (call_) {
      call_->ended = true;
      call_->context.TryCancel();
    }
    thread.swap(thread_);
  }
  changed_.notify_all();
  if (thread.joinable()) thread.join();
}

bool InventoryStream::connected() const {
  const std::lock_guard lock(mutex_);
  return connected_;
}

void InventoryStream::Run(const std::shared_ptr<grpc::Channel>& channel, const std::string& session_id) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return complete_ || !connected_; });
  auto pause = kPause;
  while (connected_) {
    const auto call = std::make_shared<Call>();
    call->stub = pb::AdapterData::NewStub(channel);
    call->rpc = call->stub->SyncInventory(&call->context);
    call_ = call;
    lock.unlock();
    Converse(call, session_id);
    lock.lock();
    call_.reset();
    pause = call->opened ? kPause : std::min(pause * 2, kMostPause);
    changed_.wait_for(lock, pause, [&] { return !connected_; });
  }
}

void InventoryStream::Converse(const std::shared_ptr<Call>& call, const std::string& session_id) {
  pb::InventoryFrame open;
  open.mutable_open()->set_session_id(session_id);
  *open.mutable_open()->mutable_target() = target_;
  for (const pb::InventoryKind& kind : kinds_) *open.mutable_open()->add_kinds() = kind;
  if (call->rpc->Write(open)) {
    std::thread reader([this, call] {
      pb::InventoryReply reply;
      while (call->rpc->Read(&reply)) TakeReply(*call, reply);
      const std::lock_guard lock(mutex_);
      call->ended = true;
      changed_.notify_all();
    });
    Tell(*call);
    call->context.TryCancel();
    reader.join();
  }
  const grpc::Status status = call->rpc->Finish();
  if (!status.ok() && status.error_code() != grpc::StatusCode::CANCELLED) {
    LogWarning("an inventory stream ended", {{log_key::kError, status.error_message()}});
  }
}

void InventoryStream::TakeReply(Call& call, const pb::InventoryReply& reply) {
  const std::lock_guard lock(mutex_);
  const auto add = [&call](const pb::InventoryCredit& credit) {
    call.credit_items += credit.items();
    call.credit_bytes += credit.bytes();
  };
  if (reply.has_opened()) {
    call.opened = true;
    add(reply.opened().credit());
  } else if (reply.has_credit()) {
    add(reply.credit());
  } else if (reply.has_error()) {
    LogWarning("the server refused inventory", {{log_key::kReason, reply.error().reason()}});
    call.ended = true;
  }
  changed_.notify_all();
}

void InventoryStream::Tell(Call& call) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return call.opened || call.ended; });
    if (call.ended) return;
  }
  if (!SendSnapshot(call)) return;
  while (SendChanges(call)) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return call.ended || !dirty_.empty() || !removed_.empty(); });
    if (call.ended) return;
  }
}

bool InventoryStream::WaitForCredit(Call& call, std::size_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return call.ended || (call.credit_items > 0 && call.credit_bytes > 0); });
  if (call.ended) return false;
  call.credit_items -= 1;
  call.credit_bytes -= std::min<std::uint64_t>(call.credit_bytes, bytes);
  return true;
}

/// Sends the item as it is when its turn comes, so that changes made while there was no credit go out once.
bool InventoryStream::SendCurrent(Call& call, const Key& key, std::uint64_t& sent) {
  pb::InventoryFrame frame;
  std::size_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = items_.find(key);
    if (found == items_.end()) return true;
    bytes = found->second.ByteSizeLong();
  }
  if (!WaitForCredit(call, bytes)) return false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = items_.find(key);
    if (found == items_.end()) {
      call.credit_items += 1;  // not needed after all
      return true;
    }
    *frame.mutable_upsert() = found->second;
    dirty_.erase(key);
  }
  ++sent;
  return call.rpc->Write(frame);
}

bool InventoryStream::SendSnapshot(Call& call) {
  std::vector<Key> keys;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, item] : items_) keys.push_back(key);
    dirty_.clear();
    removed_.clear();  // the sweep covers them
  }
  const auto epoch = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  pb::InventoryFrame begin;
  begin.mutable_snapshot_begin()->set_epoch(epoch);
  if (!call.rpc->Write(begin)) return false;
  std::uint64_t sent = 0;
  for (const Key& key : keys) {
    if (!SendCurrent(call, key, sent)) return false;
  }
  pb::InventoryFrame end;
  end.mutable_snapshot_end()->set_epoch(epoch);
  end.mutable_snapshot_end()->set_count(sent);
  end.mutable_snapshot_end()->mutable_bookmark()->set_position(std::to_string(epoch));
  position_ = epoch;
  return call.rpc->Write(end);
}

bool InventoryStream::SendChanges(Call& call) {
  std::vector<Key> changed;
  std::map<Key, pb::ObjectRef> removed;
  {
    const std::lock_guard lock(mutex_);
    changed.assign(dirty_.begin(), dirty_.end());
    removed.swap(removed_);
  }
  if (changed.empty() && removed.empty()) return true;
  std::uint64_t sent = 0;
  for (const auto& [key, ref] : removed) {
    pb::InventoryFrame frame;
    *frame.mutable_remove() = ref;
    if (!WaitForCredit(call, frame.ByteSizeLong()) || !call.rpc->Write(frame)) return false;
  }
  for (const Key& key : changed) {
    if (!SendCurrent(call, key, sent)) return false;
  }
  pb::InventoryFrame bookmark;
  bookmark.mutable_bookmark()->set_position(std::to_string(++position_));
  return call.rpc->Write(bookmark);
}

}  // namespace meshplay::sdk
