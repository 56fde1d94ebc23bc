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

/// Writes findings; of more than 1,000 only says that there are more.
void FillFindings(const std::vector<smi::Finding>& findings, google::protobuf::RepeatedPtrField<v1::SmiFinding>& out);

void AddSmiExplain(MethodTable& table);
void AddSmiMetrics(MethodTable& table);

}  // namespace meshplay::services
