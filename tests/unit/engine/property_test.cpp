#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "libs/base/files.h"
#include "server/engine/internal/unit.h"
#include "server/engine/retry_rules.h"
#include "server/store/sqlite_store.h"
#include "tests/unit/engine/engine_fixture.h"

using meshplay::engine::Approval;
using meshplay::engine::AttemptPhase;
using meshplay::engine::Directive;
using meshplay::engine::Effect;
using meshplay::engine::ErrorClass;
using meshplay::engine::OfferAnswer;
using meshplay::engine::OfferReply;
using meshplay::engine::Outcome;
using meshplay::engine::Resolution;
using meshplay::engine::SideEffects;
using meshplay::engine::TakesLock;
using meshplay::engine::TaskDirective;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::TaskSnapshot;
using meshplay::engine::testing::EngineFixture;
using meshplay::store::IsFinal;
using meshplay::store::OperationState;
using namespace std::chrono_literals;

namespace {

struct Task {
  TaskOffer offer;
  std::uint64_t seq = 0;
  AttemptPhase phase = AttemptPhase::kUnspecified;
};

/// Adapters, callers and the world, all of them at random, against one engine.
class Chaos {
 public:
  explicit Chaos(unsigned seed, std::unique_ptr<meshplay::store::Store> backend = meshplay::store::NewMemoryStore())
      : fx_({}, std::move(backend)), random_(seed) {
    for (const char* cluster : {"c1", "c2"}) {
      fx_.Serve("a1", cluster, "istio");
      fx_.Serve("a2", cluster, "linkerd");
    }
  }

  void Step() {
    fx_.random = std::uniform_real_distribution<double>(0, 1)(random_);
    switch (Pick(16)) {
      case 0:
      case 1:
        SubmitOne();
        break;
      case 2:
        if (const auto id = AnyOperation()) Tolerate(fx_.core->Cancel(fx_.actor, *id, "chaos"));
        break;
      case 3:
        if (const auto id = AnyOperation()) Tolerate(fx_.core->Resolve(fx_.actor, *id, Resolution::kCleaned, ""));
        break;
      case 4:
        if (const auto id = AnyOperation()) {
          const auto made = fx_.core->Retry(fx_.actor, *id, "chaos");
          if (made) operations_.push_back(made->id);
        }
        break;
      case 5:
        Connect(Adapter(), Pick(2) == 0);
        break;
      case 6:
        if (const std::string adapter = Adapter(); connected_.erase(adapter) > 0) fx_.Disconnect(adapter);
        break;
      case 7:
        fx_.Advance(std::chrono::seconds(Pick(4) == 0 ? 60 : 5));
        break;
      case 8:
        fx_.Beat();
        break;
      case 9:
        if (Pick(6) == 0) {
          fx_.RestartServer();
          connected_.clear();
        } else if (Pick(6) == 0) {
          fx_.clock.JumpWall(std::chrono::hours(static_cast<int>(Pick(48)) - 24));
        }
        break;
      case 10:
        if (const auto id = AnyOperation()) Tolerate(fx_.core->Approve(fx_.actor, *id, Approval::kApprove));
        break;
      case 11:
        for (const char* cluster : {"c1", "c2"}) {
          for (const char* mesh : {"istio", "linkerd"}) {
            Tolerate(fx_.core->ReleaseTarget(fx_.actor, fx_.Target(cluster, mesh).id));
          }
        }
        break;
      default:
        Report(Adapter());
        break;
    }
    fx_.Settle();
    Collect();
    Check();
  }

  /// Well-behaved adapters and a person who resolves: everything must come to an end.
  void Finish() {
    for (int round = 0; round < 400 && !AllFinal(); ++round) {
      for (const std::string adapter : {"a1", "a2"}) {
        if (!connected_.contains(adapter)) Connect(adapter, true);
        auto tasks = tasks_[adapter];
        for (auto& [id, task] : tasks)
          End(adapter, task, task.offer.kind == TaskKind::kInspect ? Effect::kComplete : Effect::kNone);
      }
      fx_.Advance(20s);
      fx_.Beat();
      Collect();
      Check();
      for (const std::string& id : operations_) {
        if (fx_.State(id) == OperationState::kAwaitingApproval) {
          Tolerate(fx_.core->Approve(fx_.actor, id, Approval::kReject));
        }
        if (IsFinal(fx_.State(id))) Tolerate(fx_.core->Resolve(fx_.actor, id, Resolution::kCleaned, ""));
      }
      for (const char* cluster : {"c1", "c2"}) {
        for (const char* mesh : {"istio", "linkerd"}) {
          Tolerate(fx_.core->ReleaseTarget(fx_.actor, fx_.Target(cluster, mesh).id));
        }
      }
    }
    for (const std::string& id : operations_) {
      INFO(id << " is " << fx_.StateName(id));
      CHECK(IsFinal(fx_.State(id)));
      ++endings[fx_.StateName(id)];
    }
  }

  /// Everything that was told, with the ids replaced by their order.
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      for (const std::string& kind : fx_.EventKinds(operations_[i])) told.push_back(std::to_string(i) + " " + kind);
    }
    return told;
  }

  std::map<std::string, int> endings;

 private:
  bool AllFinal() {
    return std::all_of(operations_.begin(), operations_.end(),
                       [this](const std::string& id) { return IsFinal(fx_.State(id)); });
  }

  std::size_t Pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); }
  std::string Adapter() { return Pick(2) == 0 ? "a1" : "a2"; }

  std::optional<std::string> AnyOperation() {
    if (operations_.empty()) return std::nullopt;
    return operations_[Pick(operations_.size())];
  }

  template <class T>
  void Tolerate(const T& result) {
    if (result) return;
    static const std::set<std::string> kAllowed{"OPERATION_FINISHED",          "OPERATION_NOT_FINISHED",
                                                "OPERATION_NOT_INDETERMINATE", "OPERATION_NOT_AWAITING_APPROVAL",
                                                "TARGET_QUARANTINED",          "SESSION_UNKNOWN"};
    INFO(result.error().ToString());
    CHECK(kAllowed.contains(result.error().reason()));
  }

  void SubmitOne() {
    const bool istio = Pick(2) == 0;
    auto request = fx_.Request(Pick(2) == 0 ? "c1" : "c2", istio ? "istio" : "linkerd");
    static constexpr TaskKind kKinds[] = {TaskKind::kApply, TaskKind::kApply, TaskKind::kApply, TaskKind::kPlan,
                                          TaskKind::kConformance};
    request.kind = kKinds[Pick(5)];
    request.traits.idempotency = static_cast<meshplay::store::Idempotency>(1 + Pick(3));
    request.traits.cluster_wide = Pick(8) == 0 && request.kind == TaskKind::kApply;
    request.needs_approval = Pick(10) == 0;
    request.priority = static_cast<std::uint32_t>(Pick(3));
    request.deadline = std::chrono::seconds(Pick(4) == 0 ? 30 : 1200);
    const auto submitted = fx_.core->Submit(request);
    Tolerate(submitted);
    if (submitted) operations_.push_back(submitted->operation.id);
  }

  void Connect(const std::string& adapter, bool new_process) {
    std::string replaces;
    std::vector<TaskSnapshot> snapshots;
    if (new_process) {
      if (Pick(2) == 0) replaces = Instance(adapter);
      ++instances_[adapter];
      tasks_[adapter].clear();
    }
    for (const auto& [id, task] : tasks_[adapter]) {
      snapshots.push_back({id, task.offer.attempt, task.offer.fence, task.phase, task.seq});
    }
    const auto directives = fx_.Connect(adapter, Instance(adapter), snapshots, replaces, 4);
    connected_.insert(adapter);
    std::size_t answered = 0;
    for (const TaskDirective& directive : directives) {
      if (directive.directive == Directive::kAssumeLost) continue;
      ++answered;
      auto& tasks = tasks_[adapter];
      const auto task = tasks.find(directive.operation_id);
      if (task == tasks.end() || task->second.offer.attempt != directive.attempt) continue;
      if (directive.directive == Directive::kContinue) task->second.seq = directive.resend_from_seq - 1;
      if (directive.directive == Directive::kAbandon || directive.directive == Directive::kForget) tasks.erase(task);
    }
    CHECK(answered == snapshots.size());
  }

  std::string Instance(const std::string& adapter) { return adapter + "-" + std::to_string(instances_[adapter]); }

  /// Takes new offers; a later attempt of the same task replaces the earlier one.
  void Collect() {
    for (const std::string adapter : {"a1", "a2"}) {
      if (!seen_.contains(adapter) && !connected_.contains(adapter)) continue;
      auto& link = fx_.Link(adapter);
      for (; seen_[adapter] < link.offers.size(); ++seen_[adapter]) {
        const TaskOffer& offer = link.offers[seen_[adapter]];
        if (TakesLock(offer.kind)) {
          std::uint64_t& fence = fences_[offer.cluster_uid + offer.mesh_type];
          CHECK(offer.fence > fence);
          fence = offer.fence;
        } else {
          CHECK(offer.fence == 0);
        }
        if (connected_.contains(adapter) && Pick(5) != 0) tasks_[adapter][offer.operation_id] = {offer, 0, {}};
      }
    }
  }

  void Report(const std::string& adapter) {
    auto& tasks = tasks_[adapter];
    if (tasks.empty() || !connected_.contains(adapter)) return;
    auto chosen = tasks.begin();
    std::advance(chosen, Pick(tasks.size()));
    Task& task = chosen->second;
    const std::string session = fx_.Session(adapter);
    switch (Pick(6)) {
      case 0: {
        OfferReply reply{task.offer.operation_id, task.offer.attempt, task.offer.fence, OfferAnswer::kRejected, {}};
        static const char* const kReasons[] = {"BUSY", "FENCED", "OPERATION_UNKNOWN", "TARGET_MISMATCH"};
        if (task.phase != AttemptPhase::kUnspecified) break;
        reply.rejected = EngineFixture::MakeError(kReasons[Pick(4)], ErrorClass::kUnspecified);
        Tolerate(fx_.core->HandleOfferReply(session, reply));
        tasks.erase(chosen);
        break;
      }
      case 1:
        Tolerate(fx_.core->HandleOfferReply(
            session, {task.offer.operation_id, task.offer.attempt, task.offer.fence, OfferAnswer::kAccepted, {}}));
        task.phase = std::max(task.phase, AttemptPhase::kAccepted);
        break;
      case 2:
        Tolerate(fx_.core->HandleCancelReply(session, task.offer.operation_id, task.offer.attempt, Pick(2) == 0));
        break;
      case 3:
      case 4: {
        auto phase = static_cast<AttemptPhase>(2 + Pick(4));
        if (task.offer.kind == TaskKind::kInspect) phase = AttemptPhase::kReading;
        const std::uint64_t seq = task.seq + (Pick(8) == 0 ? 2 : 1);
        auto& link = fx_.Link(adapter);
        const std::size_t acks = link.acks.size();
        Tolerate(fx_.core->HandleUpdate(session, EngineFixture::MakeUpdate(task.offer, seq, phase)));
        if (link.acks.size() > acks && link.acks.back().acked_seq >= seq && !link.acks.back().finished) {
          task.seq = seq;
          task.phase = std::max(task.phase, phase);
          CheckBarrier(task);
        }
        break;
      }
      default:
        End(adapter, task, static_cast<Effect>(Pick(5)));
        break;
    }
  }

  /// An acknowledged MUTATING belongs to the newest attempt, which holds the lock under the highest fence.
  void CheckBarrier(const Task& task) {
    if (task.phase < AttemptPhase::kMutating || task.offer.kind != TaskKind::kApply) return;
    const auto operation = fx_.Operation(task.offer.operation_id);
    CHECK(operation.last_attempt == task.offer.attempt);
    std::string holder;
    std::uint64_t fence = 0;
    REQUIRE(fx_.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
      MP_TRY(const auto target, reader.FindTarget("", operation.target_id));
      holder = target->locked_by;
      fence = target->fence;
      return {};
    }));
    CHECK(holder == operation.id);
    CHECK(fence == task.offer.fence);
  }

  void End(const std::string& adapter, const Task& task, Effect effect) {
    if (!connected_.contains(adapter)) return;
    const auto outcome = static_cast<Outcome>(Pick(4));
    auto result = EngineFixture::MakeResult(task.offer, task.seq + 1, outcome);
    static const char* const kReasons[] = {"TARGET_UNREACHABLE", "INTERNAL",         "ROLLBACK_FAILED", "PLAN_STALE",
                                           "TARGET_FORBIDDEN",   "ADMISSION_DENIED", "CANCELLED",       "NEW_REASON"};
    if (outcome != Outcome::kSucceeded) {
      result.error = EngineFixture::MakeError(kReasons[Pick(8)], static_cast<ErrorClass>(Pick(10)),
                                              static_cast<SideEffects>(Pick(5)));
    } else if (task.offer.kind == TaskKind::kInspect) {
      result.inspection = meshplay::engine::Inspection{effect, Pick(3)};
    }
    Tolerate(fx_.core->HandleResult(fx_.Session(adapter), result));
    tasks_[adapter].erase(task.offer.operation_id);
  }

  void Check() {
    REQUIRE(fx_.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
      std::map<std::string, int> locks;
      std::set<std::string> quarantines;
      MP_TRY(const auto targets, reader.ListTargets("", "", "", 100));
      std::map<std::string, std::set<std::string>> busy;  // cluster -> holders of meshes; "*" of the whole
      for (const auto& target : targets) {
        CHECK(target.fence >= target_fences_[target.id]);
        target_fences_[target.id] = target.fence;
        if (!target.quarantined_by.empty()) quarantines.insert(target.quarantined_by);
        if (target.locked_by.empty()) continue;
        ++locks[target.locked_by];
        busy[target.cluster_id].insert(target.mesh_type);
        MP_TRY(const auto holder, reader.FindOperation("", target.locked_by));
        REQUIRE(holder);
        INFO(meshplay::store::OperationStateName(holder->state));
        CHECK_FALSE(IsFinal(holder->state));
        CHECK(holder->target_id == target.id);
      }
      for (const auto& [cluster, meshes] : busy) CHECK((!meshes.contains("*") || meshes.size() == 1));
      for (const std::string& id : operations_) {
        MP_TRY(const auto operation, reader.FindOperation("", id));
        REQUIRE(operation);
        INFO(id << " " << meshplay::store::OperationStateName(operation->state));
        const auto before = finals_.find(id);
        if (before != finals_.end()) CHECK(operation->state == before->second);
        if (!IsFinal(operation->state)) {
          if (operation->state != OperationState::kQueued && operation->state != OperationState::kAwaitingApproval &&
              operation->state != OperationState::kBackoff && TakesLock(operation->kind)) {
            CHECK(locks[id] == 1);
          }
          continue;
        }
        if (before == finals_.end() && operation->state == OperationState::kIndeterminate) {
          // Unless the target was quarantined by an earlier one, it is now, until somebody resolves it.
          CHECK_FALSE(quarantines.empty());
        }
        finals_[id] = operation->state;
        CHECK(locks[id] == 0);
        MP_TRY(const auto attempts, reader.ListAttempts(id));
        for (const auto& attempt : attempts) CHECK(attempt.ended_unix_ms != 0);
      }
      meshplay::store::EventQuery query;
      query.after_seq = event_seq_;
      query.limit = 1000;
      MP_TRY(const auto events, reader.ListEvents(query));
      for (const auto& event : events) CHECK(event.seq == ++event_seq_);
      return {};
    }));
  }

  EngineFixture fx_;
  std::mt19937 random_;
  std::vector<std::string> operations_;
  std::map<std::string, std::map<std::string, Task>> tasks_;
  std::map<std::string, int> instances_;
  std::map<std::string, std::size_t> seen_;
  std::set<std::string> connected_;
  std::map<std::string, std::uint64_t> fences_;
  std::map<std::string, std::uint64_t> target_fences_;
  std::map<std::string, OperationState> finals_;
  std::uint64_t event_seq_ = 0;
};

}  // namespace

TEST_CASE("whatever happens, the invariants hold and everything comes to an end", "[engine][property]") {
  std::map<std::string, int> endings;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    Chaos chaos(seed);
    for (int i = 0; i < 250; ++i) {
      CAPTURE(i);
      chaos.Step();
    }
    chaos.Finish();
    for (const auto& [state, count] : chaos.endings) endings[state] += count;
  }
  // The walk is worth something only when it gets everywhere.
  for (const char* state : {"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "INDETERMINATE"}) {
    CAPTURE(state);
    CHECK(endings[state] > 0);
  }
}

TEST_CASE("the same walk over SQLite tells the same story", "[engine][property]") {
  const auto folder = meshplay::TemporaryDirectory::Create("meshplay-engine");
  REQUIRE(folder);
  for (unsigned seed = 100; seed < 102; ++seed) {
    CAPTURE(seed);
    meshplay::store::SqliteOptions options;
    options.path = folder->path() + "/" + std::to_string(seed) + ".db";
    options.durable = false;
    auto opened = meshplay::store::OpenSqliteStore(options);
    REQUIRE(opened);
    Chaos on_disk(seed, std::move(*opened));
    Chaos in_memory(seed);
    for (int i = 0; i < 120; ++i) {
      on_disk.Step();
      in_memory.Step();
    }
    CHECK(on_disk.Told() == in_memory.Told());
  }
}
