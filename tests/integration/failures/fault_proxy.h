#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "adapters/kube/kubeconfig.h"
#include "libs/base/tls.h"
#include "libs/http/client.h"
#include "tests/unit/http/loopback.h"

namespace meshplay::test {

using testing::SeenRequest;
using testing::Wire;

/// Stands between the adapter (and its helm) and a real API server: ends their TLS, speaks to the API server as the
/// administrator (an Impersonate-User header goes through, so RBAC stays real) and breaks what a rule says.
class FaultProxy {
 public:
  /// True: the rule dealt with the request, by answering, cutting or hanging. False: the API server answers.
  using Rule = std::function<bool(const SeenRequest& request, Wire& wire)>;

  explicit FaultProxy(const kube::Access& admin);
  ~FaultProxy();

  void Break(Rule rule);
  void Repair() { Break({}); }
  /// Connections are refused until Open.
  void Close();
  void Open();
  /// From now on another cluster answers at this address.
  void PointAt(const kube::Access& admin);

  /// A kubeconfig for this proxy; `as` is the user to impersonate.
  std::string Kubeconfig(const std::string& context, const std::string& as = {}) const;
  /// The credential in that kubeconfig: must never be seen anywhere else.
  static constexpr char kToken[] = "kubeconfig-token-that-is-a-secret";

 private:
  struct Upstream {
    std::string url;
    std::unique_ptr<http::Client> client;
  };
  void Handle(const SeenRequest& request, Wire& wire);
  void Forward(const SeenRequest& request, Wire& wire, const std::stop_token& stop);

  std::mutex mutex_;
  Rule rule_;
  std::shared_ptr<Upstream> upstream_;
  std::stop_source streams_;
  KeyPair authority_;
  KeyPair leaf_;
  int port_ = 0;
  std::unique_ptr<testing::LoopbackServer> server_;
};

/// True for a request that changes something; a dry run does not.
bool IsWrite(const SeenRequest& request);
bool Concerns(const SeenRequest& request, const std::string& path_part);
/// Answers with a Kubernetes Status.
void AnswerStatus(Wire& wire, int code, const std::string& reason, const std::string& message,
                  const testing::HeaderList& headers = {});

}  // namespace meshplay::test
