#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "adapters/kube/client.h"

namespace meshplay::testing {

/// The shared cluster named by MESHPLAY_TEST_KUBECONFIG, with a namespace of this test's own that is deleted at the
/// end.
class Cluster {
 public:
  /// Nothing when the variable is unset; then the test case has been marked as skipped.
  static std::unique_ptr<Cluster> Connect();
  ~Cluster();

  kube::Client& client() { return *client_; }
  const kube::Access& access() const { return access_; }
  const std::string& name_space() const { return name_space_; }
  const std::string& unique() const { return unique_; }  ///< 8 hexadecimal digits.

  /// A client of the same cluster with another identity or other options.
  std::unique_ptr<kube::Client> ClientAs(const std::string& user, kube::ClientOptions options = {}) const;

  nlohmann::json ConfigMap(const std::string& name, const std::string& value = "1") const;
  kube::ObjectRef RefTo(const std::string& config_map) const;

 private:
  Cluster() = default;
  kube::Access access_;
  std::unique_ptr<kube::Client> client_;
  std::string unique_;
  std::string name_space_;
};

/// Asks until `done` says so; false after 30 seconds.
bool Eventually(const std::function<bool()>& done);

}  // namespace meshplay::testing
