#pragma once

#include <chrono>
#include <cstdint>
#include <string>

/// What conformance runs found. Plain values; every backend stores and returns them unchanged.
namespace meshplay::store {

inline constexpr std::uint32_t kMaxConformanceCases = 1'000;  ///< Of one run.
inline constexpr std::size_t kMaxCaseEvidenceBytes = 32 * 1024;

/// The report of an operation of kind CONFORMANCE; who ran what where is in the operation. Gone with the operation.
struct ConformanceRunRecord {
  std::string operation_id;
  std::string mesh_version;
  std::string suite;
  std::string suite_version;
  std::string verdict;  ///< "PASSED", "FAILED" or "INCONCLUSIVE"
  std::string reason;
  std::string detail;
  std::string groups_json;  ///< [{name, smi_version, capability, legacy}]
  std::uint32_t passed = 0;
  std::uint32_t failed = 0;
  std::uint32_t skipped = 0;
  std::uint32_t inconclusive = 0;
  std::uint32_t unsupported = 0;
  bool operator==(const ConformanceRunRecord&) const = default;
};

struct ConformanceCaseRecord {
  std::string operation_id;
  std::uint32_t position = 0;  ///< From 0, in the order in which they ran.
  std::string id;              ///< "traffic-access-05"
  std::string group_name;
  std::string title;
  std::string status;  ///< "PASSED", "FAILED", "SKIPPED", "INCONCLUSIVE" or "UNSUPPORTED"
  std::string reason;
  std::string detail;
  std::string level;  ///< "FULL", "PARTIAL", "NONE" or empty
  std::chrono::milliseconds took{0};
  std::string evidence_json;
  bool operator==(const ConformanceCaseRecord&) const = default;
};

}  // namespace meshplay::store
