#pragma once

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "libs/smi/facts.h"

namespace meshplay::testing {

/// SMI documents and a small cluster that change step by step. Names come from short lists, so that references meet
/// their objects, miss them, and meet invalid ones. The same seed gives the same world.
class RandomWorld {
 public:
  explicit RandomWorld(unsigned seed);

  /// Changes one thing, mostly a document, and says what.
  std::string Edit();
  /// Takes over objects as they would be in the cluster after an apply.
  void Apply(const std::vector<nlohmann::json>& objects) { ours_ = objects; }

  const std::vector<nlohmann::json>& documents() const { return documents_; }
  smi::ClusterFacts Facts() const;

 private:
  int Pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  bool Chance(int percent) { return Pick(100) < percent; }
  std::string Name(const char* prefix, int count) { return prefix + std::to_string(Pick(count)); }
  std::string Namespace() { return Chance(80) ? "shop" : "pay"; }
  nlohmann::json Meta(const std::string& name);
  nlohmann::json Subject();
  nlohmann::json Target();
  nlohmann::json Group();
  nlohmann::json PortRoute();
  nlohmann::json Binding();
  nlohmann::json Split();
  nlohmann::json Document();
  nlohmann::json Workload();
  nlohmann::json Service();
  nlohmann::json NamespaceObject();
  nlohmann::json Foreign();

  std::mt19937 random_;
  std::vector<nlohmann::json> documents_;
  std::vector<nlohmann::json> cluster_;
  std::vector<nlohmann::json> foreign_;
  std::vector<nlohmann::json> ours_;
  std::string mesh_version_;
};

}  // namespace meshplay::testing
