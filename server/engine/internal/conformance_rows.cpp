#include "server/engine/internal/conformance_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "server/engine/events.h"

namespace meshplay::engine::internal {
namespace {

using nlohmann::json;

constexpr std::string_view kStatusPrefix = "CONFORMANCE_STATUS_";
constexpr std::string_view kLevelPrefix = "SUPPORT_LEVEL_";
constexpr std::array<std::string_view, 5> kStatuses = {"PASSED", "FAILED", "SKIPPED", "INCONCLUSIVE", "UNSUPPORTED"};
constexpr std::array<std::string_view, 3> kLevels = {"FULL", "PARTIAL", "NONE"};
constexpr double kMaxSeconds = 86'400;

std::string TextAt(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& ListAt(const json& object, const char* key) {
  static const json kNone = json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : kNone;
}

/// The name behind the enum's prefix when it is one of `known`.
template <std::size_t N>
std::string Bare(const std::string& name, std::string_view prefix, const std::array<std::string_view, N>& known,
                 const char* otherwise) {
  if (name.substr(0, prefix.size()) != prefix) return otherwise;
  const std::string bare = name.substr(prefix.size());
  return std::find(known.begin(), known.end(), bare) != known.end() ? bare : otherwise;
}

/// "12.345s"
std::chrono::milliseconds Took(const std::string& text) {
  const double seconds = std::strtod(text.c_str(), nullptr);
  if (!std::isfinite(seconds)) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(std::llround(std::clamp(seconds, 0.0, kMaxSeconds) * 1'000));
}

std::string Evidence(const json& entry) {
  const auto found = entry.find("evidence");
  if (found == entry.end()) return {};
  const std::string text = Dump(*found);
  return text.size() <= store::kMaxCaseEvidenceBytes ? text : R"({"cut":true})";
}

std::uint32_t& CounterOf(store::ConformanceRunRecord& run, const std::string& status) {
  if (status == "PASSED") return run.passed;
  if (status == "FAILED") return run.failed;
  if (status == "SKIPPED") return run.skipped;
  return status == "UNSUPPORTED" ? run.unsupported : run.inconclusive;
}

}  // namespace

std::pair<store::ConformanceRunRecord, std::vector<store::ConformanceCaseRecord>> ConformanceRows(
    const std::string& report_json) {
  store::ConformanceRunRecord run;
  std::vector<store::ConformanceCaseRecord> cases;
  json report = ParseStored(report_json);
  if (!report.is_object()) report = json::object();
  run.mesh_version = TextAt(report, "mesh_version");
  run.suite = TextAt(report, "suite");
  run.suite_version = TextAt(report, "suite_version");
  run.reason = TextAt(report, "reason");
  run.detail = TextAt(report, "detail");
  run.verdict = Bare(TextAt(report, "overall"), kStatusPrefix, kStatuses, "INCONCLUSIVE");
  json groups = json::array();
  for (const json& group : ListAt(report, "groups")) {
    if (!group.is_object()) continue;
    groups.push_back({{"name", TextAt(group, "name")},
                      {"smi_version", TextAt(group, "smi_version")},
                      {"capability", Bare(TextAt(group, "capability"), kLevelPrefix, kLevels, "")},
                      {"legacy", group.value("legacy", json()) == true}});
  }
  run.groups_json = Dump(groups);
  for (const json& entry : ListAt(report, "cases")) {
    if (!entry.is_object() || cases.size() == store::kMaxConformanceCases) continue;
    store::ConformanceCaseRecord& row = cases.emplace_back();
    row.id = TextAt(entry, "id");
    row.group_name = TextAt(entry, "group");
    row.title = TextAt(entry, "title");
    row.status = Bare(TextAt(entry, "status"), kStatusPrefix, kStatuses, "INCONCLUSIVE");
    row.reason = TextAt(entry, "reason");
    row.detail = TextAt(entry, "detail");
    row.level = Bare(TextAt(entry, "level"), kLevelPrefix, kLevels, "");
    row.took = Took(TextAt(entry, "took"));
    row.evidence_json = Evidence(entry);
    ++CounterOf(run, row.status);
  }
  // No evidence, no pass: an adapter that says PASSED without a case that did is not believed.
  if (run.verdict == "PASSED" && (run.passed == 0 || run.failed + run.inconclusive > 0)) {
    run.verdict = run.failed > 0 ? "FAILED" : "INCONCLUSIVE";
    if (run.reason.empty()) run.reason = "NOTHING_PASSED";
  }
  return {std::move(run), std::move(cases)};
}

}  // namespace meshplay::engine::internal
