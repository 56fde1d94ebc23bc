#include "adapters/serve/translate_answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "adapters/translate/mesh_version.h"
#include "libs/base/json.h"
#include "libs/base/yaml.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "libs/smi/report.h"

namespace meshplay::serve {
namespace {

using nlohmann::json;

constexpr const char* kSchema = R"({
  "type": "object",
  "required": ["documents"],
  "additionalProperties": false,
  "properties": {
    "documents": {"type": "string", "maxLength": 1048576, "description": "YAML or JSON: SMI objects and the manifests of the cluster that is assumed"},
    "namespace": {"type": "string", "maxLength": 63, "default": "default", "description": "Of objects that name none"},
    "options": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Translation options by name"},
    "mesh_version": {"type": "string", "maxLength": 64},
    "form": {"type": "string", "maxLength": 64, "description": "The mesh's own objects when absent; gamma: the generic Gateway API form"}
  }
})";

Error Wrong(const char* pointer, std::string detail) {
  return InvalidArgument("PARAMETERS_INVALID", "the question's parameters are not of the agreed form")
      .WithViolation(pointer, std::move(detail));
}

Result<std::string> Text(const json& parameters, const char* name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return std::string();
  if (!found->is_string()) return Wrong(name, "is no text");
  return found->get<std::string>();
}

Result<translate::OptionMap> Options(const json& parameters) {
  translate::OptionMap options;
  const auto found = parameters.find("options");
  if (found == parameters.end()) return options;
  if (!found->is_object()) return Wrong("/options", "is no object");
  for (const auto& [name, value] : found->items()) {
    if (value.is_boolean()) {
      options[name] = value.get<bool>() ? "true" : "false";
    } else if (value.is_string()) {
      options[name] = value.get<std::string>();
    } else {
      return Wrong("/options", name + " is no text");
    }
  }
  return options;
}

Result<json> Translate(const std::vector<translate::TranslateEmitter>& emitters, const std::string& parameters_json) {
  MP_TRY(const json parameters, ParseJson(parameters_json, {4 * 1024 * 1024, 64, 200'000}));
  if (!parameters.is_object()) return Wrong("", "is no object");
  MP_TRY(const std::string documents, Text(parameters, "documents"));
  MP_TRY(std::string name_space, Text(parameters, "namespace"));
  MP_TRY(const std::string mesh_version, Text(parameters, "mesh_version"));
  MP_TRY(const std::string form, Text(parameters, "form"));
  MP_TRY(const translate::OptionMap options, Options(parameters));
  if (name_space.empty()) name_space = "default";
  const auto emitter = form.empty() ? emitters.begin()
                                    : std::find_if(emitters.begin(), emitters.end(),
                                                   [&](const auto& candidate) { return candidate.name == form; });
  if (emitter == emitters.end()) return Wrong("/form", "this adapter has no such form");
  MP_CHECK(translate::CheckMeshVersion(mesh_version, emitter->name, emitter->oldest_version));

  MP_TRY(const std::vector<YamlDocument> read, ParseYaml(documents));
  std::vector<json> objects;
  for (const YamlDocument& document : read) objects.push_back(document.value);
  // Each passes over what is the other's, within lists too.
  smi::ClusterFacts facts = facts::FactsFromObjects(objects, {name_space});
  facts.mesh_version = mesh_version;
  const smi::DocumentSet set = smi::ParseDocuments(objects, {name_space});
  MP_TRY(const translate::Emission emission, emitter->emit(set, facts, options));
  return json{{"level", smi::SupportLevelName(smi::WorstLevel(emission.reports))},
              {"objects", emission.objects},
              {"reports", smi::ToJson(emission.reports)}};
}

pb::TaskResult Refused(const Error& error) {
  const bool callers = error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kUnimplemented ||
                       error.code() == ErrorCode::kResourceExhausted;
  pb::Error wire = sdk::MakeError(error.reason(), callers ? pb::ERROR_CLASS_INVALID : pb::ERROR_CLASS_BUG,
                                  pb::SIDE_EFFECTS_NONE, error.message());
  wire.set_remediation(error.remediation());
  for (const Violation& violation : error.violations()) {
    pb::FieldViolation& added = *wire.add_fields();
    added.set_pointer(violation.pointer);
    added.set_description(violation.detail);
  }
  return sdk::Failed(std::move(wire));
}

}  // namespace

pb::OperationDescriptor TranslateDescriptor() {
  pb::OperationDescriptor out;
  out.set_type(kTranslateQuery);
  out.set_category(pb::OPERATION_CATEGORY_QUERY);
  out.set_title("Translate SMI documents");
  out.set_description("What the mesh would make of SMI documents: objects and a report for each document.");
  out.set_parameters_schema(kSchema);
  out.set_idempotency(pb::IDEMPOTENCY_NATURAL);
  return out;
}

pb::TaskResult AnswerTranslate(const std::vector<translate::TranslateEmitter>& emitters,
                               const std::string& parameters_json) {
  const auto output = Translate(emitters, parameters_json);
  if (!output) return Refused(output.error());
  std::string text = DumpJson(*output);
  if (text.size() > kMaxAnswerBytes) {
    return Refused(Error(ErrorCode::kResourceExhausted, "ANSWER_TOO_LARGE", "the translation is larger than 1.5 MiB")
                       .WithRemediation("Ask with fewer documents, or use the command translate."));
  }
  pb::TaskResult result = sdk::Succeeded();
  result.set_output_json(std::move(text));
  return result;
}

}  // namespace meshplay::serve
