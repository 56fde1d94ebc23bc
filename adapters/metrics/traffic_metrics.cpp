#include "adapters/metrics/traffic_metrics.h"

#include <array>
#include <cmath>
#include <ctime>
#include <tuple>

namespace meshplay::metrics {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kGroup = "metrics.smi-spec.io";
constexpr std::array<std::pair<const char*, const char*>, 5> kNames = {{{"p99_response_latency", "ms"},
                                                                        {"p90_response_latency", "ms"},
                                                                        {"p50_response_latency", "ms"},
                                                                        {"success_count", ""},
                                                                        {"failure_count", ""}}};
constexpr double kMaxValue = 9e15;  // what a 64 bit number of thousandths holds

std::string GroupVersion(Version version) {
  return std::string(kGroup) + "/" + std::string(VersionName(version));
}

std::string BasePath(Version version) {
  return "/apis/" + GroupVersion(version);
}

struct Workload {
  std::string name_space, name;
  friend bool operator<(const Workload& a, const Workload& b) {
    return std::tie(a.name_space, a.name) < std::tie(b.name_space, b.name);
  }
};

/// One item of an answer: the asked resource, and for edges the other end with the direction.
struct Item {
  Workload self;
  std::optional<Workload> peer;
  bool outgoing = false;  ///< From the asked resource to the peer.
  friend bool operator<(const Item& a, const Item& b) {
    return std::tie(a.self, a.outgoing, a.peer) < std::tie(b.self, b.outgoing, b.peer);
  }
};
using Values = std::array<double, 5>;

Json Reference(Kind kind, const Workload& workload) {
  Json out = {{"kind", NameOf(kind)}};
  if (kind != Kind::kNamespace) out["namespace"] = workload.name_space;
  out["name"] = kind == Kind::kNamespace ? workload.name_space : workload.name;
  return out;
}

std::string SelfLink(const MetricsRequest& request, const Workload& workload) {
  const std::string base = BasePath(request.version) + "/namespaces/" + workload.name_space;
  if (request.kind == Kind::kNamespace) return base;
  return base + "/" + std::string(PluralOf(request.kind)) + "/" + workload.name;
}

std::string ListLink(const MetricsRequest& request) {
  const std::string base = BasePath(request.version);
  if (request.form == MetricsRequest::Form::kEdges)
    return SelfLink(request, {request.name_space, request.name}) + "/edges";
  if (request.name_space.empty()) return base + "/" + std::string(PluralOf(request.kind));
  return base + "/namespaces/" + request.name_space + "/" + std::string(PluralOf(request.kind));
}

Json ToJson(const Dialect& dialect, const MetricsRequest& request, const Item& item, const Values& values,
            const std::string& time) {
  const bool is_edge = item.peer.has_value();
  Json metadata = {{"name", request.kind == Kind::kNamespace ? item.self.name_space : item.self.name}};
  if (request.kind != Kind::kNamespace) metadata["namespace"] = item.self.name_space;
  metadata["selfLink"] = SelfLink(request, item.self);
  metadata["creationTimestamp"] = time;
  Json edge = {{"direction", item.outgoing ? "to" : "from"},
               {"resource", is_edge ? Reference(request.kind, *item.peer) : Json(nullptr)}};
  if (request.version == Version::kV1Alpha2) edge["side"] = is_edge && dialect.edges_at_client ? "client" : "server";
  Json metrics = Json::array();
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    Json metric = {{"name", kNames[i].first}};
    if (*kNames[i].second != 0) metric["unit"] = kNames[i].second;
    metric["value"] = MilliQuantity(values[i]);
    metrics.push_back(std::move(metric));
  }
  return {{"kind", "TrafficMetrics"},
          {"apiVersion", GroupVersion(request.version)},
          {"metadata", std::move(metadata)},
          {"timestamp", time},
          {"window", std::to_string(request.window.count()) + "s"},
          {"resource", Reference(request.kind, item.self)},
          {"edge", std::move(edge)},
          {"metrics", std::move(metrics)}};
}

std::string ToRfc3339(UnixMs time) {
  const std::time_t seconds = time / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

std::string LabelOf(const Sample& sample, const std::string& label) {
  const auto found = label.empty() ? sample.labels.end() : sample.labels.find(label);
  return found == sample.labels.end() ? std::string() : found->second;
}

Status Collect(const Dialect& dialect, const MetricsRequest& request, End end, const Ask& ask,
               std::map<Item, Values>& items) {
  MP_TRY(const SeriesLabels labels, LabelsOf(dialect, request, end));
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    MP_TRY(const std::vector<Sample> samples, ask(Query(dialect, request, end, labels, kMetrics[i])));
    const double factor = i < 3 ? dialect.latency_to_ms : 1;
    for (const Sample& sample : samples) {
      Item item;
      item.self = {LabelOf(sample, labels.self.name_space), LabelOf(sample, labels.self.name)};
      if (end != End::kResource) {
        item.peer = Workload{LabelOf(sample, labels.peer.name_space), LabelOf(sample, labels.peer.name)};
        item.outgoing = end == End::kSource;
      }
      items.try_emplace(item, Values{}).first->second[i] = sample.value * factor;
    }
  }
  return {};
}

}  // namespace

std::string MilliQuantity(double value) {
  if (!std::isfinite(value) || std::fabs(value) > kMaxValue) return "0";
  const auto thousandths = static_cast<std::int64_t>(std::trunc(value * 1000));
  if (thousandths % 1000 == 0) return std::to_string(thousandths / 1000);
  return std::to_string(thousandths) + "m";
}

nlohmann::ordered_json ResourceList(Version version) {
  Json resources = Json::array();
  for (const Kind kind : AllKinds()) {
    resources.push_back({{"name", PluralOf(kind)},
                         {"singularName", ""},
                         {"namespaced", kind != Kind::kNamespace},
                         {"kind", "TrafficMetrics"},
                         {"verbs", {"get", "list"}}});
  }
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", GroupVersion(version)},
          {"resources", std::move(resources)}};
}

MetricsAnswer ErrorAnswer(const Error& error) {
  int status = 500;
  if (error.code() == ErrorCode::kNotFound) status = 404;
  if (error.code() == ErrorCode::kInvalidArgument) status = 400;
  if (error.code() == ErrorCode::kUnimplemented) status = 501;
  return {status, {{"error", error.message()}}};
}

Result<MetricsAnswer> AnswerMetrics(const Dialect& dialect, const MetricsRequest& request, const Ask& ask,
                                    const std::optional<Selected>& selected, UnixMs now) {
  using Form = MetricsRequest::Form;
  if (request.form == Form::kIndex) return MetricsAnswer{200, ResourceList(request.version)};
  std::map<Item, Values> items;
  if (request.form == Form::kEdges) {
    MP_CHECK(Collect(dialect, request, End::kSource, ask, items));
    MP_CHECK(Collect(dialect, request, End::kDestination, ask, items));
  } else {
    MP_CHECK(Collect(dialect, request, End::kResource, ask, items));
  }
  const std::string time = ToRfc3339(now);
  Json list = Json::array();
  for (const auto& [item, values] : items) {
    const bool is_namespace = request.kind == Kind::kNamespace;
    const auto key =
        is_namespace ? std::pair(std::string(), item.self.name_space) : std::pair(item.self.name_space, item.self.name);
    if (request.form == Form::kList && selected && selected->count(key) == 0) continue;
    list.push_back(ToJson(dialect, request, item, values, time));
  }
  if (request.form == Form::kGet) {
    if (list.size() != 1) return MetricsAnswer{500, {{"error", "unable to lookup metrics"}}};
    return MetricsAnswer{200, std::move(list[0])};
  }
  Json resource = {{"kind", NameOf(request.kind)}};
  if (!request.name_space.empty() && request.kind != Kind::kNamespace) resource["namespace"] = request.name_space;
  if (!request.name.empty()) resource["name"] = request.name;
  return MetricsAnswer{200,
                       {{"kind", "TrafficMetricsList"},
                        {"apiVersion", GroupVersion(request.version)},
                        {"metadata", {{"selfLink", ListLink(request)}}},
                        {"resource", std::move(resource)},
                        {"items", std::move(list)}}};
}

}  // namespace meshplay::metrics
