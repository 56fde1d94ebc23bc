#include "libs/smi/metrics.h"

#include <nlohmann/json.hpp>

#include "libs/smi/quantity.h"

namespace meshplay::smi {
namespace {

using nlohmann::json;

constexpr std::string_view kGroup = "metrics.smi-spec.io/v1alpha";

Error Invalid(const std::string& pointer, const std::string& message) {
  return InvalidArgument("METRICS_INVALID", pointer + ": " + message).WithViolation(pointer, message);
}

Result<std::string> Text(const json& object, const char* key, const std::string& at, bool required = false) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) {
    if (required) return Invalid(at + "/" + key, "is required");
    return std::string();
  }
  if (!it->is_string()) return Invalid(at + "/" + key, "must be a string");
  return it->get<std::string>();
}

Result<const json*> Object(const json& object, const char* key, const std::string& at) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return nullptr;
  if (!it->is_object()) return Invalid(at + "/" + key, "must be an object");
  return &*it;
}

Result<MetricsResource> ReadResource(const json& object, const std::string& at) {
  MetricsResource out;
  MP_TRY(out.kind, Text(object, "kind", at, true));
  MP_TRY(out.namespace_name, Text(object, "namespace", at));
  MP_TRY(out.name, Text(object, "name", at));
  return out;
}

Result<MetricsEdge> ReadEdge(const json& object, int version) {
  MetricsEdge out;
  MP_TRY(out.direction, Text(object, "direction", "/edge"));
  if (out.direction != "" && out.direction != "from" && out.direction != "to") {
    return Invalid("/edge/direction", "must be from or to");
  }
  MP_TRY(out.side, Text(object, "side", "/edge"));
  if (!out.side.empty() && version < 2) return Invalid("/edge/side", "exists from v1alpha2 on");
  if (out.side != "" && out.side != "server" && out.side != "client") {
    return Invalid("/edge/side", "must be server or client");
  }
  MP_TRY(const json* resource, Object(object, "resource", "/edge"));
  if (resource != nullptr) {
    MP_TRY(out.resource, ReadResource(*resource, "/edge/resource"));
  }
  return out;
}

Result<MetricsBackend> ReadBackend(const json& object) {
  MetricsBackend out;
  MP_TRY(out.apex, Text(object, "apex", "/backend", true));
  MP_TRY(out.name, Text(object, "name", "/backend", true));
  const auto weight = object.find("weight");
  if (weight == object.end()) return out;
  if (!weight->is_number_integer()) return Invalid("/backend/weight", "must be a whole number");
  out.weight = weight->get<std::int64_t>();
  return out;
}

Result<Metric> ReadMetric(const json& item, const std::string& at) {
  if (!item.is_object()) return Invalid(at, "must be an object");
  Metric out;
  MP_TRY(out.name, Text(item, "name", at, true));
  MP_TRY(out.unit, Text(item, "unit", at));
  MP_TRY(const std::string value, Text(item, "value", at, true));
  const std::optional<std::int64_t> milli = MilliFromQuantity(value);
  if (!milli.has_value()) return Invalid(at + "/value", "must be a quantity such as 10m");
  out.milli = *milli;
  return out;
}

json ToJson(const MetricsResource& resource) {
  json out = {{"kind", resource.kind}, {"name", resource.name}};
  if (!resource.namespace_name.empty()) out["namespace"] = resource.namespace_name;
  return out;
}

std::string Quantity(std::int64_t milli) {
  return milli % 1000 == 0 ? std::to_string(milli / 1000) : std::to_string(milli) + "m";
}

}  // namespace

Result<TrafficMetrics> ParseTrafficMetrics(const json& document) {
  if (!document.is_object()) return Invalid("", "must be an object");
  MP_TRY(const std::string kind, Text(document, "kind", "", true));
  MP_TRY(const std::string api_version, Text(document, "apiVersion", "", true));
  if (kind != "TrafficMetrics") return Invalid("/kind", "must be TrafficMetrics");
  TrafficMetrics out;
  out.version = api_version == std::string(kGroup) + "1" ? 1 : api_version == std::string(kGroup) + "2" ? 2 : 0;
  if (out.version == 0) return Invalid("/apiVersion", "must be metrics.smi-spec.io/v1alpha1 or v1alpha2");
  MP_TRY(out.timestamp, Text(document, "timestamp", ""));
  MP_TRY(out.window, Text(document, "window", ""));
  MP_TRY(const json* resource, Object(document, "resource", ""));
  if (resource == nullptr) return Invalid("/resource", "is required");
  MP_TRY(out.resource, ReadResource(*resource, "/resource"));
  MP_TRY(const json* edge, Object(document, "edge", ""));
  if (edge != nullptr) {
    MP_TRY(out.edge, ReadEdge(*edge, out.version));
  }
  MP_TRY(const json* backend, Object(document, "backend", ""));
  if (backend != nullptr) {
    if (out.version < 2) return Invalid("/backend", "exists from v1alpha2 on");
    MP_TRY(out.backend, ReadBackend(*backend));
  }
  const auto metrics = document.find("metrics");
  if (metrics == document.end() || !metrics->is_array()) return Invalid("/metrics", "must be a list");
  for (std::size_t i = 0; i < metrics->size(); ++i) {
    MP_TRY(Metric metric, ReadMetric((*metrics)[i], "/metrics/" + std::to_string(i)));
    out.metrics.push_back(std::move(metric));
  }
  return out;
}

Result<std::vector<TrafficMetrics>> ParseTrafficMetricsList(const json& document) {
  if (!document.is_object()) return Invalid("", "must be an object");
  MP_TRY(const std::string kind, Text(document, "kind", "", true));
  if (kind != "TrafficMetricsList") return Invalid("/kind", "must be TrafficMetricsList");
  const auto items = document.find("items");
  if (items == document.end() || !items->is_array()) return Invalid("/items", "must be a list");
  std::vector<TrafficMetrics> out;
  for (const json& item : *items) {
    MP_TRY(TrafficMetrics metrics, ParseTrafficMetrics(item));
    out.push_back(std::move(metrics));
  }
  return out;
}

json ToJson(const TrafficMetrics& metrics) {
  json edge = {{"direction", metrics.edge.direction}, {"resource", nullptr}};
  if (metrics.edge.resource.has_value()) edge["resource"] = ToJson(*metrics.edge.resource);
  if (metrics.version >= 2 && !metrics.edge.side.empty()) edge["side"] = metrics.edge.side;
  json list = json::array();
  for (const Metric& metric : metrics.metrics) {
    json item = {{"name", metric.name}, {"value", Quantity(metric.milli)}};
    if (!metric.unit.empty()) item["unit"] = metric.unit;
    list.push_back(std::move(item));
  }
  json out = {{"apiVersion", std::string(kGroup) + std::to_string(metrics.version)},
              {"kind", "TrafficMetrics"},
              {"timestamp", metrics.timestamp},
              {"window", metrics.window},
              {"resource", ToJson(metrics.resource)},
              {"edge", std::move(edge)},
              {"metrics", std::move(list)}};
  if (metrics.version >= 2 && metrics.backend.has_value()) {
    out["backend"] = {
        {"apex", metrics.backend->apex}, {"name", metrics.backend->name}, {"weight", metrics.backend->weight}};
  }
  return out;
}

}  // namespace meshplay::smi
