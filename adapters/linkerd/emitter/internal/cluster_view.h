#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/linkerd/emitter/internal/route_names.h"
#include "libs/smi/facts.h"
#include "libs/smi/model.h"

namespace meshplay::linkerd {

inline constexpr const char* kPolicyGroup = "policy.linkerd.io";
inline constexpr const char* kGatewayGroup = "gateway.networking.k8s.io";

/// A Server of somebody else.
struct ForeignServer {
  std::string name;
  nlohmann::json selector;
  nlohmann::json port;
  bool bare = false;  ///< It denies by default, and nothing of somebody else hangs on it.
};

/// What the facts say that Linkerd's emitter asks for, found without walking them all.
/// Ownership: keeps references to `facts`.
class ClusterView {
 public:
  ClusterView(const smi::FactsIndex& facts, const std::string& owner);

  const smi::FactsIndex& facts() const { return facts_; }
  const std::string& server_version() const { return server_version_; }  ///< "policy.linkerd.io/v1beta3"
  /// Where HTTPRoutes of Servers live: "policy.linkerd.io/v1beta3", else the Gateway API's; empty when the cluster has
  /// none.
  const std::string& route_version() const { return route_version_; }

  /// Our routes of a namespace, sorted by name.
  const std::vector<OwnRoute>& OwnRoutes(const std::string& namespace_name) const;

  /// The Server of somebody else that takes a port of one of the workloads; nullptr when there is none.
  const ForeignServer* ForeignServerOn(const std::vector<const smi::Workload*>& workloads, int port) const;

  /// True when an object of that name belongs to somebody else.
  bool IsForeign(const smi::ObjectKey& key) const;

  std::vector<const smi::Service*> ServicesOf(const smi::Workload& workload) const;

 private:
  void ReadExisting();
  void ReadVersions();
  std::string Newest(const std::string& group, const std::string& kind, const std::vector<std::string>& known) const;

  const smi::FactsIndex& facts_;
  std::string owner_;
  std::string server_version_;
  std::string route_version_;
  std::map<std::string, std::vector<OwnRoute>> own_routes_;
  std::map<std::string, std::vector<ForeignServer>> foreign_servers_;
  std::unordered_map<std::string, std::vector<const smi::Service*>> services_;  ///< By namespace and one label.
};

}  // namespace meshplay::linkerd
