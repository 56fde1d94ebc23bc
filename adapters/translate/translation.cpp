#include "adapters/translate/translation.h"

#include <algorithm>
#include <deque>
#include <set>
#include <tuple>

namespace meshplay::translate {
namespace {

using smi::Diagnostic;
using smi::Head;
using smi::Severity;
using smi::SmiReport;
using smi::SupportLevel;

// The order of documents must not show in what is made of them. Of two objects of one name the first stays first.
template <class Object>
std::vector<const Object*> ByName(const std::vector<Object>& objects) {
  std::vector<const Object*> sorted;
  for (const Object& object : objects) sorted.push_back(&object);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Object* a, const Object* b) {
    const smi::ObjectKey& left = a->head.key;
    const smi::ObjectKey& right = b->head.key;
    return std::tie(left.namespace_name, left.name) < std::tie(right.namespace_name, right.name);
  });
  return sorted;
}

bool HasError(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

class Translation {
 public:
  Translation(const smi::DocumentSet& set, const smi::FactsIndex& facts, const CommonOptions& options,
              MeshWriter& writer)
      : set_(set),
        context_{facts,
                 options,
                 options.trust_domain.empty() ? facts.facts().trust_domain : options.trust_domain,
                 options.cluster_domain.empty() ? facts.facts().cluster_domain : options.cluster_domain,
                 {}},
        writer_(writer),
        opt_outs_(writer.PodOptOuts()),
        findings_(smi::Validate(set, &facts, {options.self_reference})),
        resolver_(set, facts, findings_, {{options.path_anchor, options.lenient_dots}, options.allow_missing}) {
    for (const smi::Finding& finding : findings_) {
      by_object_[{finding.document, finding.object}].push_back(finding.diagnostic);
    }
  }

  Emission Run() {
    for (const smi::TrafficTarget* target : ByName(set_.targets)) TranslateTarget(*target);
    for (const smi::TrafficSplit* split : ByName(set_.splits)) TranslateSplit(*split);
    writer_.Finish(context_, outcomes_);
    RefuseConflicts();
    Emission emission;
    FinishedDrafts finished = context_.drafts.Finish(context_.options);
    emission.objects = std::move(finished.objects);
    emission.waves = std::move(finished.waves);
    emission.sources = std::move(finished.sources);
    ReportAll(emission);
    return emission;
  }

 private:
  Outcome Start(const Head& head) const {
    Outcome outcome;
    const auto it = by_object_.find({head.document, head.key});
    if (it != by_object_.end()) outcome.diagnostics = it->second;
    return outcome;
  }

  // True when the target, though not valid, names a destination that runs.
  bool Guards(const smi::TrafficTarget& target, const Outcome& outcome) const {
    const smi::Subject& subject = target.destination;
    const bool named = std::none_of(outcome.diagnostics.begin(), outcome.diagnostics.end(),
                                    [](const Diagnostic& d) { return d.code == "METADATA_INVALID"; });
    return named && subject.kind == "ServiceAccount" &&
           !context_.facts.WorkloadsOfAccount(subject.namespace_name, subject.name).empty();
  }

  void TranslateTarget(const smi::TrafficTarget& target) {
    Outcome outcome = Start(target.head);
    if (!resolver_.IsValid(target.head)) {
      outcome.explanation = "Not applied: the object is not valid.";
      if (Guards(target, outcome)) writer_.InvalidTarget(context_, target, outcome);
    } else if (const auto grant = resolver_.ResolveTarget(target, outcome.diagnostics); grant.has_value()) {
      if (grant->http.has_value()) ReportImpossible(*grant->http, outcome);
      ReportOutside(*grant, outcome);
      writer_.Target(context_, grants_.emplace_back(*grant), outcome);
    } else {
      outcome.explanation = "Not applied: the destination cannot be told.";
    }
    outcomes_.emplace(&target.head, std::move(outcome));
  }

  bool IsServiceOf(const smi::Workload& workload, const std::string& name) const {
    const auto services = context_.facts.ServicesSelecting(workload);
    return std::any_of(services.begin(), services.end(), [&](const smi::Service* s) { return s->name == name; });
  }

  // Why the mesh's policies do not reach the pods of a workload; empty when nothing says so.
  std::string OutsideBecause(const smi::Workload& workload) const {
    if (workload.host_network && writer_.NeedsPodNetwork()) return "use the network of their node";
    for (const auto& [key, values] : opt_outs_) {
      for (const smi::Labels* texts : {&workload.labels, &workload.annotations}) {
        const auto found = texts->find(key);
        if (found == texts->end()) continue;
        if (values.empty() ? IsServiceOf(workload, found->second) : values.count(found->second) == 0) continue;
        return "have " + key + ": " + found->second;
      }
    }
    return {};
  }

  void ReportOutside(const smi::Grant& grant, Outcome& outcome) {
    const auto workloads_of = [&](const smi::Identity& identity) {
      return context_.facts.WorkloadsOfAccount(identity.namespace_name, identity.service_account);
    };
    const auto report = [&](const smi::Workload& workload, const char* place, const char* follows) {
      const std::string because = OutsideBecause(workload);
      if (because.empty()) return false;
      outcome.lost = true;
      outcome.Warn("WORKLOAD_OUTSIDE_MESH", grant.target->head.spec_pointer + place,
                   "the pods of " + workload.kind + " " + workload.namespace_name + "/" + workload.name + " " +
                       because + follows,
                   "data plane");
      return true;
    };
    std::size_t outside = 0;
    const auto& destination = workloads_of(grant.destination);
    for (const smi::Workload* workload : destination) {
      if (report(*workload, "/destination", ": no policy of the mesh guards them")) ++outside;
    }
    if (outside != 0 && outside == destination.size()) unguarded_.insert(&grant.target->head);
    for (const smi::Identity& source : grant.sources) {
      for (const smi::Workload* workload : workloads_of(source)) {
        report(*workload, "/sources", ": the mesh does not know them as a caller");
      }
    }
  }

  void TranslateSplit(const smi::TrafficSplit& split) {
    Outcome outcome = Start(split.head);
    if (!resolver_.IsValid(split.head)) {
      outcome.explanation = "Not applied: the object is not valid.";
    } else if (const auto resolved = resolver_.ResolveSplit(split, outcome.diagnostics); resolved.has_value()) {
      if (resolved->matches.has_value()) ReportImpossible(*resolved->matches, outcome);
      writer_.Split(context_, *resolved, outcome);
    } else {
      outcome.explanation = "Not applied: something that the split refers to is missing.";
    }
    outcomes_.emplace(&split.head, std::move(outcome));
  }

  // Such a match means what it says, and nobody can have meant it.
  static void ReportImpossible(const std::vector<smi::RequestMatch>& matches, Outcome& outcome) {
    for (const smi::RequestMatch& match : matches) {
      const std::string where = "match " + match.group + "/" + match.name + ": ";
      if (match.path.alternatives.empty()) {
        outcome.Warn("MATCH_IMPOSSIBLE", match.pointer, where + "no path matches pathRegex " + match.path_regex);
      }
      for (const smi::HeaderCondition& header : match.headers) {
        if (!header.patterns.empty()) continue;
        outcome.Warn("MATCH_IMPOSSIBLE", match.pointer,
                     where + "no value of header " + header.name + " matches " + header.regex);
      }
    }
  }

  // An object of somebody else with the name of ours is left alone, and so is all that our source would make.
  void RefuseConflicts() {
    std::map<const Head*, std::string> refused;
    for (const Draft& draft : context_.drafts.drafts()) {
      const std::string group = draft.key.api_version.substr(0, draft.key.api_version.find('/'));
      const nlohmann::json* existing =
          context_.facts.FindExisting(group, draft.key.kind, draft.key.namespace_name, draft.key.name);
      if (existing == nullptr || draft.adopts || IsOurs(*existing, context_.options.owner)) continue;
      // Of several the first by name, whichever source drafted it first.
      for (const Head* source : draft.sources) {
        std::string& object = refused[source];
        if (object.empty() || draft.key.Text() < object) object = draft.key.Text();
      }
    }
    if (refused.empty()) return;
    std::set<const Head*> dropped;
    for (const auto& [source, object] : refused) {
      dropped.insert(source);
      Outcome& outcome = outcomes_.at(source);
      outcome.in_force = 0;
      outcome.Report("CONFLICT", Severity::kError, source->pointer, object + " exists and belongs to somebody else");
      outcome.explanation = "Not applied: an object of that name belongs to somebody else.";
    }
    context_.drafts.Drop(dropped);
  }

  SmiReport ReportOf(const Head& head) const {
    SmiReport report;
    report.source = head.key;
    const auto it = outcomes_.find(&head);
    if (it != outcomes_.end()) {
      const Outcome& outcome = it->second;
      report.diagnostics = outcome.diagnostics;
      report.generated = context_.drafts.KeysOf(&head);
      report.explanation = outcome.explanation;
      report.level = outcome.in_force == 0 ? SupportLevel::kNone
                     : outcome.lost        ? SupportLevel::kPartial
                                           : SupportLevel::kFull;
      if (unguarded_.count(&head) != 0) {
        report.level = SupportLevel::kNone;
        report.explanation = "No pod of the destination is guarded by the mesh.";
      }
      return report;
    }
    // Groups, routes and bindings mean nothing alone: what becomes of them shows at the objects that refer to them.
    report.diagnostics = Start(head).diagnostics;
    if (HasError(report.diagnostics)) {
      report.explanation = "Not used: the object is not valid.";
    } else if (head.key.kind == smi::KindName(smi::Kind::kUdpRoute) && !writer_.UdpMessage().empty()) {
      report.diagnostics.push_back({"UDP_UNSUPPORTED", Severity::kWarning, head.pointer, writer_.UdpMessage(), "UDP"});
      report.explanation = "Has no effect on this mesh.";
    } else {
      report.level = SupportLevel::kFull;
      report.explanation = "Takes effect through the objects that refer to it.";
    }
    return report;
  }

  void ReportAll(Emission& emission) const {
    std::vector<const Head*> heads = smi::AllHeads(set_);
    const auto place = [](const Head* head) {
      // "/items/10" comes after "/items/9".
      return std::make_tuple(head->document, head->pointer.size(), head->pointer);
    };
    std::stable_sort(heads.begin(), heads.end(), [&](const Head* a, const Head* b) { return place(a) < place(b); });
    for (const Head* head : heads) {
      emission.reports.push_back(ReportOf(*head));
      const auto it = outcomes_.find(head);
      emission.guarded.push_back(it == outcomes_.end() ? std::string() : it->second.guarded);
    }
    for (const smi::ObjectKey& key : set_.unreadable) {
      SmiReport report;
      report.source = key;
      for (const auto& [object, diagnostics] : by_object_) {
        if (object.second != key) continue;
        report.diagnostics.insert(report.diagnostics.end(), diagnostics.begin(), diagnostics.end());
      }
      report.explanation = "Not applied: the kind or version is unknown.";
      emission.reports.push_back(std::move(report));
      emission.guarded.emplace_back();
    }
  }

  const smi::DocumentSet& set_;
  EmitContext context_;
  MeshWriter& writer_;
  const OptOuts opt_outs_;
  std::set<const Head*> unguarded_;  // Targets to whose pods no policy gets.
  std::vector<smi::Finding> findings_;
  smi::Resolver resolver_;
  // By document too: an object that is given twice is wrong at its second place only.
  std::map<std::pair<std::size_t, smi::ObjectKey>, std::vector<Diagnostic>> by_object_;
  std::deque<smi::Grant> grants_;  // Writers may keep references.
  Outcomes outcomes_;
};

}  // namespace

Result<Emission> Translate(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const CommonOptions& options,
                           MeshWriter& writer) {
  MP_CHECK(CheckCommonOptions(options));
  const smi::FactsIndex index(facts);
  return Translation(set, index, options, writer).Run();
}

}  // namespace meshplay::translate
