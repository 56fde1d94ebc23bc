#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "adapters/common/attempt.h"
#include "adapters/conformance/mesh.h"
#include "adapters/conformance/scratch.h"
#include "adapters/conformance/site.h"

namespace meshplay::conformance {

struct SiteOptions {
  ScratchOptions scratch;
  std::string image;
  std::string pull_policy = "IfNotPresent";
  std::chrono::milliseconds ready_timeout{180'000};
  std::chrono::steady_clock::time_point end;  ///< No case begins or goes on after it.
};

/// Two scratch namespaces on the attempt's cluster. Every change goes through the attempt. Threads: one. Ownership:
/// keeps references.
class KubeSite final : public Site {
 public:
  KubeSite(common::Attempt& attempt, const MeshUnderTest& mesh, SiteOptions options);

  std::string NamespaceOf(Space space) const override { return space == Space::kHome ? home_ : other_; }
  std::string Url(const std::string& service, Space space, int port, const std::string& path,
                  const std::string& scheme) const override;
  Status Prepare() override;
  Result<std::string> WhyNotInMesh() override;
  Result<KindFacts> FindKind(const std::string& group, const std::string& kind) override;
  Result<InForce> SetSmi(const std::vector<nlohmann::json>& documents) override;
  Result<nlohmann::json> TrafficMetrics(const std::string& resource, std::chrono::seconds window) override;
  void Pause(std::chrono::milliseconds length) override;
  std::string WhyStop() const override;

  /// The namespaces that exist or may exist because of this site.
  const std::vector<std::string>& namespaces() const { return made_; }

 private:
  Status CheckInside(const nlohmann::json& object) const;

  common::Attempt& attempt_;
  const MeshUnderTest& mesh_;
  const SiteOptions options_;
  const std::string home_, other_, owner_;
  std::vector<std::string> made_;
  std::vector<kube::ObjectRef> in_force_;  ///< In the order in which they were applied.
};

}  // namespace meshplay::conformance
