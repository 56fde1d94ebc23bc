#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/sdk/adapter.h"
#include "libs/base/files.h"
#include "libs/base/tls.h"
#include "meshplay/adapter/v1/adapter.grpc.pb.h"

namespace meshplay::testing {

namespace pb = meshplay::adapter::v1;

/// One stream of an adapter as the test sees it. Threads: any.
template <class In, class Out>
class Conversation {
 public:
  Conversation(grpc::ServerContext* context, grpc::ServerReaderWriter<Out, In>* rpc) : context_(context), rpc_(rpc) {}

  void Send(const Out& frame) {
    const std::lock_guard lock(mutex_);
    if (!over_) rpc_->Write(frame);
  }
  /// The next frame that `wanted` accepts, others are dropped. False after `patience`, or when the stream is over.
  bool Wait(const std::function<bool(const In&)>& wanted, In& found,
            std::chrono::milliseconds patience = std::chrono::seconds(60));
  /// Ends the stream as a broken connection does.
  void Cut() {
    const std::lock_guard lock(mutex_);
    if (!over_) context_->TryCancel();
  }
  bool WaitForEnd(std::chrono::milliseconds patience = std::chrono::seconds(60)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return over_; });
  }
  void Serve();  ///< On the service's thread: reads until the end.

 private:
  grpc::ServerContext* context_;
  grpc::ServerReaderWriter<Out, In>* rpc_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<In> frames_;
  bool over_ = false;
};

using SessionTalk = Conversation<pb::AdapterFrame, pb::ServerFrame>;
using InventoryTalk = Conversation<pb::InventoryFrame, pb::InventoryReply>;

/// A hub that does what the test says, on a free port over mutual TLS.
class ScriptedHub final : public pb::AdapterControl::Service,
                          public pb::AdapterEnrollment::Service,
                          public pb::AdapterData::Service {
 public:
  ScriptedHub();
  ~ScriptedHub() override;

  /// The next session; its Hello is in `hello`. Fails the test when none comes.
  std::shared_ptr<SessionTalk> NextSession(pb::Hello& hello);
  /// NextSession answered with a Welcome: CONTINUE for each task it lists unless `directive` says otherwise.
  std::shared_ptr<SessionTalk> Welcome(pb::Hello* hello = nullptr, pb::Directive directive = pb::DIRECTIVE_CONTINUE,
                                       std::uint64_t resend_from = 1);
  std::shared_ptr<InventoryTalk> NextInventory();

  std::string EnrollFile(const std::string& token = "good-token") const;
  std::string trust_bundle;  ///< What EnrollFile names; a test may put a foreign one here.
  std::chrono::milliseconds ttl{30'000};
  std::chrono::seconds renew_after{0};
  std::chrono::seconds certificate_life{3'600};
  std::string LastCertificate();  ///< The one that was signed last, PEM.
  std::atomic<int> enrolments{0};
  std::atomic<int> renewals{0};

 private:
  grpc::Status Session(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<pb::ServerFrame, pb::AdapterFrame>* rpc) override;
  grpc::Status SyncInventory(grpc::ServerContext* context,
                             grpc::ServerReaderWriter<pb::InventoryReply, pb::InventoryFrame>* rpc) override;
  grpc::Status Enroll(grpc::ServerContext* context, const pb::EnrollRequest* request,
                      pb::EnrollResponse* reply) override;
  grpc::Status RenewIdentity(grpc::ServerContext* context, const pb::RenewIdentityRequest* request,
                             pb::RenewIdentityResponse* reply) override;
  std::string Sign(const std::string& csr_der);

  KeyPair authority_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<SessionTalk>> sessions_;
  std::deque<std::shared_ptr<InventoryTalk>> inventories_;
  std::string last_certificate_;
};

/// An adapter whose task function is the test's.
class ScriptedMesh final : public sdk::MeshAdapter {
 public:
  pb::Capabilities capabilities() override;
  std::vector<pb::TargetClaim> Targets() override;
  pb::TaskResult Run(sdk::TaskContext& task) override { return run(task); }
  pb::TaskResult Query(sdk::TaskContext& task) override { return query(task); }
  void WatchInventory(const pb::TargetRef& target, sdk::InventoryView& view, std::stop_token stop) override;

  std::function<pb::TaskResult(sdk::TaskContext&)> run = [](sdk::TaskContext&) { return sdk::Succeeded(); };
  std::function<pb::TaskResult(sdk::TaskContext&)> query = [](sdk::TaskContext&) { return sdk::Succeeded(); };
  std::function<void(sdk::InventoryView&, std::stop_token)> watch;
  bool throw_in_targets = false;
};

/// RunAdapter on a thread of its own with a state folder.
class RunningAdapter {
 public:
  RunningAdapter(sdk::MeshAdapter& mesh, const std::string& enroll_json);
  ~RunningAdapter() { Stop(); }
  int Stop();        ///< Asks it to stop and waits: its exit code.
  int WaitForEnd();  ///< Waits until it ends by itself.
  void StopSoon() { stop_.request_stop(); }
  std::size_t OutboxFiles() const;
  const std::string& state() const { return state_; }
  void Start(sdk::MeshAdapter& mesh);

 private:
  TemporaryDirectory folder_;
  std::string state_;
  std::stop_source stop_;
  std::thread thread_;
  int code_ = -1;
};

inline constexpr const char* kCluster = "3a4fe6de-0000-4000-8000-000000000001";
pb::ServerFrame Offer(const std::string& id, std::uint32_t attempt = 1, std::uint64_t fence = 1,
                      const std::string& type = "test.apply");
pb::ServerFrame Ack(const pb::AdapterFrame& update_or_result);
bool Eventually(const std::function<bool()>& condition);

template <class In, class Out>
bool Conversation<In, Out>::Wait(const std::function<bool(const In&)>& wanted, In& found,
                                 std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::unique_lock lock(mutex_);
  while (true) {
    while (!frames_.empty()) {
      found = std::move(frames_.front());
      frames_.pop_front();
      if (wanted(found)) return true;
    }
    if (over_ || !changed_.wait_until(lock, deadline, [&] { return over_ || !frames_.empty(); })) return false;
  }
}

template <class In, class Out>
void Conversation<In, Out>::Serve() {
  In frame;
  while (rpc_->Read(&frame)) {
    const std::lock_guard lock(mutex_);
    frames_.push_back(std::move(frame));
    changed_.notify_all();
  }
  const std::lock_guard lock(mutex_);
  over_ = true;
  changed_.notify_all();
}

}  // namespace meshplay::testing
