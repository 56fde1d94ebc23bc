#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "server/policy/policies.h"
#include "tests/unit/engine/engine_fixture.h"

namespace meshplay::testing {

using namespace std::chrono_literals;

inline constexpr const char* kSplit = R"(apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: web, namespace: shop}
spec:
  service: web
  backends: [{service: web-v1, weight: 1}]
)";

/// Documents that differ by a name only.
inline std::string Split(const std::string& name) {
  std::string text = kSplit;
  return text.replace(text.find("name: web,"), 9, "name: " + name);
}

/// Policies without their thread over the real engine, the in-memory store and a clock moved by hand. Mesh "m1" is on
/// cluster "m1" and so on, served by adapter "a-m1".
class PolicyFixture {
 public:
  explicit PolicyFixture(policy::PolicyOptions given = {}) : options(std::move(given)) { RestartPolicies(); }

  /// The server was killed: only the rows are left. Engine and adapters go on.
  void RestartPolicies() { policies = std::make_unique<policy::Policies>(*engine.store, engine.clock, options); }

  void AddMesh(const std::string& id, const std::map<std::string, std::string>& labels = {},
               const std::string& cluster = "", bool connected = true);
  void SetLabels(const std::string& cluster, const std::map<std::string, std::string>& labels);
  void Claim(const std::string& cluster, bool live, const std::string& conditions = "");
  void Happened(const std::string& subject, const std::string& kind, const nlohmann::json& body = {});

  /// Half a second passes and everything that is due is done, the adapters' work excepted.
  void Tick(std::chrono::milliseconds by = 600ms);

  store::AuditRecord Audit() const;
  static policy::PolicyChange Change(const std::string& documents = kSplit);
  store::PolicyRecord Create(const policy::PolicyChange& change, const std::string& id = "shop");
  store::PolicyRecord Update(const policy::PolicyChange& change, const std::string& id = "shop");
  store::PolicyRecord Policy(const std::string& id = "shop");
  bool HasPolicy(const std::string& id = "shop");
  /// The row of a mesh; an empty one when there is none.
  store::PolicyMeshRecord Mesh(const std::string& mesh, const std::string& id = "shop");
  std::string State(const std::string& mesh) { return Mesh(mesh).state; }
  std::string Reason(const std::string& mesh) { return Mesh(mesh).reason; }
  store::PolicyReportRecord Report(const std::string& mesh);

  /// Offers that no test has answered yet, as "APPLY m1", sorted.
  std::vector<std::string> Offers();
  engine::TaskOffer Offer(const std::string& text);
  /// The adapter does what it was offered. `level` is that of the SMI report.
  void Succeed(const std::string& offer, const std::string& level = "FULL");
  void SucceedWith(const std::string& offer, const nlohmann::json& reports);
  void Plan(const std::string& offer, const nlohmann::json& changes,
            const nlohmann::json& reports = nlohmann::json::array());
  void Fail(const std::string& offer, const std::string& reason = "CONFLICT");
  /// APPLY and the verifying PLAN of a mesh, both fine.
  void Settle(const std::string& mesh, const std::string& level = "FULL");

  policy::PolicyOptions options;
  engine::testing::EngineFixture engine;
  std::unique_ptr<policy::Policies> policies;
  std::vector<policy::OperationWish> wishes;  ///< All that were asked for.
  bool needs_approval = false;
  bool lose_answers = false;  ///< The engine takes operations, but the answer never comes back.
  std::optional<Error> refuse;

 private:
  policy::Hands MakeHands();
  void Finish(const engine::TaskOffer& offer, engine::TaskResult result);
  std::set<std::string> answered_;  // operation/attempt
};

}  // namespace meshplay::testing
