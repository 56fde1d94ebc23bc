#include <nlohmann/json.hpp>

#include "libs/base/yaml.h"
#include "libs/smi/convert.h"
#include "libs/smi/parse.h"
#include "libs/smi/report.h"
#include "libs/smi/validate.h"
#include "meshplay/v1/smi.pb.h"
#include "server/services/convert_common.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/smi_documents.h"

namespace meshplay::services {

Result<std::vector<nlohmann::json>> ReadSmiDocuments(const std::string& text) {
  MP_TRY(const std::vector<YamlDocument> read, ParseYaml(text));
  std::vector<nlohmann::json> documents;
  documents.reserve(read.size());
  for (const YamlDocument& document : read) documents.push_back(document.value);
  return documents;
}

namespace {

/// Texts of a document that come back with every finding: a long one would make the answer a hundred times the
/// question.
std::string Shortened(const std::string& text) {
  constexpr std::size_t kMaxBytes = 1'000;
  if (text.size() <= kMaxBytes) return text;
  std::size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // Not within a character.
  return text.substr(0, end) + "...";
}

}  // namespace

v1::SmiFinding ToFinding(const smi::Finding& finding) {
  v1::SmiFinding out;
  out.set_document(static_cast<std::uint32_t>(finding.document));
  out.set_severity(std::string(smi::SeverityName(finding.diagnostic.severity)));
  out.set_code(finding.diagnostic.code);
  out.set_pointer(Shortened(finding.diagnostic.pointer));
  out.set_summary(Shortened(finding.diagnostic.message));
  const smi::ObjectKey& object = finding.object;
  *out.mutable_object() = ToObjectKey(Shortened(object.api_version), Shortened(object.kind),
                                      Shortened(object.namespace_name), Shortened(object.name));
  return out;
}

namespace {

constexpr int kMaxFindings = 1'000;

/// Adds a finding; of more than kMaxFindings only says that there are more.
template <class Response>
void AddFinding(v1::SmiFinding finding, Response& response) {
  if (response.findings_size() < kMaxFindings) {
    *response.add_findings() = std::move(finding);
    return;
  }
  if (response.findings_size() > kMaxFindings) return;
  v1::SmiFinding& more = *response.add_findings();
  more.set_document(finding.document());
  more.set_severity("ERROR");
  more.set_code("FINDINGS_OMITTED");
  more.set_summary("there are more than " + std::to_string(kMaxFindings) + " findings; the rest is not listed");
}

v1::SmiFinding NotSmi(std::size_t document) {
  v1::SmiFinding finding;
  finding.set_document(static_cast<std::uint32_t>(document));
  finding.set_severity("ERROR");
  finding.set_code("NOT_SMI");
  finding.set_summary("the document is no SMI object");
  return finding;
}

Result<v1::ValidateSmiResponse> ValidateSmi(const Core& /*core*/, const CallContext& /*context*/,
                                            const v1::ValidateSmiRequest& request) {
  MP_TRY(const std::vector<nlohmann::json> documents, ReadSmiDocuments(request.documents()));
  const smi::DocumentSet set = smi::ParseDocuments(documents, {kDefaultSmiNamespace});
  const std::vector<smi::Finding> findings = smi::Validate(set);
  v1::ValidateSmiResponse response;
  response.set_valid(!smi::HasErrors(findings) && set.other_documents.empty());
  response.set_documents(static_cast<std::uint32_t>(documents.size()));
  for (const smi::Finding& finding : findings) AddFinding(ToFinding(finding), response);
  for (const std::size_t index : set.other_documents) AddFinding(NotSmi(index), response);
  return response;
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
  MP_TRY(const std::vector<nlohmann::json> documents, ReadSmiDocuments(request.documents()));
  const smi::DocumentSet set = smi::ParseDocuments(documents, {kDefaultSmiNamespace});
  const std::vector<smi::Finding> findings = smi::Validate(set);
  MP_TRY(const smi::Conversion conversion, smi::Convert(set, versions));
  v1::ConvertSmiResponse response;
  std::string text;
  for (const nlohmann::json& document : conversion.documents) text += (text.empty() ? "" : "---\n") + ToYaml(document);
  response.set_documents(text);
  response.set_converted(static_cast<std::uint32_t>(conversion.documents.size()));
  for (const smi::Finding& finding : findings) AddFinding(ToFinding(finding), response);
  for (const smi::Finding& finding : conversion.findings) AddFinding(ToFinding(finding), response);
  for (const std::size_t index : set.other_documents) AddFinding(NotSmi(index), response);
  response.set_complete(!smi::HasErrors(findings) && !smi::HasErrors(conversion.findings) &&
                        set.other_documents.empty());
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
