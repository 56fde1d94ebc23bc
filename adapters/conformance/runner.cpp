#include "adapters/conformance/runner.h"

#include <algorithm>

#include "adapters/conformance/internal/experiment.h"
#include "adapters/conformance/internal/metrics_look.h"
#include "adapters/conformance/internal/suite.h"

namespace meshplay::conformance {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::size_t kShownLooks = 6;
constexpr std::size_t kMaxDetail = 1'000;
constexpr int kMetricsPatience = 3;  // a Prometheus that scrapes once a minute needs two of them

smi::SupportLevel WorstOf(const InForce& force) {
  return smi::WorstLevel(force.reports);
}

/// What the adapter's reports say against the documents, in one line.
std::string Objections(const InForce& force) {
  std::string text;
  for (const smi::SmiReport& report : force.reports) {
    if (report.level == smi::SupportLevel::kFull) continue;
    std::string codes;
    for (const smi::Diagnostic& diagnostic : report.diagnostics) {
      if (diagnostic.severity == smi::Severity::kInfo) continue;
      codes += (codes.empty() ? "" : ", ") + diagnostic.code;
    }
    text += (text.empty() ? "" : "; ") + report.source.kind + " " + report.source.name + " is " +
            std::string(smi::SupportLevelName(report.level)) + (codes.empty() ? "" : " (" + codes + ")");
  }
  return text;
}

class Runner {
 public:
  Runner(Site& site, PodReach& reach, const RunOptions& options) : site_(site), reach_(reach), options_(options) {}

  RunReport Run() {
    const std::vector<Group> suite = Chosen();
    for (const Group& group : suite) {
      report_.groups.push_back({group.name, group.smi_version, group.legacy, std::nullopt});
      total_ += static_cast<std::uint32_t>(group.steps.size());
    }
    if (Controls()) {
      for (const Group& group : suite) {
        for (const Step& step : group.steps) RunStep(group, step);
      }
    } else {
      const CaseResult control = report_.cases.back();
      report_.reason = control.reason;
      report_.detail = control.detail;
      for (const Group& group : suite) {
        for (const Step& step : group.steps) {
          Untried(group, step, control.reason, "not carried out: " + control.id + " did not pass");
        }
      }
    }
    Bound();
    Conclude(report_);
    return std::move(report_);
  }

 private:
  struct Ending {
    CaseStatus status = CaseStatus::kPassed;
    std::string reason = {};
    std::string detail = {};
  };

  std::vector<Group> Chosen() const {
    std::vector<Group> suite = MakeSuite(site_.NamespaceOf(Space::kHome), site_.NamespaceOf(Space::kOther));
    const auto unwanted = [this](const Group& group) {
      return !options_.groups.empty() &&
             std::find(options_.groups.begin(), options_.groups.end(), group.name) == options_.groups.end();
    };
    suite.erase(std::remove_if(suite.begin(), suite.end(), unwanted), suite.end());
    return suite;
  }

  // --- looking until it holds ---

  /// Looks until `needed` looks in a row are as expected, or `patience` is over.
  template <class LookFunction>
  Ending Converge(LookFunction look, int needed, milliseconds patience, json& evidence) {
    const auto until = site_.Now() + patience;
    const auto began = site_.Now();
    int in_a_row = 0, met = 0, looks = 0;
    Look last;
    evidence["looks"] = json::array();
    while (true) {
      if (const std::string why = site_.WhyStop(); !why.empty()) {
        return {CaseStatus::kInconclusive, why, "the run ended within the case"};
      }
      Result<Look> seen = look();
      if (!seen) return Broken(seen.error());
      last = std::move(*seen);
      ++looks;
      const bool good = last.kind == Look::Kind::kMet;
      met += good ? 1 : 0;
      in_a_row = good ? in_a_row + 1 : 0;
      const auto at = std::chrono::duration_cast<milliseconds>(site_.Now() - began).count();
      json told = {{"at_ms", at}, {"met", good}, {"seen", std::move(last.evidence)}};
      if (!last.text.empty()) told["text"] = last.text;
      evidence["looks"].push_back(std::move(told));
      // The first look and the last ones tell the story.
      if (evidence["looks"].size() > kShownLooks) evidence["looks"].erase(evidence["looks"].begin() + 1);
      if (in_a_row >= needed) break;
      if (!good && site_.Now() >= until) break;
      site_.Pause(options_.pause);
    }
    evidence["looks_total"] = looks;
    evidence["looks_met"] = met;
    if (in_a_row >= needed) return {};
    return Missed(last, met, looks);
  }

  Ending Missed(const Look& last, int met, int looks) const {
    if (last.kind == Look::Kind::kNothing) return {CaseStatus::kInconclusive, reason::kPodUnreachable, last.text};
    if (met > 0) {
      return {
          CaseStatus::kFailed, reason::kNotStable,
          "as expected in " + std::to_string(met) + " of " + std::to_string(looks) + " looks; at last: " + last.text};
    }
    if (last.kind == Look::Kind::kWrongReason) return {CaseStatus::kInconclusive, reason::kWrongReason, last.text};
    const bool narrowed =
        last.kind == Look::Kind::kNarrower && force_ && WorstOf(*force_) == smi::SupportLevel::kPartial;
    if (narrowed) return {CaseStatus::kUnsupported, reason::kNotClaimed, last.text + "; " + Objections(*force_)};
    return {CaseStatus::kFailed, reason::kExpectationNotMet, last.text};
  }

  Ending Broken(const Error& error) const {
    const std::string why = site_.WhyStop();
    return {CaseStatus::kInconclusive, why.empty() ? error.reason() : why, error.message()};
  }

  // --- what is in force ---

  /// Puts the documents in force; nothing when that went well.
  std::optional<Ending> Enforce(const std::vector<json>& documents, CaseResult& result) {
    result.evidence["documents"] = documents;
    if (!force_ || documents != documents_) {
      force_.reset();
      Result<InForce> force = site_.SetSmi(documents);
      if (!force) {
        if (!site_.WhyStop().empty() || force.error().code() == ErrorCode::kUnavailable) return Broken(force.error());
        return Ending{CaseStatus::kFailed, reason::kApplyFailed,
                      force.error().reason() + ": " + force.error().message()};
      }
      force_ = std::move(*force);
      documents_ = documents;
    }
    result.evidence["objects"] = force_->objects;
    result.evidence["reports"] = smi::ToJson(force_->reports);
    if (documents.empty()) return std::nullopt;
    result.level = WorstOf(*force_);
    if (result.level != smi::SupportLevel::kNone) return std::nullopt;
    return Ending{CaseStatus::kUnsupported, reason::kNotClaimed, Objections(*force_)};
  }

  // --- steps ---

  Ending IsKnown(const Step& step, CaseResult& result) {
    Result<KindFacts> facts = site_.FindKind(step.smi_group, step.smi_kind);
    if (!facts) return Broken(facts.error());
    result.evidence["cluster"] = {
        {"served", facts->served}, {"versions", facts->versions}, {"short_names", facts->short_names}};
    if (facts->served) {
      const auto& names = facts->short_names;
      if (std::find(names.begin(), names.end(), step.short_name) != names.end()) return {};
      return {CaseStatus::kFailed, reason::kKindUnknown, step.smi_kind + " has not the short name " + step.short_name};
    }
    if (facts->translated) {
      result.evidence["cluster"]["note"] =
          "no definition on the cluster: the adapter translates documents of this kind";
      return {};
    }
    return {CaseStatus::kFailed, reason::kKindUnknown, "neither the cluster nor the adapter knows " + step.smi_kind};
  }

  Ending Metrics(const Step& step, CaseResult& result) {
    if (const Result<json> first = site_.TrafficMetrics(step.resource, std::chrono::seconds(30)); !first) {
      const Error& error = first.error();
      if (error.code() == ErrorCode::kUnimplemented) {
        return {CaseStatus::kUnsupported, reason::kNotClaimed, error.message()};
      }
      // The mesh may well have metrics: where they are is all that is missing.
      if (error.reason() == reason::kMetricsNotConfigured) {
        return {CaseStatus::kUnsupported, error.reason(), error.message() + ". " + error.remediation()};
      }
    }
    Ending passes =
        Converge([&] { return LookAtCalls(site_, reach_, step.calls); }, 1, options_.control_patience, result.evidence);
    if (passes.status == CaseStatus::kFailed) {
      return {CaseStatus::kInconclusive, reason::kControlFailed, "the traffic to measure: " + passes.detail};
    }
    if (passes.status != CaseStatus::kPassed) return passes;
    MetricsLooks looks(site_, reach_, step);
    Ending ending = Converge([&] { return looks.Once(); }, 1, options_.converge * kMetricsPatience, result.evidence);
    if (ending.reason == reason::kPodUnreachable && !looks.away().empty()) ending.reason = looks.away();
    return ending;
  }

  Ending Carry(const Step& step, CaseResult& result) {
    if (step.kind == Step::Kind::kKnown) return IsKnown(step, result);
    if (step.kind == Step::Kind::kInstall) {
      return Converge([this] { return LookAtApplications(reach_); }, 1, options_.control_patience, result.evidence);
    }
    if (std::optional<Ending> ending = Enforce(step.documents, result)) return std::move(*ending);
    if (step.kind == Step::Kind::kApply) return {};
    if (step.kind == Step::Kind::kMetrics) return Metrics(step, result);
    if (step.kind == Step::Kind::kShares) {
      return Converge([&] { return LookAtShares(site_, reach_, step.shares, options_.share_requests); },
                      options_.confirmations, options_.converge, result.evidence);
    }
    const bool denies =
        std::any_of(step.calls.begin(), step.calls.end(), [](const Call& call) { return !call.allowed; });
    return Converge([&] { return LookAtCalls(site_, reach_, step.calls); },
                    denies ? options_.denials : options_.confirmations, options_.converge, result.evidence);
  }

  void RunStep(const Group& group, const Step& step) {
    if (const std::string why = site_.WhyStop(); !why.empty()) {
      return Untried(group, step, why, "the run ended before the case");
    }
    if (lost_) return Untried(group, step, reason::kPodUnreachable, "the applications were lost before the case");
    if (options_.progress) options_.progress(done_, total_, step.id);
    Add(group.name, step.id, step.title, [&](CaseResult& result) { return Carry(step, result); });
    ++done_;
    // Waiting a minute for each further case of an application that is gone would tell nothing more.
    if (report_.cases.back().reason == reason::kPodUnreachable) {
      json unused;
      const Ending again =
          Converge([this] { return LookAtApplications(reach_); }, 1, options_.control_patience, unused);
      lost_ = again.status != CaseStatus::kPassed;
    }
  }

  template <class Work>
  bool Add(const std::string& group, const std::string& id, const std::string& title, Work work) {
    CaseResult result;
    result.group = group;
    result.id = id;
    result.title = title;
    const auto began = site_.Now();
    Ending ending = work(result);
    result.took = std::chrono::duration_cast<milliseconds>(site_.Now() - began);
    result.status = ending.status;
    result.reason = std::move(ending.reason);
    result.detail = ending.detail.substr(0, kMaxDetail);
    report_.cases.push_back(std::move(result));
    return report_.cases.back().status == CaseStatus::kPassed;
  }

  void Untried(const Group& group, const Step& step, const std::string& why, const std::string& detail) {
    const bool cancelled = why == reason::kCancelled;
    Add(group.name, step.id, step.title, [&](CaseResult&) {
      return Ending{cancelled ? CaseStatus::kSkipped : CaseStatus::kInconclusive, why, detail};
    });
  }

  // --- controls ---

  bool Control(const char* id, const char* title, const char* reason_when_not,
               const std::function<Ending(CaseResult&)>& work) {
    return Add("control", id, title, [&](CaseResult& result) {
      Ending ending = work(result);
      if (ending.status == CaseStatus::kPassed) return ending;
      // A control that did not pass says nothing about the mesh.
      ending.status = CaseStatus::kInconclusive;
      const bool own = ending.reason == reason::kExpectationNotMet || ending.reason == reason::kPodUnreachable ||
                       ending.reason == reason::kNotStable || ending.reason == reason::kWrongReason;
      if (own) ending.reason = reason_when_not;
      return ending;
    });
  }

  bool Controls() {
    if (options_.progress) options_.progress(0, total_, "control experiments");
    const auto patiently = [this](const auto& look, CaseResult& result) {
      return Converge(look, 1, options_.control_patience, result.evidence);
    };
    return Control("control-site", "The scratch namespaces and the applications are made", reason::kControlFailed,
                   [this](CaseResult&) {
                     const Status made = site_.Prepare();
                     return made ? Ending{} : Broken(made.error());
                   }) &&
           Control(
               "control-reach", "A program runs in each pod and answers about itself", reason::kPodsDoNotRun,
               [&](CaseResult& result) { return patiently([this] { return LookAtApplications(reach_); }, result); }) &&
           Control("control-mesh", "The applications are part of the mesh", reason::kNotInMesh,
                   [this](CaseResult&) {
                     const Result<std::string> why = site_.WhyNotInMesh();
                     if (!why) return Broken(why.error());
                     return why->empty() ? Ending{} : Ending{CaseStatus::kInconclusive, reason::kNotInMesh, *why};
                   }) &&
           Control("control-pass", "One request passes", reason::kControlFailed,
                   [&](CaseResult& result) {
                     if (std::optional<Ending> ending = Enforce({}, result)) return std::move(*ending);
                     return patiently([this] { return LookAtCalls(site_, reach_, {Call{}}); }, result);
                   }) &&
           Control("control-fail", "One request fails, for the right reason", reason::kControlFailed,
                   [&](CaseResult& result) { return patiently([this] { return LookAtRefusal(reach_); }, result); });
  }

  void Bound() {
    std::size_t left = kMaxReportEvidenceBytes;
    for (CaseResult& result : report_.cases) {
      BoundEvidence(result.evidence, std::min(left, kMaxEvidenceBytes));
      left -= std::min(left, result.evidence.dump().size());
    }
  }

  Site& site_;
  PodReach& reach_;
  const RunOptions& options_;
  RunReport report_;
  std::optional<InForce> force_;
  std::vector<json> documents_;
  std::uint32_t done_ = 0;
  std::uint32_t total_ = 0;
  bool lost_ = false;
};

}  // namespace

std::vector<std::string> GroupNames() {
  std::vector<std::string> names;
  for (const Group& group : MakeSuite("home", "other")) names.push_back(group.name);
  return names;
}

RunReport RunSuite(Site& site, PodReach& reach, const RunOptions& options) {
  return Runner(site, reach, options).Run();
}

}  // namespace meshplay::conformance
