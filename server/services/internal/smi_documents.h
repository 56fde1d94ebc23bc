#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/result.h"
#include "libs/smi/facts.h"
#include "libs/smi/model.h"
#include "meshplay/v1/smi.pb.h"

namespace meshplay::services {

class MethodTable;

/// What a request's documents are. Indices in findings count all documents, whatever they are.
struct SmiInput {
  smi::DocumentSet set;
  smi::ClusterFacts facts;             ///< Of the Kubernetes objects among the documents.
  std::vector<smi::Finding> findings;  ///< NOT_SMI, NO_SMI_OBJECT: what is neither, or missing.
  std::size_t documents = 0;
  std::size_t smi_documents = 0;
  std::size_t facts_documents = 0;  ///< A list may hold both, and counts as both.
  std::optional<std::size_t> first_facts_document;
};

/// Reads documents; objects without a namespace are in `default`. Errors: those of ParseYaml.
Result<SmiInput> ReadSmiInput(const std::string& text);

enum class CheckFacts { kNo, kYes };

/// Every finding in document order: of the input and of the rules. With kYes, facts that tell anything are looked at.
std::vector<smi::Finding> CheckSmi(const SmiInput& input, CheckFacts facts);

v1::SmiFinding ToFinding(const smi::Finding& finding);

inline constexpr int kMaxSmiFindings = 1'000;

/// Adds findings; of more than kMaxSmiFindings in the response only says that there are more.
template <class Response>
void AddFindings(const std::vector<smi::Finding>& findings, Response& response) {
  for (const smi::Finding& finding : findings) {
    if (response.findings_size() > kMaxSmiFindings) return;
    v1::SmiFinding& added = *response.add_findings();
    added = ToFinding(finding);
    if (response.findings_size() <= kMaxSmiFindings) continue;
    v1::SmiFinding more;
    more.set_document(added.document());
    more.set_severity("ERROR");
    more.set_code("FINDINGS_OMITTED");
    more.set_summary("there are more than " + std::to_string(kMaxSmiFindings) + " findings; the rest is not listed");
    added = std::move(more);
  }
}

void AddSmiExplain(MethodTable& table);
void AddSmiMetrics(MethodTable& table);

}  // namespace meshplay::services
