#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "adapters/kuma/emitter/emit.h"
#include "adapters/translate/translation.h"

namespace meshplay::kuma {

inline constexpr const char* kVersion = "kuma.io/v1alpha1";

/// When an object is applied, lowest first. A filter comes before the permissions that lean on it. A permission that
/// denies first allows in the same object, so all are one; the baseline of a namespace comes after what it must not cut
/// off.
enum Wave { kRouteWave, kFilterWave, kPermissionWave, kDenyNamespaceWave };

/// Labels of every policy.
nlohmann::json MeshLabels();

std::string SpiffeId(const translate::EmitContext& context, const smi::Identity& identity);

/// Permissions by SPIFFE id: one object for each target, selection of pods and inbound. `filtered`: a MeshProxyPatch
/// checks requests, and permissions let in all that might pass it.
void EmitByMeshIdentity(translate::EmitContext& context, const smi::Grant& grant, bool filtered,
                        translate::Outcome& outcome);

/// Permissions by kuma.io/service: one object for each destination tag with the callers of all targets, because the
/// order within one object is the only one that is certain. All tags of a pod port share one listener, to which the
/// permissions of all of them apply: those of one account allow the same callers there, and a Service that also stands
/// for another account gets one, which only denies, just where no other tag guards the pod port.
/// Strict mode adds one object for each namespace: its targetRef Mesh means the data planes of its own namespace, and
/// Kuma puts Mesh before MeshSubset whatever the names, so that the permission of a destination overrides it.
class ServicePermissions {
 public:
  explicit ServicePermissions(BaselineMode mode) : mode_(mode) {}

  /// `grant` null: the destination only denies.
  void Add(translate::EmitContext& context, const smi::Head& source, const smi::Identity& destination,
           const smi::Grant* grant, translate::Outcome& outcome);
  void Draft(translate::EmitContext& context) const;

 private:
  struct Destination {
    std::string namespace_name;
    std::string account;
    std::string part;
    std::set<std::string> callers;
    std::vector<const smi::Head*> sources;
  };
  /// The tag of this port denies by default.
  Destination& Guard(const smi::Service& service, const smi::ServicePort& port, const std::string& account,
                     const smi::Head& source);

  BaselineMode mode_;
  std::map<std::string, Destination> destinations_;                    ///< By tag.
  std::map<std::string, std::vector<const smi::Head*>> strict_homes_;  ///< Namespaces that deny, and for whom.
};

/// Tells what of a grant Kuma can carry. False: nothing. Reports UDP and HTTP conditions.
bool Carries(const translate::EmitContext& context, const smi::Grant& grant, bool filtered,
             translate::Outcome& outcome);

void Explain(const smi::Grant& grant, translate::Outcome& outcome);

}  // namespace meshplay::kuma
