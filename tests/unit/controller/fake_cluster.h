#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/controller/reconcile.h"

namespace meshplay::test {

/// A cluster of plain objects with a clock, on which reconciliations of the Istio translation are carried out.
class FakeCluster {
 public:
  /// Namespace shop: Deployments and Services api, api-v1, api-v2; accounts api and web.
  FakeCluster();

  /// Creates or replaces objects of YAML documents, as a person would: uid, generation and deletion as a server does.
  void Put(const std::string& yaml);
  /// "Kind/namespace/name". An object with finalizers stays, marked as being deleted.
  void Remove(const std::string& name);
  bool Has(const std::string& name) const { return objects_.count(name) != 0; }
  nlohmann::json& At(const std::string& name) { return objects_.at(name); }
  std::vector<std::string> Names(const std::string& kind) const;

  /// One round, and everything it wants done. Steps as "apply Kind/ns/name".
  std::vector<std::string> Round();
  /// Rounds until nothing is to be done. Returns all steps; fails when it does not settle.
  std::vector<std::string> Settle();
  const controller::Verdict& VerdictOf(const std::string& name) const;

  void Advance(std::chrono::milliseconds by) { now_ms += by.count(); }
  /// A new process: only what is in the state survives.
  void Restart();

  std::int64_t now_ms = 1'800'000'000'000;
  controller::State state;
  controller::Reconciliation last;
  /// Steps whose text holds this are refused.
  std::string broken;
  /// The translation does not see what is there: as when an object comes right after the look.
  bool blind_translation = false;

 private:
  void Apply(const nlohmann::json& object);
  bool Do(const controller::Step& step, std::vector<std::string>& done);

  std::map<std::string, nlohmann::json> objects_;
  controller::WrittenObjects written_;
  int next_uid_ = 1;
};

}  // namespace meshplay::test
