#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "libs/base/files.h"

namespace meshplay::test {

/// A cluster of the rig of its own with AllDefinitions, the custom resources of every mesh, gone when this object is.
/// Nothing but the API server's own validation judges here: no mesh runs.
class CrdCluster {
 public:
  /// Null, after Skip(), when the rig's tools are not there.
  static std::unique_ptr<CrdCluster> Up(const std::string& name);
  ~CrdCluster();

  kube::Client& kube() { return *kube_; }
  void MakeNamespace(const std::string& name);
  /// Names of the installed definitions.
  const std::vector<std::string>& definitions() const { return definitions_; }
  /// What kubectl's server-side apply of all objects says on stderr, without writing anything: warnings and errors.
  std::string ApplyWithKubectl(const std::vector<nlohmann::json>& objects);

 private:
  CrdCluster(std::string name, TemporaryDirectory folder) : name_(std::move(name)), folder_(std::move(folder)) {}
  void Install(const std::vector<nlohmann::json>& definitions);

  std::string name_;
  TemporaryDirectory folder_;
  std::string kubeconfig_;
  std::unique_ptr<kube::Client> kube_;
  std::vector<std::string> definitions_;
};

}  // namespace meshplay::test
