#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/kube/client.h"
#include "adapters/metrics/traffic_metrics.h"

namespace meshplay::metrics {

/// Where a mesh's Prometheus is: "http://HOST[:PORT][/PREFIX]", "https://...", or
/// "service:NAMESPACE/NAME:PORT[/PREFIX]", which is reached through the cluster's API server.
struct PrometheusAddress {
  std::string url;  ///< Without a slash at the end; empty when it is a Service.
  std::string name_space, service, port, prefix;
  bool is_service() const { return url.empty(); }
};

/// Errors: kInvalidArgument PROMETHEUS_ADDRESS_INVALID. Addresses with user names or passwords are refused: they would
/// stand in a ConfigMap.
Result<PrometheusAddress> ParseAddress(std::string_view text);

/// Asks one Prometheus. Threads: any.
/// Errors of asking: kUnavailable PROMETHEUS_UNREACHABLE; kInternal PROMETHEUS_FAILED with what it said.
class Prometheus {
 public:
  /// `client` is needed for an address of a Service and must outlive the object.
  static Result<std::unique_ptr<Prometheus>> Create(PrometheusAddress address, kube::Client* client);
  ~Prometheus();
  Prometheus(const Prometheus&) = delete;
  Prometheus& operator=(const Prometheus&) = delete;

  Result<std::vector<Sample>> Query(const std::string& promql, std::chrono::milliseconds timeout) const;

 private:
  struct State;
  explicit Prometheus(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The samples of an answer to /api/v1/query. Errors: kInternal PROMETHEUS_FAILED.
Result<std::vector<Sample>> ParseVector(std::string_view body);

}  // namespace meshplay::metrics
