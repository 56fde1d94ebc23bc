#include "server/services/convert_conformance.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "libs/base/json_member.h"
#include "server/services/convert_common.h"
#include "server/services/convert_operation.h"
#include "server/store/operation_states.h"

namespace meshplay::services {
namespace {

constexpr std::uint32_t kLegacySteps = 24;

std::string Fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

struct Group {
  std::string name, smi_version, capability;
  bool legacy = false;
  std::vector<const store::ConformanceCaseRecord*> steps;

  std::uint32_t passed() const {
    return static_cast<std::uint32_t>(
        std::count_if(steps.begin(), steps.end(), [](const auto* step) { return step->status == "PASSED"; }));
  }
  /// The steps before the first that did not pass.
  std::uint32_t passed_in_a_row() const {
    const auto first =
        std::find_if(steps.begin(), steps.end(), [](const auto* step) { return step->status != "PASSED"; });
    return static_cast<std::uint32_t>(first - steps.begin());
  }
  std::chrono::milliseconds took() const {
    std::chrono::milliseconds sum{0};
    for (const auto* step : steps) sum += step->took;
    return sum;
  }
};

std::vector<Group> GroupsOf(const ConformanceRows& rows) {
  std::vector<Group> groups;
  if (!rows.run) return groups;
  const nlohmann::json told = ParseColumn(rows.run->groups_json);
  if (!told.is_array()) return groups;
  for (const nlohmann::json& entry : told) {
    Group& group = groups.emplace_back();
    group.name = MemberText(entry, "name");
    group.smi_version = MemberText(entry, "smi_version");
    group.capability = MemberText(entry, "capability");
    group.legacy = entry.is_object() && entry.value("legacy", nlohmann::json()) == true;
    for (const store::ConformanceCaseRecord& step : rows.cases) {
      if (step.group_name == group.name) group.steps.push_back(&step);
    }
  }
  return groups;
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '\xEF':
        // U+FFFE and U+FFFF are UTF-8 and no characters of XML.
        if (text.compare(i, 3, "\xEF\xBF\xBE") == 0 || text.compare(i, 3, "\xEF\xBF\xBF") == 0) {
          out += '?';
          i += 2;
        } else {
          out += c;
        }
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Other control characters cannot be in XML at all.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

std::string Seconds(std::chrono::milliseconds length) {
  return Fixed(static_cast<double>(length.count()) / 1'000, 3);
}

std::string CaseXml(const store::ConformanceCaseRecord& one) {
  std::string text = "    <testcase name=\"" + Escaped(one.id) + "\" classname=\"" + Escaped("smi." + one.group_name) +
                     "\" time=\"" + Seconds(one.took) + "\"";
  if (one.status == "PASSED") return text + "/>\n";
  const std::string message = Escaped(one.reason + (one.detail.empty() ? "" : ": " + one.detail));
  const bool skipped = one.status == "SKIPPED" || one.status == "UNSUPPORTED";
  if (skipped) return text + ">\n      <skipped message=\"" + message + "\"/>\n    </testcase>\n";
  const char* element = one.status == "FAILED" ? "failure" : "error";
  return text + ">\n      <" + element + " type=\"" + Escaped(one.reason) + "\" message=\"" + message + "\">" +
         Escaped(one.title) + "</" + element + ">\n    </testcase>\n";
}

struct XmlCounts {
  std::uint32_t tests = 0, failures = 0, errors = 0, skipped = 0;
  std::chrono::milliseconds took{0};

  void Add(const store::ConformanceCaseRecord& one) {
    ++tests;
    took += one.took;
    if (one.status == "FAILED") {
      ++failures;
    } else if (one.status == "SKIPPED" || one.status == "UNSUPPORTED") {
      ++skipped;
    } else if (one.status != "PASSED") {
      ++errors;
    }
  }
  std::string Attributes(bool with_skipped) const {
    return " tests=\"" + std::to_string(tests) + "\" failures=\"" + std::to_string(failures) + "\" errors=\"" +
           std::to_string(errors) + "\"" + (with_skipped ? " skipped=\"" + std::to_string(skipped) + "\"" : "") +
           " time=\"" + Seconds(took) + "\"";
  }
};

std::string LegacyStatus(const ConformanceRows& rows) {
  if (store::IsFinal(rows.operation.state)) {
    if (rows.operation.state == store::OperationState::kCancelled) return "cancelled";
    if (!rows.run) return "deploying";
    return rows.run->verdict == "INCONCLUSIVE" ? "inconclusive" : "completed";
  }
  if (rows.operation.state != store::OperationState::kRunning) return "deploying";
  return rows.operation.progress_total == 0 ? "deploying" : "running";
}

v1::SmiResultDetail ToDetail(const Group& group) {
  v1::SmiResultDetail detail;
  detail.set_smi_specification(group.name);
  detail.set_smi_version(group.smi_version);
  detail.set_time(Fixed(static_cast<double>(group.took().count()) / 1'000, 1));
  detail.set_assertions(std::to_string(group.steps.size()));
  const std::uint32_t passed = group.passed_in_a_row();
  const bool all = passed == group.steps.size() && !group.steps.empty();
  detail.set_status(all ? "PASSED" : "FAILED");
  if (all) {
    detail.set_result("All test passed");
    detail.set_capability(group.capability == "PARTIAL" ? "HALF" : "FULL");
    return detail;
  }
  detail.set_capability(passed > 0 && passed >= group.steps.size() / 2 ? "HALF" : "NONE");
  if (!group.steps.empty()) {
    const store::ConformanceCaseRecord& step = *group.steps[passed];
    detail.set_result(step.id + " is " + step.status);
    detail.set_reason(step.reason + (step.detail.empty() ? "" : ": " + step.detail));
  }
  return detail;
}

}  // namespace

v1::ConformanceCase ToConformanceCase(const store::ConformanceCaseRecord& record) {
  v1::ConformanceCase out;
  out.set_id(record.id);
  out.set_group(record.group_name);
  out.set_title(record.title);
  out.set_status(record.status);
  out.set_reason(record.reason);
  out.set_detail(record.detail);
  out.set_level(record.level);
  *out.mutable_took() = ToDuration(record.took);
  out.set_evidence_json(record.evidence_json);
  return out;
}

v1::ConformanceRun ToConformanceRun(const ConformanceRows& rows) {
  const store::OperationRecord& operation = rows.operation;
  v1::ConformanceRun out;
  out.set_id(operation.id);
  *out.mutable_create_time() = ToTimestamp(operation.created_unix_ms);
  out.set_state(ToState(operation.state));
  out.set_done(store::IsFinal(operation.state));
  if (out.done()) *out.mutable_end_time() = ToTimestamp(operation.updated_unix_ms);
  out.mutable_target()->set_cluster(operation.cluster_id);
  out.mutable_target()->set_mesh_type(operation.mesh_type);
  out.mutable_target()->set_mesh(operation.mesh_id);
  out.set_progress_done(operation.progress_done);
  out.set_progress_total(operation.progress_total);
  out.set_progress_text(operation.progress_text);
  if (!rows.run) {
    // Nothing was found out; a run that ended so is as inconclusive as any.
    if (!out.done()) return out;
    out.set_verdict("INCONCLUSIVE");
    const v1::OperationError error = ToOperationError(operation.error_json);
    out.set_reason(error.reason());
    out.set_detail(error.message());
    return out;
  }
  const store::ConformanceRunRecord& run = *rows.run;
  out.set_mesh_version(run.mesh_version);
  out.set_suite(run.suite);
  out.set_suite_version(run.suite_version);
  out.set_verdict(run.verdict);
  out.set_reason(run.reason);
  out.set_detail(run.detail);
  v1::ConformanceCounts& counts = *out.mutable_counts();
  counts.set_passed(run.passed);
  counts.set_failed(run.failed);
  counts.set_skipped(run.skipped);
  counts.set_inconclusive(run.inconclusive);
  counts.set_unsupported(run.unsupported);
  counts.set_total(run.passed + run.failed + run.skipped + run.inconclusive + run.unsupported);
  const std::vector<Group> groups = GroupsOf(rows);
  for (const Group& group : groups) {
    v1::ConformanceGroup& to = *out.add_groups();
    to.set_name(group.name);
    to.set_smi_version(group.smi_version);
    to.set_capability(group.capability);
    to.set_legacy(group.legacy);
    to.set_steps(static_cast<std::uint32_t>(group.steps.size()));
    to.set_passed(group.passed());
  }
  for (const store::ConformanceCaseRecord& one : rows.cases) *out.add_cases() = ToConformanceCase(one);
  return out;
}

v1::ConformanceRun WithoutCases(const ConformanceRows& rows) {
  v1::ConformanceRun run = ToConformanceRun(rows);
  run.clear_cases();
  return run;
}

v1::ConformanceDiff ToConformanceDiff(const ConformanceRows& base, const ConformanceRows& other) {
  v1::ConformanceDiff diff;
  *diff.mutable_base() = WithoutCases(base);
  *diff.mutable_other() = WithoutCases(other);
  // In the order of the other run; what only the base has comes last.
  std::map<std::string, const store::ConformanceCaseRecord*> before, after;
  for (const auto& one : base.cases) before[one.id] = &one;
  for (const auto& one : other.cases) after[one.id] = &one;
  std::vector<std::string> ids;
  for (const auto& one : other.cases) ids.push_back(one.id);
  for (const auto& one : base.cases) {
    if (after.count(one.id) == 0) ids.push_back(one.id);
  }
  for (const std::string& id : ids) {
    const auto* from = before.count(id) != 0 ? before.at(id) : nullptr;
    const auto* to = after.count(id) != 0 ? after.at(id) : nullptr;
    if (from != nullptr && to != nullptr && from->status == to->status && from->level == to->level) {
      diff.set_same(diff.same() + 1);
      continue;
    }
    const bool passed_before = from != nullptr && from->status == "PASSED";
    const bool passes = to != nullptr && to->status == "PASSED";
    if (passes && !passed_before) diff.set_better(diff.better() + 1);
    if (passed_before && !passes) diff.set_worse(diff.worse() + 1);
    v1::CaseDiff& change = *diff.add_changed();
    change.set_id(id);
    if (from != nullptr) {
      change.set_base(from->status);
      change.set_base_reason(from->reason);
      change.set_base_level(from->level);
    }
    if (to != nullptr) {
      change.set_other(to->status);
      change.set_other_reason(to->reason);
      change.set_other_level(to->level);
    }
  }
  return diff;
}

std::string MeshTitle(const std::string& mesh_type) {
  std::string title;
  bool start = true;
  for (const char c : mesh_type) {
    const bool gap = c == '-' || c == '_';
    title += gap ? ' ' : start ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    start = gap;
  }
  return title;
}

v1::SmiResult ToSmiResult(const ConformanceRows& rows) {
  v1::SmiResult out;
  out.set_id(rows.operation.id);
  *out.mutable_date() = ToTimestamp(rows.operation.created_unix_ms);
  out.set_mesh_name(MeshTitle(rows.operation.mesh_type));
  if (rows.run) out.set_mesh_version(rows.run->mesh_version);
  out.set_status(LegacyStatus(rows));
  std::uint32_t passed = 0;
  const std::vector<Group> groups = GroupsOf(rows);
  for (const Group& group : groups) {
    if (!group.legacy) continue;
    passed += group.passed_in_a_row();
    *out.add_more_details() = ToDetail(group);
  }
  out.set_cases_passed(std::to_string(passed));
  out.set_passing_percentage(Fixed(100.0 * passed / kLegacySteps, 2));
  return out;
}

// Readers of JUnit take a report without failures and errors for success, and a run that did not pass is none.
store::ConformanceCaseRecord VerdictOf(const ConformanceRows& rows) {
  const v1::ConformanceRun run = ToConformanceRun(rows);
  store::ConformanceCaseRecord verdict;
  verdict.id = "verdict";
  verdict.group_name = "run";
  verdict.title = "The run ends with a verdict of all its cases";
  verdict.status = run.verdict() == "FAILED" ? "FAILED" : "INCONCLUSIVE";
  verdict.reason = run.reason();
  verdict.detail = run.detail();
  if (!run.done()) verdict.detail = "the run is not over";
  if (verdict.reason.empty()) verdict.reason = run.done() ? run.verdict() : "NOT_DONE";
  return verdict;
}

std::string ToJunit(ConformanceRows rows) {
  const bool passed = rows.run && rows.run->verdict == "PASSED";
  const bool told = std::any_of(rows.cases.begin(), rows.cases.end(),
                                [](const auto& one) { return one.status == "FAILED" || one.status == "INCONCLUSIVE"; });
  if (!passed && !told) rows.cases.push_back(VerdictOf(rows));
  std::vector<std::pair<std::string, std::string>> suites;  // name, body; in order of appearance
  std::map<std::string, XmlCounts> counts;
  XmlCounts all;
  for (const store::ConformanceCaseRecord& one : rows.cases) {
    if (counts.count(one.group_name) == 0) suites.emplace_back(one.group_name, "");
    counts[one.group_name].Add(one);
    all.Add(one);
    const auto suite =
        std::find_if(suites.begin(), suites.end(), [&](const auto& s) { return s.first == one.group_name; });
    suite->second += CaseXml(one);
  }
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"" +
                     Escaped("smi-conformance " + rows.operation.mesh_type + " " + rows.operation.id) + "\"" +
                     all.Attributes(false) + ">\n";
  for (const auto& [name, body] : suites) {
    text += "  <testsuite name=\"" + Escaped(name) + "\"" + counts.at(name).Attributes(true) + ">\n" + body +
            "  </testsuite>\n";
  }
  return text + "</testsuites>\n";
}

}  // namespace meshplay::services
