#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "libs/base/secret.h"
#include "meshplay/adapter/v1/adapter.pb.h"

/// What a C++ adapter links: it implements MeshAdapter and hands it to RunAdapter. Everything of the protocol -
/// identity, session, lease, outbox, resume, the mutation barrier - happens in here. See docs/adapter-guide.md.
namespace meshplay::sdk {

namespace pb = meshplay::adapter::v1;

/// An adapter error ready for a TaskResult. `side_effects` must be true to the facts.
pb::Error MakeError(std::string reason, pb::ErrorClass error_class, pb::SideEffects side_effects, std::string message,
                    std::string remediation = {});
pb::TaskResult Succeeded();
pb::TaskResult Failed(pb::Error error);

/// One attempt as its operation function sees it.
/// Threads: every method may be called from any thread of the task; calls that wait say so.
class TaskContext {
 public:
  virtual ~TaskContext() = default;

  virtual const pb::TaskOffer& offer() const = 0;
  /// Stops when the task should end: cancelled, time budget over, fenced off, lease gone, process stopping.
  virtual std::stop_token stop() const = 0;

  /// Passes the mutation barrier: sends phase MUTATING and waits until the server has it on disk. Call once before the
  /// first side effect, then raise the fence on the target. Further calls return at once.
  /// Errors: kCancelled CANCELLED; kAborted FENCED; kUnavailable LEASE_EXPIRED; kDeadlineExceeded DEADLINE_EXCEEDED.
  virtual Status BeginMutating() = 0;

  /// To be asked before each mutating call. While the lease is over and the session is being brought back it waits, at
  /// most for the time budget; a stop request ends the wait. Errors: as BeginMutating.
  virtual Status MayMutate() = 0;

  /// True when a long mutating call that is running must end now: stop was asked for, or the lease is over (then
  /// MayMutate may still allow to do it again later). Never waits.
  virtual bool MustYield() const = 0;

  /// The honest end of a task whose stop was asked for: CANCELLED, DEADLINE_EXCEEDED or FENCED with these side effects.
  virtual pb::TaskResult Stopped(pb::SideEffects side_effects) const = 0;

  /// Announces the longest mutating call about to start when it is above the server's default (10 s): a helm run.
  /// Waits for the acknowledgement.
  virtual Status AnnounceStep(std::chrono::milliseconds step_timeout) = 0;

  /// How long the lease certainly lasts from now; zero when it is over.
  virtual std::chrono::milliseconds lease_left() const = 0;

  virtual void SetPhase(
      pb::TaskPhase phase) = 0;  ///< READING, VERIFYING, ROLLING_BACK. MUTATING by BeginMutating only.
  virtual void Progress(std::uint32_t done, std::uint32_t total, const std::string& text) = 0;

  /// The steps of this attempt, all PENDING; call once, early.
  struct StepPlan {
    std::string name;   ///< Machine name, stable: "helm.istiod"
    std::string title;  ///< For people.
  };
  virtual void PlanSteps(const std::vector<StepPlan>& steps) = 0;
  virtual void StepRunning(const std::string& name, const std::string& text = {}) = 0;
  virtual void StepDone(const std::string& name, const std::string& text = {}) = 0;
  virtual void StepSkipped(const std::string& name, const std::string& text) = 0;
  virtual void StepFailed(const std::string& name, const std::string& text) = 0;

  virtual void Changed(const pb::ObjectOutcome& outcome) = 0;
  virtual void Diagnose(const pb::Diagnostic& diagnostic) = 0;

  /// Stores a checkpoint (at most 64 KiB) on the server and waits until it is durable.
  virtual Status SaveCheckpoint(const std::string& bytes) = 0;

  /// The values of one secret named in the offer. Errors: kFailedPrecondition SECRET_UNAVAILABLE.
  virtual Result<std::map<std::string, Secret>> ResolveSecret(const std::string& logical_name) = 0;
  /// Has the server keep a key this adapter made. Returns the reference for outputs.
  virtual Result<pb::SecretRef> StoreSecret(const std::string& name, const std::map<std::string, Secret>& data) = 0;
};

/// The adapter's picture of one cluster, kept by the adapter and streamed by the SDK: snapshots after a reconnect,
/// digests, credit and coalescing by key are the SDK's. Threads: any.
class InventoryView {
 public:
  virtual ~InventoryView() = default;
  /// Everything of these kinds; what was there before and is not in `items` is gone. `items` may hold several kinds.
  virtual void Replace(const std::vector<pb::InventoryKind>& kinds, std::vector<pb::InventoryItem> items) = 0;
  virtual void Upsert(pb::InventoryItem item) = 0;
  virtual void Remove(const pb::ObjectRef& ref) = 0;
  /// All kinds have been listed once: only now may the first snapshot be sent (until then nothing is).
  virtual void MarkComplete() = 0;
};

/// What parts of an adapter that work for long beside its tasks (controllers) may ask before they change a cluster.
/// Threads: any.
class AdapterLink {
 public:
  virtual ~AdapterLink() = default;
  /// How long the lease of the session certainly lasts from now; zero when it is over.
  virtual std::chrono::milliseconds lease_left() const = 0;
  /// True when the server's last word is that this adapter serves the cluster (another one would stand by).
  virtual bool Serves(const std::string& cluster_uid) const = 0;
};

/// Implemented by each adapter.
class MeshAdapter {
 public:
  virtual ~MeshAdapter() = default;

  /// Called once by RunAdapter before everything else. `link` is valid until the last WatchInventory has returned.
  virtual void Attach(const AdapterLink& link);

  /// The manifest. Cheap, no network. `digest` is filled in by the SDK when empty (SHA-256 of the content).
  virtual pb::Capabilities capabilities() = 0;

  /// The clusters this process can reach, with conditions (Reachable, CredentialsValid). Called at start, every 20 s
  /// and before each Hello; may take up to 10 s, on a thread of the SDK. An unreachable cluster whose uid is known from
  /// before stays listed with Reachable=False.
  virtual std::vector<pb::TargetClaim> Targets() = 0;

  /// Runs one task to its end. Called on a task thread, several at once. Exceptions become INTERNAL.
  virtual pb::TaskResult Run(TaskContext& task) = 0;

  /// Read-only question with a 20 s deadline; default answers OPERATION_UNKNOWN.
  virtual pb::TaskResult Query(TaskContext& task);

  /// Keeps `view` true until `stop`. One thread per cluster, called again after it returned (with a pause).
  virtual void WatchInventory(const pb::TargetRef& target, InventoryView& view, std::stop_token stop) = 0;
};

struct AdapterOptions {
  std::string state_directory;  ///< Identity, outbox, lock. Mode 0700, one process at a time.
  std::string enroll_file;      ///< enroll.json; needed on the first start, ignored once enrolled.
  std::string adapter_type;     ///< "istio"
  std::string software_name = "meshplay-adapter";
  std::string software_version;
  std::uint32_t max_concurrent_tasks = 4;
  std::chrono::milliseconds stop_bound{
      8'000};  ///< After SIGTERM: how long running steps may take to reach a safe point.
};

/// Enrols when needed, then keeps a session until `stop` is requested. Returns an exit code of the CLI's table
/// (docs/operations.md): 0 after an orderly stop, 2 bad options, 7 identity refused, 9 hub unreachable during the first
/// enrolment. Reconnects for ever otherwise. Installs no signal handlers. When a task function or WatchInventory does
/// not return after the stop (stop_bound, and 3 s), this ends the process with exit code 0 instead of returning: the
/// server finds out what the task did.
int RunAdapter(MeshAdapter& adapter, const AdapterOptions& options, std::stop_token stop);

}  // namespace meshplay::sdk
