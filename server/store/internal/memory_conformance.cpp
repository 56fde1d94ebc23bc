#include "server/store/internal/memory_unit.h"
#include "server/store/internal/rules.h"

namespace meshplay::store::internal {

Result<std::optional<ConformanceRunRecord>> MemoryUnit::FindConformanceRun(const std::string& operation_id) {
  return t_.conformance_runs.Get(operation_id);
}

Result<std::vector<ConformanceCaseRecord>> MemoryUnit::ListConformanceCases(const std::string& operation_id) {
  std::vector<ConformanceCaseRecord> found;
  const auto& rows = t_.conformance_cases.rows();
  for (auto it = rows.lower_bound({operation_id, 0}); it != rows.end() && it->first.first == operation_id; ++it) {
    found.push_back(it->second);
    found.back().evidence_json.clear();
  }
  return found;
}

Result<std::optional<ConformanceCaseRecord>> MemoryUnit::FindConformanceCase(const std::string& operation_id,
                                                                             const std::string& case_id) {
  const auto& rows = t_.conformance_cases.rows();
  for (auto it = rows.lower_bound({operation_id, 0}); it != rows.end() && it->first.first == operation_id; ++it) {
    if (it->second.id == case_id) return std::optional(it->second);
  }
  return std::optional<ConformanceCaseRecord>();
}

Status MemoryUnit::PutConformance(const ConformanceRunRecord& run, const std::vector<ConformanceCaseRecord>& cases) {
  MP_CHECK(CheckConformance(cases));
  MP_CHECK(RequireOperation(run.operation_id));
  t_.conformance_cases.EraseIf([&](const auto& row) { return row.operation_id == run.operation_id; });
  t_.conformance_runs.Put(run.operation_id, run);
  for (std::uint32_t position = 0; const ConformanceCaseRecord& given : cases) {
    ConformanceCaseRecord row = given;
    row.operation_id = run.operation_id;
    row.position = position++;
    t_.conformance_cases.Put({row.operation_id, row.position}, row);
  }
  return {};
}

}  // namespace meshplay::store::internal
