#include "adapters/conformance/verdict.h"

#include <algorithm>

#include "libs/base/json.h"

namespace meshplay::conformance {
namespace {

using nlohmann::json;

bool Judged(const CaseResult& result) {
  return result.status != CaseStatus::kInconclusive && result.status != CaseStatus::kSkipped;
}

std::optional<smi::SupportLevel> CapabilityOf(const std::string& group, const std::vector<CaseResult>& cases) {
  std::size_t steps = 0, passed = 0;
  bool judged = true, partial = false;
  for (const CaseResult& result : cases) {
    if (result.group != group) continue;
    ++steps;
    judged = judged && Judged(result);
    if (result.status != CaseStatus::kPassed) continue;
    ++passed;
    partial = partial || result.level == smi::SupportLevel::kPartial;
  }
  if (steps == 0 || !judged) return std::nullopt;
  if (passed == steps) return partial ? smi::SupportLevel::kPartial : smi::SupportLevel::kFull;
  const bool half = passed > 0 && passed >= steps / 2;
  return half || partial ? smi::SupportLevel::kPartial : smi::SupportLevel::kNone;
}

}  // namespace

std::string_view CaseStatusName(CaseStatus status) {
  switch (status) {
    case CaseStatus::kPassed:
      return "PASSED";
    case CaseStatus::kFailed:
      return "FAILED";
    case CaseStatus::kSkipped:
      return "SKIPPED";
    case CaseStatus::kInconclusive:
      return "INCONCLUSIVE";
    case CaseStatus::kUnsupported:
      return "UNSUPPORTED";
  }
  return "INCONCLUSIVE";
}

void Conclude(RunReport& report) {
  for (GroupResult& group : report.groups) group.capability = CapabilityOf(group.name, report.cases);
  const CaseResult* failed = nullptr;
  const CaseResult* open = nullptr;
  bool passed = false;
  for (const CaseResult& result : report.cases) {
    // Controls show that the experiment works, nothing about the mesh.
    const bool control = result.group == "control";
    if (result.status == CaseStatus::kFailed && failed == nullptr) failed = &result;
    if (!Judged(result) && open == nullptr) open = &result;
    passed = passed || (!control && result.status == CaseStatus::kPassed);
  }
  const CaseResult* why = failed != nullptr ? failed : open;
  if (why != nullptr) {
    report.overall = failed != nullptr ? CaseStatus::kFailed : CaseStatus::kInconclusive;
    if (report.reason.empty()) {
      report.reason = why->reason;
      report.detail = why->id + ": " + why->detail;
    }
    return;
  }
  report.overall = passed ? CaseStatus::kPassed : CaseStatus::kInconclusive;
  if (!passed && report.reason.empty()) {
    report.reason = reason::kNothingPassed;
    report.detail = "no case was carried out";
  }
}

void BoundEvidence(json& evidence, std::size_t max_bytes) {
  const auto fits = [&] { return DumpJson(evidence).size() <= max_bytes; };
  if (fits()) return;
  evidence["cut"] = true;
  // The last looks are those that decided.
  if (evidence.contains("looks") && evidence["looks"].is_array()) {
    json& looks = evidence["looks"];
    while (looks.size() > 1 && !fits()) looks.erase(looks.begin());
  }
  if (!fits() && evidence.contains("objects")) {
    for (json& object : evidence["objects"]) {
      object = {{"apiVersion", object.value("apiVersion", "")},
                {"kind", object.value("kind", "")},
                {"metadata", {{"name", object.value("/metadata/name"_json_pointer, "")}}}};
    }
  }
  for (const char* part : {"objects", "documents", "reports", "looks"}) {
    if (!fits()) evidence.erase(part);
  }
  if (!fits()) evidence = {{"cut", true}};
}

}  // namespace meshplay::conformance
