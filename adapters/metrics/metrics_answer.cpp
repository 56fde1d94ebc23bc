#include "adapters/metrics/metrics_answer.h"

#include <algorithm>

#include "libs/base/json.h"

namespace meshplay::metrics {
namespace {

using nlohmann::json;

constexpr const char* kSchema = R"({
  "type": "object",
  "required": ["path"],
  "additionalProperties": false,
  "properties": {
    "path": {"type": "string", "maxLength": 1024, "description": "After /apis/metrics.smi-spec.io/VERSION: /namespaces/shop/deployments/web/edges"},
    "version": {"type": "string", "enum": ["v1alpha1", "v1alpha2"], "default": "v1alpha1"},
    "window": {"type": "string", "maxLength": 64, "description": "A Go duration; 30s when absent"},
    "label_selector": {"type": "string", "maxLength": 1024}
  }
})";
constexpr std::size_t kMaxAnswerBytes = 1536 * 1024;  // a frame of the hub holds 2 MiB

kube::Gvk GvkOf(Kind kind) {
  switch (kind) {
    case Kind::kDeployment:
      return {"apps", "v1", "Deployment"};
    case Kind::kDaemonset:
      return {"apps", "v1", "DaemonSet"};
    case Kind::kStatefulset:
      return {"apps", "v1", "StatefulSet"};
    case Kind::kPod:
      return {"", "v1", "Pod"};
    case Kind::kNamespace:
      break;
  }
  return {"", "v1", "Namespace"};
}

Result<std::optional<Selected>> Select(kube::Client& cluster, const MetricsRequest& request,
                                       const std::string& label_selector, const kube::Call& call) {
  if (label_selector.empty() || request.form != MetricsRequest::Form::kList) return std::optional<Selected>();
  MP_TRY(const auto list, cluster.List(GvkOf(request.kind), {request.name_space, label_selector, ""}, call));
  Selected selected;
  for (const json& object : list.items) {
    selected.emplace(kube::TextAt(object, "/metadata/namespace"), kube::TextAt(object, "/metadata/name"));
  }
  return std::optional<Selected>(std::move(selected));
}

}  // namespace

pb::OperationDescriptor MetricsDescriptor() {
  pb::OperationDescriptor out;
  out.set_type(kMetricsQuery);
  out.set_category(pb::OPERATION_CATEGORY_QUERY);
  out.set_title("SMI traffic metrics");
  out.set_description("Latency and success of workloads and the edges between them, from the mesh's Prometheus.");
  out.set_parameters_schema(kSchema);
  out.set_idempotency(pb::IDEMPOTENCY_NATURAL);
  return out;
}

Result<MetricsCall> ReadCall(const std::string& parameters_json) {
  MP_TRY(const json parameters, ParseJson(parameters_json));
  MetricsCall call;
  std::string version = "v1alpha1";
  const std::pair<const char*, std::string*> fields[] = {
      {"path", &call.path}, {"version", &version}, {"window", &call.window}, {"label_selector", &call.label_selector}};
  for (const auto& [name, text] : fields) {
    if (!parameters.is_object() || !parameters.contains(name)) continue;
    if (!parameters[name].is_string()) {
      return InvalidArgument("PARAMETERS_INVALID", "the question's parameters are not of the agreed form")
          .WithViolation(std::string("/") + name, "is no text");
    }
    *text = parameters[name].get<std::string>();
  }
  if (version != "v1alpha1" && version != "v1alpha2") {
    return InvalidArgument("PARAMETERS_INVALID", "there is no such version").WithViolation("/version", "is unknown");
  }
  call.version = version == "v1alpha2" ? Version::kV1Alpha2 : Version::kV1Alpha1;
  return call;
}

Result<MetricsAnswer> TryAnswer(const Dialect& dialect, const Prometheus& prometheus, kube::Client& cluster,
                                const MetricsCall& call, UnixMs now, std::chrono::milliseconds timeout) {
  MP_TRY(MetricsRequest request, ParseRequest(call.path, call.version));
  request.window = ParseWindow(call.window);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto left = [deadline] {
    const auto rest =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    return std::max(rest, std::chrono::milliseconds(1));
  };
  kube::Call cluster_call;
  cluster_call.timeout = left();
  MP_TRY(const auto selected, Select(cluster, request, call.label_selector, cluster_call));
  const Ask ask = [&](const std::string& promql) { return prometheus.Query(promql, left()); };
  return AnswerMetrics(dialect, request, ask, selected, now);
}

MetricsAnswer Answer(const Dialect& dialect, const Prometheus& prometheus, kube::Client& cluster,
                     const MetricsCall& call, UnixMs now, std::chrono::milliseconds timeout) {
  auto answer = TryAnswer(dialect, prometheus, cluster, call, now, timeout);
  return answer ? std::move(*answer) : ErrorAnswer(answer.error());
}

pb::TaskResult ToResult(const MetricsAnswer& answer) {
  nlohmann::ordered_json output = {{"status", answer.status}, {"body", answer.body}};
  std::string text = output.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kMaxAnswerBytes) {
    output = {{"status", 500}, {"body", {{"error", "the answer is larger than 1.5 MiB; ask for one namespace"}}}};
    text = output.dump();
  }
  pb::TaskResult result = sdk::Succeeded();
  result.set_output_json(std::move(text));
  return result;
}

}  // namespace meshplay::metrics
