#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "libs/smi/report.h"

namespace meshplay::conformance {

/// Where the applications are.
enum class Space { kHome, kOther };

/// What SMI documents became on the mesh.
struct InForce {
  std::vector<smi::SmiReport> reports;
  std::vector<nlohmann::json> objects;  ///< Generated and applied, in order.
};

/// What the cluster says about an SMI kind.
struct KindFacts {
  bool served = false;  ///< By a CustomResourceDefinition, any version.
  std::vector<std::string> versions;
  std::vector<std::string> short_names;
  bool translated = false;  ///< The adapter takes documents of this kind itself.
};

/// The world of a run: scratch namespaces with the applications, and SMI in force there. Threads: one at a time.
class Site {
 public:
  virtual ~Site() = default;
  virtual std::string NamespaceOf(Space space) const = 0;
  /// "http://app-b.ns.svc.cluster.local:9091/echo", as a workload of the mesh writes it; `scheme` "udp" has no path.
  virtual std::string Url(const std::string& service, Space space, int port, const std::string& path,
                          const std::string& scheme = "http") const = 0;
  /// Makes namespaces and applications and waits until they are ready. Errors end the run.
  virtual Status Prepare() = 0;
  /// Why the applications are not part of the mesh; empty when they are.
  virtual Result<std::string> WhyNotInMesh() = 0;
  virtual Result<KindFacts> FindKind(const std::string& group, const std::string& kind) = 0;
  /// From now on exactly these documents are in force; none: everything of before is taken back. Everything not
  /// granted is denied for the namespaces of TrafficTargets (mode=strict).
  virtual Result<InForce> SetSmi(const std::vector<nlohmann::json>& documents) = 0;
  /// What the mesh's TrafficMetrics source answers for a resource of the home namespace ("deployments" or
  /// "deployments/app-a-deployment/edges") and that much time; what it says when it has nothing to tell.
  /// Errors: kUnimplemented METRICS_NOT_AVAILABLE; kFailedPrecondition METRICS_NOT_CONFIGURED; kUnavailable when the
  /// source is away.
  virtual Result<nlohmann::json> TrafficMetrics(const std::string& resource, std::chrono::seconds window) = 0;
  /// Sleeps, or returns early when the run must stop.
  virtual void Pause(std::chrono::milliseconds length) = 0;
  /// The clock by which a change may take its time. It moves on with every Pause.
  virtual std::chrono::steady_clock::time_point Now() const { return std::chrono::steady_clock::now(); }
  /// Why the run must stop: cancelled, out of time. Empty while it goes on.
  virtual std::string WhyStop() const = 0;
};

}  // namespace meshplay::conformance
