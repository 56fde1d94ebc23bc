#include <nlohmann/json.hpp>

#include "libs/base/yaml.h"
#include "libs/smi/parse.h"
#include "libs/smi/validate.h"
#include "meshplay/v1/access.pb.h"
#include "server/services/convert_common.h"
#include "server/services/internal/method_table.h"

namespace meshplay::services {
namespace {

constexpr const char* kDefaultNamespace = "default";

const char* SeverityName(smi::Severity severity) {
  switch (severity) {
    case smi::Severity::kInfo:
      return "INFO";
    case smi::Severity::kWarning:
      return "WARNING";
    case smi::Severity::kError:
      return "ERROR";
  }
  return "ERROR";
}

v1::SmiFinding ToFinding(const smi::Finding& finding) {
  v1::SmiFinding out;
  out.set_document(static_cast<std::uint32_t>(finding.document));
  out.set_severity(SeverityName(finding.diagnostic.severity));
  out.set_code(finding.diagnostic.code);
  out.set_pointer(finding.diagnostic.pointer);
  out.set_summary(finding.diagnostic.message);
  *out.mutable_object() =
      ToObjectKey(finding.object.api_version, finding.object.kind, finding.object.namespace_name, finding.object.name);
  return out;
}

Result<v1::ValidateSmiResponse> ValidateSmi(const Core& /*core*/, const CallContext& /*context*/,
                                            const v1::ValidateSmiRequest& request) {
  MP_TRY(const std::vector<YamlDocument> read, ParseYaml(request.documents()));
  std::vector<nlohmann::json> documents;
  documents.reserve(read.size());
  for (const YamlDocument& document : read) documents.push_back(document.value);
  smi::ParseOptions options;
  options.default_namespace = kDefaultNamespace;
  const smi::DocumentSet set = smi::ParseDocuments(documents, options);
  const std::vector<smi::Finding> findings = smi::Validate(set);
  v1::ValidateSmiResponse response;
  response.set_valid(!smi::HasErrors(findings) && set.other_documents.empty());
  response.set_documents(static_cast<std::uint32_t>(documents.size()));
  for (const smi::Finding& finding : findings) *response.add_findings() = ToFinding(finding);
  for (const std::size_t index : set.other_documents) {
    v1::SmiFinding& finding = *response.add_findings();
    finding.set_document(static_cast<std::uint32_t>(index));
    finding.set_severity("ERROR");
    finding.set_code("NOT_SMI");
    finding.set_summary("the document is no SMI object");
  }
  return response;
}

}  // namespace

void AddSmi(MethodTable& table) {
  table.Add("Smi.ValidateSmi", ValidateSmi);
}

}  // namespace meshplay::services
