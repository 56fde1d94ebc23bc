#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "server/store/internal/child_rows.h"
#include "server/store/store.h"

namespace meshplay::store::internal {

/// How to undo what a unit of work did, newest last.
class Journal {
 public:
  void Add(std::function<void()> undo) { undos_.push_back(std::move(undo)); }
  void Keep() { undos_.clear(); }
  void Undo() {
    for (auto it = undos_.rbegin(); it != undos_.rend(); ++it) (*it)();
    undos_.clear();
  }

 private:
  std::vector<std::function<void()>> undos_;
};

/// A map whose changes can be undone.
template <class Key, class Row>
class Table {
 public:
  explicit Table(Journal& journal) : journal_(journal) {}
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  const std::map<Key, Row>& rows() const { return rows_; }
  const Row* Find(const Key& key) const {
    const auto it = rows_.find(key);
    return it == rows_.end() ? nullptr : &it->second;
  }
  std::optional<Row> Get(const Key& key) const {
    const Row* row = Find(key);
    return row == nullptr ? std::nullopt : std::optional<Row>(*row);
  }
  void Put(const Key& key, Row row) {
    journal_.Add([this, key, before = Get(key)] {
      if (before) {
        rows_[key] = *before;
      } else {
        rows_.erase(key);
      }
    });
    rows_[key] = std::move(row);
  }
  void Erase(const Key& key) {
    const auto it = rows_.find(key);
    if (it == rows_.end()) return;
    journal_.Add([this, key, before = std::move(it->second)] { rows_[key] = before; });
    rows_.erase(it);
  }
  template <class Predicate>
  std::uint64_t EraseIf(Predicate matches) {
    std::vector<Key> doomed;
    for (const auto& [key, row] : rows_) {
      if (matches(row)) doomed.push_back(key);
    }
    for (const Key& key : doomed) Erase(key);
    return doomed.size();
  }

 private:
  Journal& journal_;
  std::map<Key, Row> rows_;
};

using Text2 = std::pair<std::string, std::string>;
using Text3 = std::tuple<std::string, std::string, std::string>;

struct MemoryTables {
  Journal journal;
  Table<std::string, OperationRecord> operations{journal};
  Table<std::pair<std::string, std::uint32_t>, AttemptRecord> attempts{journal};
  Table<std::tuple<std::string, std::uint32_t, std::uint32_t>, StepRow> steps{journal};
  Table<std::pair<std::string, std::uint64_t>, OutcomeRow> outcomes{journal};
  Table<std::pair<std::string, std::uint64_t>, DiagnosticRow> diagnostics{journal};
  Table<std::string, PlanRecord> plans{journal};  // by operation: two plans may have one digest
  Table<Text3, IdempotencyRecord> idempotency{journal};
  Table<std::string, TargetRecord> targets{journal};
  Table<std::string, std::string> locks{journal};  // target -> operation
  Table<std::string, HoldRecord> holds{journal};
  Table<std::uint64_t, EventRecord> events{journal};
  Table<std::uint64_t, AuditRecord> audit{journal};
  Table<std::string, AdapterRecord> adapters{journal};
  Table<Text2, ClusterRecord> clusters{journal};  // (id, tenant)
  Table<Text2, ClaimRecord> claims{journal};      // (adapter, cluster uid)
  Table<std::string, MeshRecord> meshes{journal};
  Table<std::uint64_t, MeshHistoryRecord> mesh_history{journal};
  Table<std::string, ObjectRecord> objects{journal};
  Table<Text3, BookmarkRecord> bookmarks{journal};
  Table<std::string, EnrollmentTokenRecord> enrollment_tokens{journal};
  Table<std::string, ApiTokenRecord> api_tokens{journal};
  Table<Text3, SecretRecord> secrets{journal};  // (name, tenant, version)
  Table<std::string, PolicyRecord> policies{journal};
  Table<std::pair<std::string, std::uint32_t>, PolicyRevisionRecord> policy_revisions{journal};
  Table<Text2, PolicyMeshRecord> policy_meshes{journal};     // (policy, mesh)
  Table<Text2, PolicyReportRecord> policy_reports{journal};  // (policy, mesh)
  Table<Text2, EnvironmentRecord> environments{journal};     // (id, tenant)
  Table<std::string, ConformanceRunRecord> conformance_runs{journal};
  Table<std::pair<std::string, std::uint32_t>, ConformanceCaseRecord> conformance_cases{journal};
  Table<std::string, std::string> meta{journal};
};

}  // namespace meshplay::store::internal
