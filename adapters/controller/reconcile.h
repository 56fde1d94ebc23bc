#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/controller/state.h"
#include "adapters/kube/object.h"
#include "adapters/translate/emitter.h"
#include "libs/smi/model.h"
#include "libs/smi/report.h"

namespace meshplay::controller {

using StoredObjects = std::vector<std::shared_ptr<const nlohmann::json>>;

/// Everything a reconciliation looks at: the cluster of one moment, and its translation.
struct Picture {
  StoredObjects smi;             ///< All SMI objects that are stored, those out of scope and those being deleted too.
  const smi::DocumentSet& set;   ///< Of those that count: in scope, and not being deleted.
  translate::Emission emission;  ///< Of `set`.
  StoredObjects stored;          ///< All objects of the kinds that the mesh's translation makes, anybody's.
  std::int64_t now_ms = 0;       ///< Wall clock.
};

/// What this process knows of an object that it has written.
struct Written {
  std::string desired;             ///< Digest of what was sent.
  std::string stored;              ///< Digest of what the server made of it.
  int repairs = 0;                 ///< In a row, of the same wish: somebody else writes it too.
  std::int64_t not_before_ms = 0;  ///< The next repair.
};
using WrittenObjects = std::map<kube::ObjectRef, Written>;

struct ReconcileOptions {
  std::string mesh_type;
  std::chrono::milliseconds grace{60'000};
};

enum class StepKind { kAddFinalizer, kApply, kDelete, kRemoveFinalizer };

/// One write. In the order of the list; when one fails, later ones for any of the same sources must not happen in this
/// round (an allow that is missing makes the deny after it an outage).
struct Step {
  StepKind kind = StepKind::kApply;
  kube::ObjectRef ref;
  nlohmann::json object;  ///< kApply: as sent. Finalizers: the list that is to be there.
  bool exists = false;    ///< kApply: it is stored, and ours.
  std::string uid;
  std::string resource_version;
  std::vector<std::string> sources;  ///< smi::ObjectKey::Text() of each.
};

/// Ahead of the write of `steps[next]`.
using BeforeStep = std::function<void(const std::vector<Step>& steps, std::size_t next)>;

/// What is to be said at an SMI object.
struct Verdict {
  kube::ObjectRef ref;
  std::string state;  ///< IN_STEP, DEGRADED, PENDING, CONFLICT, INVALID; FAILED when a write did not work.
  smi::SmiReport report;
  std::shared_ptr<const nlohmann::json> object;  ///< As stored.
};

struct Reconciliation {
  std::vector<Step> steps;
  State state;  ///< To be stored before the first step.
  std::vector<Verdict> verdicts;
  std::optional<std::int64_t> wake_at_ms;  ///< Something is to be done then without any change.
};

/// Compares what is with what should be. The rules:
/// * An object of somebody else is never written; nothing of its source is.
/// * Objects go in the emitter's order, and away in the reverse of it; what stays is written over, never made anew.
/// * A source that lost a reference keeps what it has (DEGRADED) for the grace, if nobody edited it or what it still
///   refers to: an edit takes effect at once. Then the translation without the reference holds, which allows less.
///   What never was there has no grace.
/// * A source with objects in other namespaces carries our finalizer from before the first of them until none is left.
/// Pure.
Reconciliation Reconcile(const Picture& picture, const State& before, const WrittenObjects& written,
                         const ReconcileOptions& options);

/// What is known after a write: writing the same wish again is a repair, and repairs in a row come ever more rarely.
Written AfterWrite(const Written* before, const nlohmann::json& sent, const nlohmann::json& stored,
                   std::int64_t now_ms);

/// Digest of everything of an object that a repair would bring back.
std::string StoredDigest(const nlohmann::json& object);

/// True when somebody else has put fields into the spec of an object that `manager` writes: an apply alone would leave
/// them there.
bool HasForeignSpec(const nlohmann::json& object, const std::string& manager);

}  // namespace meshplay::controller
