#include <nlohmann/json.hpp>

#include "libs/base/yaml.h"
#include "libs/smi/convert.h"
#include "libs/smi/validate.h"
#include "meshplay/v1/smi.pb.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/smi_documents.h"

namespace meshplay::services {

namespace {

Result<v1::ValidateSmiResponse> ValidateSmi(const Core& /*core*/, const CallContext& /*context*/,
                                            const v1::ValidateSmiRequest& request) {
  MP_TRY(const SmiInput input, ReadSmiInput(request.documents()));
  const std::vector<smi::Finding> findings = CheckSmi(input, CheckFacts::kYes);
  v1::ValidateSmiResponse response;
  response.set_valid(!smi::HasErrors(findings));
  response.set_documents(static_cast<std::uint32_t>(input.documents));
  response.set_smi_documents(static_cast<std::uint32_t>(input.smi_documents));
  response.set_facts_documents(static_cast<std::uint32_t>(input.facts_documents));
  FillFindings(findings, *response.mutable_findings());
  return response;
}

/// Who converts a folder wants its SMI objects; manifests would come back without their comments and order.
smi::Finding PassedOver(const SmiInput& input) {
  smi::Finding finding;
  finding.document = *input.first_facts_document;
  finding.diagnostic.severity = smi::Severity::kInfo;
  finding.diagnostic.code = "PASSED_OVER";
  finding.diagnostic.message = "documents with Kubernetes objects, left out because only SMI is converted: " +
                               std::to_string(input.facts_documents) + "; this is the first";
  return finding;
}

/// "v1alpha3" is 3; empty is `standard`.
Result<int> VersionNumber(const std::string& name, int standard, const char* pointer) {
  constexpr std::string_view kPrefix = "v1alpha";
  if (name.empty()) return standard;
  const bool good =
      name.size() == kPrefix.size() + 1 && name.starts_with(kPrefix) && name.back() >= '1' && name.back() <= '4';
  if (good) return name.back() - '0';
  return InvalidArgument("VERSION_INVALID", "an SMI version is v1alpha1 to v1alpha4")
      .WithViolation(pointer, "is no SMI version");
}

Result<v1::ConvertSmiResponse> ConvertSmi(const Core& /*core*/, const CallContext& /*context*/,
                                          const v1::ConvertSmiRequest& request) {
  smi::TargetVersions versions;
  MP_TRY(versions.access, VersionNumber(request.access_version(), versions.access, "/access_version"));
  MP_TRY(versions.specs, VersionNumber(request.specs_version(), versions.specs, "/specs_version"));
  MP_TRY(versions.split, VersionNumber(request.split_version(), versions.split, "/split_version"));
  if (request.headers_as_map()) versions.headers = smi::HeaderShape::kMap;
  MP_TRY(const SmiInput input, ReadSmiInput(request.documents()));
  std::vector<smi::Finding> findings = CheckSmi(input, CheckFacts::kNo);  // What is written depends on no cluster.
  MP_TRY(const smi::Conversion conversion, smi::Convert(input.set, versions));
  findings.insert(findings.end(), conversion.findings.begin(), conversion.findings.end());
  v1::ConvertSmiResponse response;
  std::string text;
  for (const nlohmann::json& document : conversion.documents) text += (text.empty() ? "" : "---\n") + ToYaml(document);
  response.set_documents(text);
  response.set_converted(static_cast<std::uint32_t>(conversion.documents.size()));
  response.set_complete(!smi::HasErrors(findings));
  response.set_passed_over(static_cast<std::uint32_t>(input.facts_documents));
  if (input.first_facts_document) findings.push_back(PassedOver(input));
  FillFindings(findings, *response.mutable_findings());
  return response;
}

}  // namespace

void AddSmi(MethodTable& table) {
  table.Add("Smi.ValidateSmi", ValidateSmi);
  table.Add("Smi.ConvertSmi", ConvertSmi);
  AddSmiExplain(table);
  AddSmiMetrics(table);
}

}  // namespace meshplay::services
