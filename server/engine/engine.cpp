#include "server/engine/engine.h"

#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "libs/base/log.h"
#include "server/engine/internal/core.h"
#include "server/store/store.h"

namespace meshplay::engine {
namespace {

/// Events of other rooms (a claim, a released hold) may make work; they come in floods, so they are taken together.
constexpr std::chrono::milliseconds kGatherEvents{25};
/// A pass that finds nothing due still looks again, in case the wall clock moved.
constexpr std::chrono::milliseconds kLongestNap{30'000};

std::function<double()> NewRandom() {
  std::random_device seed;
  return [generator = std::mt19937_64(seed()), uniform = std::uniform_real_distribution<double>(0.0, 1.0)]() mutable {
    return uniform(generator);
  };
}

}  // namespace

/// The thread that owns scheduling. It sleeps on a condition variable until a commit or a timer gives it work.
class Engine::Scheduler {
 public:
  Scheduler(store::Store& store, const Clock& clock, const EngineOptions& options)
      : store_(store), clock_(clock), questions_(clock), core_(store, clock, options, NewRandom()) {
    core_.OnWork([this] { Poke(); });
  }
  ~Scheduler() { Stop(); }
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  Status Start() {
    MP_CHECK(core_.Recover());
    listener_ = store_.AddListener([this](std::uint64_t) { NoteEvents(); });
    thread_ = std::thread([this] { Loop(); });
    return {};
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      stopping_ = true;
    }
    wake_.notify_all();
    core_.StopWaiting();
    questions_.Stop();
    if (thread_.joinable()) thread_.join();
    if (listener_ != 0) store_.RemoveListener(listener_);
  }

  internal::Core& core() { return core_; }
  Questions& questions() { return questions_; }

 private:
  void Poke() {
    {
      const std::lock_guard lock(mutex_);
      poked_ = true;
    }
    wake_.notify_all();
  }

  void NoteEvents() {
    {
      const std::lock_guard lock(mutex_);
      if (events_) return;
      events_ = true;
    }
    wake_.notify_all();
  }

  void Loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      poked_ = false;
      events_ = false;
      lock.unlock();
      const internal::Core::Pass pass = core_.Step();
      lock.lock();
      if (pass.worked) continue;
      std::chrono::milliseconds nap = kLongestNap;
      if (pass.wake) nap = std::clamp(*pass.wake - clock_.NowBoot(), std::chrono::milliseconds(1), kLongestNap);
      wake_.wait_for(lock, nap, [this] { return stopping_ || poked_ || events_; });
      if (!stopping_ && !poked_ && events_) {
        wake_.wait_for(lock, kGatherEvents, [this] { return stopping_ || poked_; });
      }
    }
  }

  store::Store& store_;
  const Clock& clock_;
  std::uint64_t listener_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // GUARDED_BY(mutex_)
  bool poked_ = false;     // GUARDED_BY(mutex_)
  bool events_ = false;    // GUARDED_BY(mutex_)
  std::thread thread_;
  Questions questions_;
  internal::Core core_;  // Last: it pokes the members above until it is gone.
};

Engine::Engine(store::Store& store, const Clock& clock, EngineOptions options)
    : scheduler_(std::make_unique<Scheduler>(store, clock, options)) {}
Engine::~Engine() = default;

Status Engine::Start() {
  return scheduler_->Start();
}
void Engine::Stop() {
  scheduler_->Stop();
}

Result<Submitted> Engine::Submit(const OperationRequest& request) {
  return scheduler_->core().Submit(request);
}

Result<store::OperationRecord> Engine::Cancel(const Actor& actor, const std::string& operation_id,
                                              const std::string& reason) {
  return scheduler_->core().Cancel(actor, operation_id, reason);
}

Result<store::OperationRecord> Engine::Retry(const Actor& actor, const std::string& operation_id,
                                             const std::string& reason) {
  return scheduler_->core().Retry(actor, operation_id, reason);
}

Result<store::OperationRecord> Engine::Resolve(const Actor& actor, const std::string& operation_id,
                                               Resolution resolution, const std::string& note) {
  return scheduler_->core().Resolve(actor, operation_id, resolution, note);
}

Result<store::OperationRecord> Engine::Approve(const Actor& actor, const std::string& operation_id, Approval approval) {
  return scheduler_->core().Approve(actor, operation_id, approval);
}

Status Engine::ReleaseTarget(const Actor& actor, const std::string& target_id) {
  return scheduler_->core().ReleaseTarget(actor, target_id);
}

Result<store::OperationRecord> Engine::Await(const std::string& tenant, const std::string& operation_id,
                                             std::chrono::milliseconds timeout) {
  return scheduler_->core().Await(tenant, operation_id, timeout);
}

Result<TaskResult> Engine::Ask(const Question& question) {
  return scheduler_->questions().Ask(question);
}

Result<std::vector<TaskDirective>> Engine::SessionOpened(const SessionHello& hello, std::shared_ptr<AdapterLink> link) {
  auto directives = scheduler_->core().SessionOpened(hello, link);
  if (directives) scheduler_->questions().SessionOpened(hello.session_id, hello.adapter_id, std::move(link));
  return directives;
}

void Engine::SessionClosed(const std::string& session_id) {
  scheduler_->questions().SessionClosed(session_id);
  scheduler_->core().SessionClosed(session_id);
}

Status Engine::Heartbeat(const std::string& session_id, BootTime received) {
  return scheduler_->core().Heartbeat(session_id, received);
}

Status Engine::HandleOfferReply(const std::string& session_id, const OfferReply& reply) {
  if (scheduler_->questions().Take(session_id, reply)) return {};
  return scheduler_->core().HandleOfferReply(session_id, reply);
}

Status Engine::HandleUpdate(const std::string& session_id, const TaskUpdate& update) {
  if (scheduler_->questions().Take(session_id, update)) return {};
  return scheduler_->core().HandleUpdate(session_id, update);
}

Status Engine::HandleResult(const std::string& session_id, const TaskResult& result) {
  if (scheduler_->questions().Take(session_id, result)) return {};
  return scheduler_->core().HandleResult(session_id, result);
}

Status Engine::HandleCancelReply(const std::string& session_id, const std::string& operation_id, std::uint32_t attempt,
                                 bool stopping) {
  if (scheduler_->questions().IsQuestion(operation_id)) return {};
  return scheduler_->core().HandleCancelReply(session_id, operation_id, attempt, stopping);
}

Status Engine::HandleGoodbye(const std::string& session_id, const std::vector<std::string>& unstarted_operation_ids) {
  return scheduler_->core().HandleGoodbye(session_id, unstarted_operation_ids);
}

bool Engine::HoldsAttempt(const std::string& session_id, const std::string& operation_id, std::uint32_t attempt,
                          std::uint64_t fence) const {
  return scheduler_->core().HoldsAttempt(session_id, operation_id, attempt, fence);
}

Status Engine::ReportOrphan(const std::string& session_id, const TaskSnapshot& task) {
  return scheduler_->core().ReportOrphan(session_id, task);
}

std::vector<std::pair<std::string, std::uint64_t>> Engine::Counts() const {
  return scheduler_->core().Counts();
}

}  // namespace meshplay::engine
