#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/controller/settings.h"
#include "adapters/controller/verdicts.h"
#include "adapters/controller/write_gate.h"
#include "adapters/kube/client.h"
#include "adapters/translate/emitter.h"
#include "libs/base/clock.h"
#include "libs/smi/facts.h"

namespace meshplay::controller {

/// What the controller needs to know of a mesh.
struct MeshTraits {
  std::string mesh_type;  ///< "istio"
  /// Its objects carry the owner kOwner, and owner references where they are legal.
  translate::TranslateEmitter emitter;
  /// What the emitter makes, and what it wants to see of others. Of a kind's versions the first one that is served
  /// counts.
  std::vector<kube::Gvk> kinds;
  /// Fills in what the objects of the cluster do not tell: the mesh's version, its trust domain.
  /// Errors: kFailedPrecondition PREREQUISITE_MISSING when the mesh is not there; those of the client.
  std::function<Status(kube::Client& client, const std::string& mesh_key, const kube::Call& call,
                       smi::ClusterFacts& facts)>
      complete;
  /// Called for each round of writes; what it returns, ahead of each write of the round and outside of the gate. It may
  /// wait until the mesh's proxies have what allows before what denies the rest, within a limit of its own: what
  /// happens in the cluster meanwhile is folded into the next round. Empty: nothing to wait for.
  std::function<BeforeStep(kube::Client& client, const std::string& mesh_key, const kube::Call& call)> distribution =
      {};
};

/// How it goes, for the inventory.
struct ControllerReport {
  bool enabled = false;
  std::string mesh_key;
  std::string trouble;  ///< Why nothing is written, or what does not work: a reason and a sentence. Empty: in step.
  std::string trouble_reason;
  Summary summary;
  std::int64_t last_change_ms = 0;  ///< Of the last object written or removed; 0: none in this process.
  bool operator==(const ControllerReport&) const = default;
};

/// Keeps one cluster's translation in step while the ConfigMap that enables it is there.
///
/// Threads:   Run blocks; beside it one thread for each watched kind. `report` is called on Run's thread.
/// Ownership: keeps references to all arguments of the constructor.
/// Memory:    one trimmed copy of each watched object; what happens in between is folded, never queued.
class SmiController {
 public:
  using Reporter = std::function<void(const ControllerReport&)>;

  SmiController(kube::Client& client, const MeshTraits& traits, WriteGate& gate, const Clock& clock, Reporter report);
  ~SmiController();
  SmiController(const SmiController&) = delete;
  SmiController& operator=(const SmiController&) = delete;

  void Run(const std::stop_token& stop);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace meshplay::controller
