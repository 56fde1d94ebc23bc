#include "adapters/metrics/promql.h"

namespace meshplay::metrics {
namespace {

void AddMatcher(std::string& matchers, const std::string& matcher) {
  if (matcher.empty()) return;
  if (!matchers.empty()) matchers += ",";
  matchers += matcher;
}

/// An exact value, or that the label names something at all.
std::string Matcher(const Dialect& dialect, const std::string& label, const std::string& value) {
  if (label.empty()) return "";
  if (!value.empty()) return label + "=\"" + value + "\"";
  const std::string there = label + R"(=~".+")";
  return dialect.unknown.empty() ? there : there + "," + label + "!=\"" + dialect.unknown + "\"";
}

void AddLabel(std::string& list, const std::string& label) {
  if (label.empty()) return;
  if (!list.empty()) list += ", ";
  list += label;
}

std::string Quantile(Metric metric) {
  switch (metric) {
    case Metric::kP99:
      return "0.99";
    case Metric::kP90:
      return "0.9";
    default:
      return "0.5";
  }
}

}  // namespace

Result<SeriesLabels> LabelsOf(const Dialect& dialect, const MetricsRequest& request, End end) {
  const auto found = [](const std::optional<WorkloadLabels>& labels) -> Result<WorkloadLabels> {
    if (labels) return *labels;
    return Error(ErrorCode::kUnimplemented, "METRICS_EDGES_UNSUPPORTED",
                 "the mesh's telemetry does not tell both ends of this kind of resource");
  };
  SeriesLabels labels;
  if (end == End::kResource) {
    MP_TRY(labels.self, found(dialect.resource_labels(request.kind)));
    return labels;
  }
  MP_TRY(const WorkloadLabels source, found(dialect.source_labels(request.kind)));
  MP_TRY(const WorkloadLabels destination, found(dialect.destination_labels(request.kind)));
  labels.self = end == End::kSource ? source : destination;
  labels.peer = end == End::kSource ? destination : source;
  return labels;
}

std::string Query(const Dialect& dialect, const MetricsRequest& request, End end, const SeriesLabels& labels,
                  Metric metric) {
  const bool latency = metric == Metric::kP99 || metric == Metric::kP90 || metric == Metric::kP50;
  std::string matchers = end == End::kResource ? dialect.resource_matcher : dialect.edge_matcher;
  AddMatcher(matchers, Matcher(dialect, labels.self.name_space, request.name_space));
  AddMatcher(matchers, Matcher(dialect, labels.self.name, request.name));
  AddMatcher(matchers, Matcher(dialect, labels.peer.name_space, ""));
  AddMatcher(matchers, Matcher(dialect, labels.peer.name, ""));
  if (!latency) AddMatcher(matchers, metric == Metric::kSuccess ? dialect.success : dialect.failure);
  std::string by;
  for (const std::string* label :
       {&labels.self.name_space, &labels.self.name, &labels.peer.name_space, &labels.peer.name}) {
    AddLabel(by, *label);
  }
  const std::string window = "[" + std::to_string(request.window.count()) + "s]";
  if (!latency) return "sum(increase(" + dialect.count_metric + "{" + matchers + "}" + window + ")) by (" + by + ")";
  return "histogram_quantile(" + Quantile(metric) + ", sum(rate(" + dialect.latency_metric + "{" + matchers + "}" +
         window + ")) by (" + by + ", le))";
}

}  // namespace meshplay::metrics
