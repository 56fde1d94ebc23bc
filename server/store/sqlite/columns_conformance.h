#pragma once

#include "server/store/sqlite/columns_operations.h"

/// As columns_operations.h, for conformance runs.
namespace meshplay::store::sqlite {

template <>
struct TableOf<ConformanceRunRecord> {
  static constexpr const char* kName = "conformance_run";
  static constexpr const char* kKey = "operation_id";
};
template <class V, Is<ConformanceRunRecord> Row>
void Columns(V& v, Row& r) {
  v("operation_id", r.operation_id);
  v("mesh_version", r.mesh_version);
  v("suite", r.suite);
  v("suite_version", r.suite_version);
  v("verdict", r.verdict);
  v("reason", r.reason);
  v("detail", r.detail);
  v("groups_json", r.groups_json);
  v("passed", r.passed);
  v("failed", r.failed);
  v("skipped", r.skipped);
  v("inconclusive", r.inconclusive);
  v("unsupported", r.unsupported);
}

template <>
struct TableOf<ConformanceCaseRecord> {
  static constexpr const char* kName = "conformance_case";
  static constexpr const char* kKey = "operation_id, position";
};
template <class V, Is<ConformanceCaseRecord> Row>
void Columns(V& v, Row& r) {
  v("operation_id", r.operation_id);
  v("position", r.position);
  v("id", r.id);
  v("group_name", r.group_name);
  v("title", r.title);
  v("status", r.status);
  v("reason", r.reason);
  v("detail", r.detail);
  v("level", r.level);
  v("took_ms", r.took);
  v("evidence_json", r.evidence_json);
}

}  // namespace meshplay::store::sqlite
