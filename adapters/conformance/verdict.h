#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/smi/report.h"

namespace meshplay::conformance {

enum class CaseStatus {
  kPassed,
  kFailed,
  kSkipped,
  kInconclusive,  ///< Nothing can be said.
  kUnsupported,   ///< The mesh does not claim it.
};

std::string_view CaseStatusName(CaseStatus status);  ///< "PASSED" and so on.

/// Reasons of cases that did not pass.
namespace reason {
inline constexpr char kExpectationNotMet[] = "EXPECTATION_NOT_MET";        ///< Never, until the time was over.
inline constexpr char kNotStable[] = "NOT_STABLE";                         ///< Met, but not often enough in a row.
inline constexpr char kWrongReason[] = "DENIED_FOR_WRONG_REASON";          ///< It failed, but not because of a denial.
inline constexpr char kApplyFailed[] = "SMI_NOT_APPLIED";                  ///< The mesh did not take the documents.
inline constexpr char kNotClaimed[] = "NOT_CLAIMED";                       ///< The adapter's report says so.
inline constexpr char kMetricsNotConfigured[] = "METRICS_NOT_CONFIGURED";  ///< Nobody said where they are.
inline constexpr char kKindUnknown[] = "SMI_KIND_UNKNOWN";                 ///< Neither cluster nor adapter knows it.
inline constexpr char kPodsDoNotRun[] = "PODS_DO_NOT_RUN";                 ///< No program runs in the pods.
inline constexpr char kPodUnreachable[] = "POD_UNREACHABLE";               ///< A pod was lost within the run.
inline constexpr char kNotInMesh[] = "PODS_NOT_IN_MESH";                   ///< Nothing of the mesh is in the pods.
inline constexpr char kControlFailed[] = "CONTROL_FAILED";                 ///< A control experiment went otherwise.
inline constexpr char kCancelled[] = "CANCELLED";
inline constexpr char kOutOfTime[] = "OUT_OF_TIME";
inline constexpr char kNothingPassed[] = "NOTHING_PASSED";  ///< No case ran to a verdict.
}  // namespace reason

struct CaseResult {
  std::string id;
  std::string group;
  std::string title;
  CaseStatus status = CaseStatus::kInconclusive;
  std::string reason = {};  ///< Empty when passed.
  std::string detail = {};
  std::optional<smi::SupportLevel> level = {};  ///< Of the documents that were in force.
  std::chrono::milliseconds took{0};
  nlohmann::json evidence = nlohmann::json::object();  ///< At most kMaxEvidenceBytes as text.
};

struct GroupResult {
  std::string name;
  std::string smi_version;
  bool legacy = false;
  /// FULL: every step passed. PARTIAL: at least floor(n/2) did, or the adapter reported PARTIAL for one that passed.
  /// NONE otherwise. Unset: nothing can be said.
  std::optional<smi::SupportLevel> capability;
};

/// What a run found. PASSED only when something passed, nothing failed and nothing is inconclusive.
struct RunReport {
  CaseStatus overall = CaseStatus::kInconclusive;
  std::string reason;
  std::string detail;
  std::vector<CaseResult> cases;
  std::vector<GroupResult> groups;
};

inline constexpr char kSuite[] = "meshplay-smi";
inline constexpr char kSuiteVersion[] = "1";
inline constexpr std::size_t kMaxEvidenceBytes = 16 * 1024;
inline constexpr std::size_t kMaxReportEvidenceBytes = 900 * 1024;  ///< Of a whole run.

/// Fills overall, reason and the groups' capabilities from the cases. Pure.
void Conclude(RunReport& report);

/// Cuts evidence to its bound: old attempts go first, then the bodies of objects; what was cut is said. Pure.
void BoundEvidence(nlohmann::json& evidence, std::size_t max_bytes);

}  // namespace meshplay::conformance
