#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/metrics/promql.h"
#include "libs/base/clock.h"

namespace meshplay::metrics {

struct Sample {
  std::map<std::string, std::string> labels;
  double value = 0;
};

/// Asks Prometheus one instant query.
using Ask = std::function<Result<std::vector<Sample>>(const std::string& promql)>;

/// (namespace, name) of the objects that a label selector matches.
using Selected = std::set<std::pair<std::string, std::string>>;

/// What the SMI metrics API answers: an HTTP status and a body in the shapes of 06 §2.2.
struct MetricsAnswer {
  int status = 200;
  nlohmann::ordered_json body;
};

/// The list of resources, for MetricsRequest::Form::kIndex.
nlohmann::ordered_json ResourceList(Version version);

/// Runs the queries of a request and shapes their series: five metrics for each item, "0" where there is none; items in
/// order of their names. `selected` keeps only those items of a list. A resource without any series is 500 "unable to
/// lookup metrics" when it is asked for by name, as clients of this API expect.
/// Errors: those of `ask`; METRICS_EDGES_UNSUPPORTED.
Result<MetricsAnswer> AnswerMetrics(const Dialect& dialect, const MetricsRequest& request, const Ask& ask,
                                    const std::optional<Selected>& selected, UnixMs now);

/// The body of an error as this API writes it.
MetricsAnswer ErrorAnswer(const Error& error);

/// A Kubernetes quantity with milli precision, cut towards zero: 10.123456 is "10123m", 2 is "2"; what is no number
/// "0".
std::string MilliQuantity(double value);

}  // namespace meshplay::metrics
