#include "server/services/internal/smi_documents.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/json_member.h"
#include "libs/base/yaml.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "libs/smi/report.h"
#include "libs/smi/validate.h"
#include "server/services/convert_common.h"

namespace meshplay::services {
namespace {

using nlohmann::json;

constexpr const char* kDefaultNamespace = "default";
constexpr int kMaxFindings = 1'000;

/// Texts of a document that come back with every finding: a long one would make the answer a hundred times the
/// question.
std::string Shortened(const std::string& text) {
  constexpr std::size_t kMaxBytes = 1'000;
  if (text.size() <= kMaxBytes) return text;
  std::size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // Not within a character.
  return text.substr(0, end) + "...";
}

bool IsKubernetesObject(const json& value) {
  return !MemberText(value, "apiVersion").empty() && !MemberText(value, "kind").empty();
}

bool IsList(const json& value) {
  return MemberText(value, "kind").ends_with("List") && Member(value, "items").is_array();
}

smi::Finding InputFinding(std::size_t document, std::string code, std::string pointer, std::string message) {
  smi::Finding finding;
  finding.document = document;
  finding.diagnostic = {std::move(code), smi::Severity::kError, std::move(pointer), std::move(message), ""};
  return finding;
}

/// Tells what a document holds; a list is looked into.
class Sorter {
 public:
  Sorter(std::size_t index, std::vector<smi::Finding>& findings) : index_(index), findings_(findings) {}

  void Sort(const json& document) {
    if (!IsKubernetesObject(document) || !IsList(document)) return SortObject(document, "");
    const json& items = Member(document, "items");
    // The items of an API server's list carry neither kind nor version.
    const bool named = MemberText(document, "kind") != "List";
    if (items.empty()) (smi::IsSmiDocument(document) ? has_smi : has_facts) = true;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string pointer = "/items/" + std::to_string(i);
      if (named && items[i].is_object() && !items[i].contains("kind")) {
        (smi::IsSmiDocument(document) ? has_smi : has_facts) = true;
      } else if (IsKubernetesObject(items[i]) && IsList(items[i])) {
        findings_.push_back(InputFinding(index_, "NOT_SMI", pointer, "a list within a list is not read"));
      } else {
        SortObject(items[i], pointer);
      }
    }
  }

  bool has_smi = false;
  bool has_facts = false;

 private:
  void SortObject(const json& object, const std::string& pointer) {
    if (smi::IsSmiDocument(object)) {
      has_smi = true;
    } else if (IsKubernetesObject(object)) {
      has_facts = true;
    } else {
      findings_.push_back(InputFinding(index_, "NOT_SMI", pointer,
                                       "is neither an SMI nor a Kubernetes object: both have apiVersion and kind"));
    }
  }

  const std::size_t index_;
  std::vector<smi::Finding>& findings_;
};

/// A kustomization or a ConfigMap alone says nothing about which Services a cluster has.
bool TellAnything(const smi::ClusterFacts& facts) {
  return !facts.services.empty() || !facts.workloads.empty() || !facts.service_accounts.empty() ||
         !facts.namespaces.empty();
}

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

}  // namespace

Result<SmiInput> ReadSmiInput(const std::string& text) {
  MP_TRY(std::vector<YamlDocument> read, ParseYaml(text));
  SmiInput input;
  std::vector<json> documents;
  documents.reserve(read.size());
  for (YamlDocument& document : read) documents.push_back(std::move(document.value));
  input.documents = documents.size();
  input.set = smi::ParseDocuments(documents, {kDefaultNamespace});
  std::vector<json> cluster;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    Sorter sorter(i, input.findings);
    sorter.Sort(documents[i]);
    if (sorter.has_smi) ++input.smi_documents;
    if (!sorter.has_facts) continue;
    ++input.facts_documents;
    if (!input.first_facts_document) input.first_facts_document = i;
    cluster.push_back(std::move(documents[i]));
  }
  input.facts = facts::FactsFromObjects(cluster, {kDefaultNamespace});
  if (smi::AllHeads(input.set).empty() && input.set.unreadable.empty()) {
    input.findings.push_back(InputFinding(0, "NO_SMI_OBJECT", "",
                                          "there is no SMI object among the documents: none of access, specs or "
                                          "split.smi-spec.io"));
  }
  return input;
}

std::vector<smi::Finding> CheckSmi(const SmiInput& input, CheckFacts facts) {
  const smi::FactsIndex index(input.facts);
  const bool with_facts = facts == CheckFacts::kYes && TellAnything(input.facts);
  std::vector<smi::Finding> findings = smi::Validate(input.set, with_facts ? &index : nullptr);
  findings.insert(findings.end(), input.findings.begin(), input.findings.end());
  std::stable_sort(findings.begin(), findings.end(),
                   [](const smi::Finding& a, const smi::Finding& b) { return a.document < b.document; });
  return findings;
}

void FillFindings(const std::vector<smi::Finding>& findings, google::protobuf::RepeatedPtrField<v1::SmiFinding>& out) {
  for (const smi::Finding& finding : findings) {
    if (out.size() < kMaxFindings) {
      *out.Add() = ToFinding(finding);
      continue;
    }
    v1::SmiFinding& more = *out.Add();
    more.set_document(static_cast<std::uint32_t>(finding.document));
    more.set_severity("ERROR");
    more.set_code("FINDINGS_OMITTED");
    more.set_summary("there are more than " + std::to_string(kMaxFindings) + " findings; the rest is not listed");
    return;
  }
}

}  // namespace meshplay::services
