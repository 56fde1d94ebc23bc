#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "adapters/translate/common_options.h"
#include "adapters/translate/drafts.h"
#include "adapters/translate/emitter.h"
#include "libs/smi/resolve.h"

namespace meshplay::translate {

/// What an emitter sees of one translation.
struct EmitContext {
  const smi::FactsIndex& facts;
  const CommonOptions& options;
  std::string trust_domain;
  std::string cluster_domain;
  DraftList drafts;
};

using Outcomes = std::map<const smi::Head*, Outcome>;

/// Labels or annotations by which pods say that a mesh's policies are not for them: key to values. Without values: any
/// but the name of a Service that selects the pods.
using OptOuts = std::map<std::string, std::set<std::string>>;

/// One mesh's part of a translation. Calls come for all targets by namespace and name, so for all splits, then Finish
/// once.
class MeshWriter {
 public:
  virtual ~MeshWriter() = default;
  /// Drafts the access objects of a valid target, or keeps the grant for Finish.
  virtual void Target(EmitContext& context, const smi::Grant& grant, Outcome& outcome) = 0;
  /// Drafts policies that only deny, for an invalid target whose destination is a ServiceAccount all the same: an edit
  /// that breaks an object must not open what it guarded.
  virtual void InvalidTarget(EmitContext& context, const smi::TrafficTarget& target, Outcome& outcome) = 0;
  virtual void Split(EmitContext& context, const smi::Split& split, Outcome& outcome) = 0;
  /// What needs all objects at once.
  virtual void Finish(EmitContext& context, Outcomes& outcomes) = 0;
  /// Why a UDPRoute has no effect on this mesh; empty when it has one.
  virtual std::string UdpMessage() const = 0;
  virtual OptOuts PodOptOuts() const { return {}; }
  /// False when it is all the same to the mesh whether pods use the network of their node.
  virtual bool NeedsPodNetwork() const { return true; }
};

/// Validates, resolves, has `writer` draft the objects, refuses those whose names somebody else's objects hold, and
/// reports on every SMI object. Errors: kInvalidArgument SMI_OPTION_INVALID.
Result<Emission> Translate(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const CommonOptions& options,
                           MeshWriter& writer);

}  // namespace meshplay::translate
