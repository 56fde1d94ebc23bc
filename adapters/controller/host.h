#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "adapters/controller/controller.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::controller {

namespace pb = meshplay::adapter::v1;

/// The controllers of one adapter process: one a cluster, running beside its inventory watch. What an adapter adds:
/// `Attach` from MeshAdapter::Attach, `Run` in WatchInventory, `HoldWrites` around every attempt that changes a
/// cluster. Threads: any.
class ControllerHost {
 public:
  ControllerHost(MeshTraits traits, const Clock& clock) : traits_(std::move(traits)), clock_(clock) {}

  void Attach(const sdk::AdapterLink& link) { link_.store(&link); }
  const MeshTraits& traits() const { return traits_; }

  /// Blocks until `stop`. Without Attach nothing is ever written.
  void Run(const std::string& cluster_uid, kube::Client& client, const SmiController::Reporter& report,
           const std::stop_token& stop);

  /// No controller of this process writes to the cluster while the Hold lives; waits for a write under way.
  std::unique_ptr<WriteGate::Hold> HoldWrites(const std::string& cluster_uid) { return Gate(cluster_uid).HoldWrites(); }

 private:
  WriteGate& Gate(const std::string& cluster_uid);

  const MeshTraits traits_;
  const Clock& clock_;
  std::atomic<const sdk::AdapterLink*> link_{nullptr};
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<WriteGate>> gates_;
};

/// The condition that stands for a report; nullopt while the controller is not enabled.
std::optional<pb::Condition> ConditionOf(const ControllerReport& report);

/// Passes an inventory on and adds what long-lived parts of the adapter say of a mesh to its item, as conditions: so a
/// server shows them without knowing what they are. A controller's report is the condition "SmiController".
/// Threads: any.
class ReportingView final : public sdk::InventoryView {
 public:
  explicit ReportingView(sdk::InventoryView& inner) : inner_(inner) {}

  void Replace(const std::vector<pb::InventoryKind>& kinds, std::vector<pb::InventoryItem> items) override;
  void Upsert(pb::InventoryItem item) override;
  void Remove(const pb::ObjectRef& ref) override;
  void MarkComplete() override { inner_.MarkComplete(); }

  void Report(const ControllerReport& report) { Set("SmiController", report.mesh_key, ConditionOf(report)); }
  /// From now on the mesh has this condition of the type, and no other mesh has one; nullopt: none has. While there is
  /// no mesh with the key, every mesh has it: what nobody sees helps nobody.
  void Set(const std::string& type, const std::string& mesh_key, std::optional<pb::Condition> condition);

 private:
  struct Said {
    std::string mesh_key;
    pb::Condition condition;
  };
  void Keep(const pb::InventoryItem& item);
  void Decorate(pb::InventoryItem& item) const;
  bool HasMesh(const std::string& mesh_key) const;
  std::set<std::string> Homeless() const;
  void TellAll();

  sdk::InventoryView& inner_;
  std::mutex mutex_;
  std::map<std::string, Said> said_;                 ///< By the condition's type.
  std::map<std::string, pb::InventoryItem> meshes_;  ///< By key; as they came.
};

}  // namespace meshplay::controller
