#include <nlohmann/json.hpp>

#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "libs/base/json_member.h"
#include "meshplay/v1/smi.pb.h"
#include "server/services/convert_common.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/submit.h"

namespace meshplay::services {
namespace {

using nlohmann::json;

constexpr const char* kMetrics = "smi.metrics";
constexpr JsonLimits kAnswerLimits{4 * 1024 * 1024, 64, 1'000'000};

/// What follows "/apis/metrics.smi-spec.io/<version>" in the path of the SMI metrics API.
Result<std::string> PathOf(const v1::SmiMetricsRequest& request, bool edges) {
  std::string path;
  const auto add = [&path](const std::string& part) {
    if (!part.empty()) path += "/" + part;
  };
  for (const std::string* part : {&request.resource(), &request.namespace_(), &request.name()}) {
    if (part->find('/') == std::string::npos) continue;
    return InvalidArgument("METRICS_NAME_INVALID", "not the name of a Kubernetes object");
  }
  if (!request.namespace_().empty()) path = "/namespaces/" + request.namespace_();
  add(request.resource());
  add(request.name());
  if (edges) path += "/edges";
  return path;
}

struct Asked {
  store::MeshRecord mesh;
  std::string adapter_id;
};

Result<Asked> Find(const Core& core, const CallContext& context, const std::string& id) {
  return ReadFrom<Asked>(core, [&](store::Reader& reader) -> Result<Asked> {
    Asked asked;
    MP_TRY(asked.mesh, GetMeshRow(reader, context.caller.tenant, id));
    const std::string target = DeriveUuid({"target", asked.mesh.cluster_uid, asked.mesh.mesh_type});
    MP_TRY(const auto row, reader.FindTarget(context.caller.tenant, target));
    if (row) asked.adapter_id = row->adapter_id;
    return asked;
  });
}

Status CheckOffered(const Core& core, const CallContext& context, const std::string& mesh_type) {
  MP_TRY(const auto types, core.deps.inventory.OperationTypes(context.caller.tenant, mesh_type));
  for (const inventory::OperationType& type : types) {
    if (type.type == kMetrics) return {};
  }
  return Error(ErrorCode::kUnimplemented, "METRICS_UNSUPPORTED", "the mesh's adapter has no traffic metrics")
      .WithMetadata("mesh_type", mesh_type);
}

Error FailureOf(int status, const std::string& told) {
  const std::string message = told.empty() ? "the adapter failed" : told;
  if (status == 404) return NotFound("METRICS_RESOURCE_UNKNOWN", message);
  if (status == 400) return InvalidArgument("METRICS_NAME_INVALID", message);
  if (status == 501) return Error(ErrorCode::kUnimplemented, "METRICS_UNSUPPORTED", message);
  return Unavailable("METRICS_UNAVAILABLE", message)
      .WithRemediation("Look whether the mesh's Prometheus answers, and whether the resource has traffic.");
}

Result<v1::SmiMetricsAnswer> Ask(const Core& core, const CallContext& context, const v1::SmiMetricsRequest& request,
                                 bool edges) {
  MP_TRY(const std::string path, PathOf(request, edges));
  MP_TRY(const Asked asked, Find(core, context, request.mesh()));
  MP_CHECK(CheckOffered(core, context, asked.mesh.mesh_type));
  json parameters = {{"path", path.empty() ? "/" : path}};
  if (!request.version().empty()) parameters["version"] = request.version();
  if (!request.t().empty()) parameters["window"] = request.t();
  if (!request.label_selector().empty()) parameters["label_selector"] = request.label_selector();
  engine::Question question;
  question.adapter_id = asked.adapter_id;
  question.type = kMetrics;
  question.mesh_type = asked.mesh.mesh_type;
  question.cluster_id = asked.mesh.cluster_id;
  question.cluster_uid = asked.mesh.cluster_uid;
  question.mesh_key = asked.mesh.mesh_key;
  question.parameters_json = DumpJson(parameters);
  question.principal = context.caller.principal;
  question.tenant = context.caller.tenant;
  question.cancelled = context.cancelled;
  MP_TRY(const engine::TaskResult result, core.deps.engine.Ask(question));
  // Order of the members is part of the shape that existing clients know, so the text is kept as it came.
  const auto output = nlohmann::ordered_json::parse(result.output_json, nullptr, false);
  const bool good = output.is_object() && output.contains("status") && output["status"].is_number_integer() &&
                    output.contains("body") && output["body"].is_object();
  if (!good || !CheckJson(result.output_json, kAnswerLimits)) {
    return Internal("QUERY_FAILED", "the adapter's answer has not the agreed form");
  }
  const int status = output["status"].get<int>();
  if (status != 200) return FailureOf(status, MemberText(output["body"], "error"));
  v1::SmiMetricsAnswer answer;
  answer.set_body_json(output["body"].dump());
  return answer;
}

Result<v1::SmiMetricsAnswer> AskPlain(const Core& core, const CallContext& context,
                                      const v1::SmiMetricsRequest& request) {
  return Ask(core, context, request, false);
}
Result<v1::SmiMetricsAnswer> AskEdges(const Core& core, const CallContext& context,
                                      const v1::SmiMetricsRequest& request) {
  return Ask(core, context, request, true);
}

}  // namespace

void AddSmiMetrics(MethodTable& table) {
  for (const char* name :
       {"SmiMetrics.ListMetricsResources", "SmiMetrics.ListMetrics", "SmiMetrics.GetNamespaceMetrics",
        "SmiMetrics.ListNamespaceMetrics", "SmiMetrics.GetMetrics"}) {
    table.Add(name, AskPlain);
  }
  table.Add("SmiMetrics.ListMetricsEdges", AskEdges);
}

}  // namespace meshplay::services
