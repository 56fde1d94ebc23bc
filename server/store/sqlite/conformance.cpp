#include "server/store/sqlite/columns_conformance.h"
#include "server/store/sqlite/unit.h"

namespace meshplay::store::sqlite {

Result<std::optional<ConformanceRunRecord>> SqliteUnit::FindConformanceRun(const std::string& operation_id) {
  static const std::string kSql = Select<ConformanceRunRecord>() + " WHERE operation_id = ?";
  return First<ConformanceRunRecord>(kSql, {operation_id});
}

Result<std::vector<ConformanceCaseRecord>> SqliteUnit::ListConformanceCases(const std::string& operation_id) {
  static const std::string kSql =
      SelectWithout<ConformanceCaseRecord>("evidence_json") + " WHERE operation_id = ? ORDER BY position";
  return Rows<ConformanceCaseRecord>(kSql, {operation_id});
}

Result<std::optional<ConformanceCaseRecord>> SqliteUnit::FindConformanceCase(const std::string& operation_id,
                                                                             const std::string& case_id) {
  static const std::string kSql =
      Select<ConformanceCaseRecord>() + " WHERE operation_id = ? AND id = ? ORDER BY position LIMIT 1";
  return First<ConformanceCaseRecord>(kSql, {operation_id, case_id});
}

Status SqliteUnit::PutConformance(const ConformanceRunRecord& run, const std::vector<ConformanceCaseRecord>& cases) {
  MP_CHECK(internal::CheckConformance(cases));
  static const std::string kOperation = "SELECT 1 FROM operation WHERE id = ?";
  MP_TRY(const std::optional<std::int64_t> known, Number(kOperation, {run.operation_id}));
  if (!known) return internal::RowUnknown("operation");
  static const std::string kOld = "DELETE FROM conformance_run WHERE operation_id = ?";
  MP_CHECK(Run(kOld, {run.operation_id}));
  MP_CHECK(Put(run));
  for (std::uint32_t position = 0; const ConformanceCaseRecord& given : cases) {
    ConformanceCaseRecord row = given;
    row.operation_id = run.operation_id;
    row.position = position++;
    MP_CHECK(Put(row));
  }
  return {};
}

}  // namespace meshplay::store::sqlite
