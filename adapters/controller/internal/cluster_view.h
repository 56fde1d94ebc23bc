#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/common/kept_lists.h"
#include "adapters/controller/controller.h"
#include "adapters/controller/smi_kinds.h"

namespace meshplay::controller {

/// Everything that a reconciliation of one cluster reads, kept true by watches, for the definitions as they were when
/// it was made. Threads: one.
class ClusterView {
 public:
  /// Errors: those of the client.
  static Result<std::unique_ptr<ClusterView>> Create(kube::Client& client, const MeshTraits& traits,
                                                     const kube::Call& call);

  /// True when something changed before `at_most` was over.
  bool Wait(const std::stop_token& stop, std::chrono::milliseconds at_most);
  /// False while a list that should be there is not: nothing may be concluded from absence then.
  bool Ready() const;
  /// The definitions of SMI or of the mesh changed: make a new view.
  bool Outdated() const;

  /// Those of kinds whose definition is being deleted are read anew each time. Errors: those of the client.
  Result<StoredObjects> Smi(const kube::Call& call) const;
  StoredObjects Mesh() const;
  /// Without what MeshTraits::complete fills in.
  const smi::ClusterFacts& Facts();
  std::optional<NativeConsumer> Native() const;
  bool HasStatus(const kube::Gvk& gvk) const;
  /// True when a definition is being deleted: its objects may wait for us.
  bool Dying() const { return !dying_.empty(); }

 private:
  ClusterView(kube::Client& client, const MeshTraits& traits) : client_(client), traits_(traits) {}
  void Start(std::vector<nlohmann::json> definitions);
  bool OfInterest(const nlohmann::json& definition) const;

  kube::Client& client_;
  const MeshTraits& traits_;
  std::vector<nlohmann::json> definitions_;         ///< Of SMI and of the mesh, whole.
  std::map<std::string, std::string> fingerprint_;  ///< Of those: name to generation.
  std::vector<ServedKind> served_;
  std::vector<kube::Gvk> dying_;
  std::vector<kube::Gvk> mesh_kinds_;  ///< Of the traits, those that are served.
  smi::ClusterFacts facts_;
  bool facts_dirty_ = true;
  std::unique_ptr<common::KeptLists> lists_;
};

/// The objects of a kind that a client lists now; a kind that is not served has none.
Result<StoredObjects> ListNow(kube::Client& client, const kube::Gvk& gvk, const kube::Call& call);

}  // namespace meshplay::controller
