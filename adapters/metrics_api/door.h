#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "adapters/metrics/metrics_answer.h"
#include "adapters/metrics_api/front_proxy.h"
#include "adapters/metrics_api/reviews.h"
#include "libs/http/server.h"

namespace meshplay::metrics_api {

/// One cluster on which the API is enabled.
struct Site {
  std::shared_ptr<kube::Client> client;
  std::shared_ptr<const FrontProxy> proxy;
  std::shared_ptr<Reviews> reviews;
  std::string mesh_key;
  std::vector<metrics::Version> versions;
};

/// Answers one call for a mesh of a cluster. Called on worker threads; blocks for its own bounded time.
using AnswerCall = std::function<metrics::MetricsAnswer(kube::Client& client, const std::string& mesh_key,
                                                        const metrics::MetricsCall& call)>;

/// The aggregated API metrics.smi-spec.io: who asks, may they, what is the answer. One door serves every cluster of the
/// process: the certificate of the caller tells which. Threads: any.
class Door final : public http::ServerHandler {
 public:
  explicit Door(AnswerCall answer) : answer_(std::move(answer)) {}

  void Put(const std::string& cluster_uid, Site site);
  void Remove(const std::string& cluster_uid);

  http::ServerAnswer Handle(const http::ServerRequest& request) override;
  http::ServerAnswer Refuse(int status, const std::string& message) override;

 private:
  /// The one cluster whose front proxy presented this chain; nothing when there is none, or it cannot be told apart.
  std::optional<Site> SiteOf(const std::vector<std::string>& client_chain_der) const;
  http::ServerAnswer Metrics(const Site& site, const RemoteUser& user, metrics::MetricsCall call) const;

  const AnswerCall answer_;
  mutable std::mutex mutex_;
  std::map<std::string, Site> sites_;  ///< By the cluster's uid.
};

}  // namespace meshplay::metrics_api
