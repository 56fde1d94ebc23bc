#include <algorithm>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "libs/base/json.h"
#include "libs/base/json_member.h"
#include "libs/base/yaml.h"
#include "server/engine/task_error.h"
#include "server/services/convert_common.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/smi_documents.h"

namespace meshplay::services {
namespace {

using nlohmann::json;

constexpr const char* kTranslate = "smi.translate";
constexpr int kMaxMeshTypes = 32;
constexpr JsonLimits kAnswerLimits{4 * 1024 * 1024, 64, 1'000'000};  // more than a frame of the hub holds

/// Mesh types in order of their names, each with the adapters that translate for it.
using TranslatorMap = std::map<std::string, std::vector<std::string>>;
Result<TranslatorMap> Translators(const Core& core, const CallContext& context, const v1::ExplainSmiRequest& request) {
  if (request.mesh_types_size() > kMaxMeshTypes) {
    return InvalidArgument("MESH_TYPES_TOO_MANY", "one call explains at most 32 mesh types")
        .WithViolation("/mesh_types", "more than 32");
  }
  TranslatorMap translators;
  for (const std::string& mesh_type : request.mesh_types()) translators[mesh_type];
  MP_TRY(const std::vector<inventory::OperationType> types,
         core.deps.inventory.OperationTypes(context.caller.tenant, ""));
  for (const inventory::OperationType& type : types) {
    if (type.type != kTranslate) continue;
    const bool wanted = request.mesh_types().empty() || translators.count(type.mesh_type) != 0;
    if (wanted) translators[type.mesh_type] = type.adapter_ids;
  }
  return translators;
}

// "MESH.option" is an option of that mesh alone when the mesh is among those asked.
std::string Parameters(const v1::ExplainSmiRequest& request, const std::string& mesh_type,
                       const TranslatorMap& translators) {
  json parameters = {{"documents", request.documents()}};
  for (const auto& [name, value] : request.options()) {
    const std::string owner = name.substr(0, name.find('.'));
    const bool foreign = owner != name && owner != mesh_type && translators.count(owner) != 0;
    if (!foreign) parameters["options"][name] = value;
  }
  if (!request.mesh_version().empty()) parameters["mesh_version"] = request.mesh_version();
  if (!request.form().empty()) parameters["form"] = request.form();
  return DumpJson(parameters);
}

/// The first of the adapters that has a session answers.
Result<engine::TaskResult> AskOne(const Core& core, engine::Question question, const std::vector<std::string>& adapters,
                                  std::string& asked) {
  Result<engine::TaskResult> answer = Unavailable("ADAPTER_OFFLINE", "no adapter of the mesh type is connected")
                                          .WithRemediation("Start an adapter of the mesh type.");
  for (const std::string& adapter : adapters) {
    question.adapter_id = adapter;
    asked = adapter;
    answer = core.deps.engine.Ask(question);
    if (answer || answer.error().reason() != "ADAPTER_OFFLINE") return answer;
  }
  asked.clear();
  return answer;
}

void FillError(const Error& error, v1::MeshExplanation& out) {
  v1::OperationError& wire = *out.mutable_error();
  wire.set_reason(error.reason());
  wire.set_message(error.message());
  wire.set_remediation(error.remediation());
  wire.set_error_class(std::string(engine::ErrorClassName(engine::ClassOf(error))));
  wire.set_side_effects("NONE");
  for (const Violation& violation : error.violations()) {
    v1::Violation& added = *wire.add_violations();
    added.set_pointer(violation.pointer);
    added.set_detail(violation.detail);
  }
}

v1::MeshExplanation Explain(const Core& core, const engine::Question& question,
                            const std::vector<std::string>& adapters, bool with_objects) {
  v1::MeshExplanation out;
  out.set_mesh_type(question.mesh_type);
  std::string asked;
  auto answer = AskOne(core, question, adapters, asked);
  out.set_adapter_id(asked);
  Result<json> output = answer ? ParseJson(answer->output_json, kAnswerLimits) : Result<json>(answer.error());
  if (output && !output->is_object()) output = Internal("QUERY_FAILED", "the adapter's answer has not the agreed form");
  if (!output) {
    const bool absent = output.error().reason() == "ADAPTER_OFFLINE";
    out.set_status(absent ? "NOT_AVAILABLE" : "FAILED");
    FillError(output.error(), out);
    return out;
  }
  out.set_status("ANSWERED");
  out.set_level(MemberText(*output, "level"));
  out.set_reports_json(PartOf(*output, "reports"));
  const auto objects = output->find("objects");
  if (!with_objects || objects == output->end() || !objects->is_array()) return out;
  std::string text;
  for (const json& object : *objects) text += (text.empty() ? "" : "---\n") + ToYaml(object);
  out.set_objects(std::move(text));
  return out;
}

Result<v1::ExplainSmiResponse> ExplainSmi(const Core& core, const CallContext& context,
                                          const v1::ExplainSmiRequest& request) {
  MP_TRY(const SmiInput input, ReadSmiInput(request.documents()));
  MP_TRY(const auto translators, Translators(core, context, request));
  v1::ExplainSmiResponse response;
  FillFindings(CheckSmi(input, CheckFacts::kYes), *response.mutable_findings());

  engine::Question question;
  question.type = kTranslate;
  question.principal = context.caller.principal;
  question.tenant = context.caller.tenant;
  question.cancelled = context.cancelled;
  // Side by side: the slowest mesh decides how long the caller waits, not the sum of all.
  std::vector<std::future<v1::MeshExplanation>> answers;
  for (const auto& [mesh_type, adapters] : translators) {
    question.mesh_type = mesh_type;
    question.parameters_json = Parameters(request, mesh_type, translators);
    answers.push_back(
        std::async(std::launch::async, [&core, question, ids = adapters, objects = request.with_objects()] {
          return Explain(core, question, ids, objects);
        }));
  }
  for (auto& answer : answers) *response.add_meshes() = answer.get();
  return response;
}

}  // namespace

void AddSmiExplain(MethodTable& table) {
  table.Add("Smi.ExplainSmi", ExplainSmi);
}

}  // namespace meshplay::services
