#include "adapters/controller/reconcile.h"

#include <algorithm>
#include <set>

#include "adapters/common/ownership.h"
#include "adapters/controller/internal/grace.h"
#include "adapters/translate/drafts.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

constexpr std::int64_t kFirstRepairPauseMs = 1'000;
constexpr std::int64_t kMostRepairPauseMs = 60'000;
constexpr std::int64_t kCalmMs = 600'000;  ///< Without a repair: whoever wrote it has stopped.

/// Two versions of one kind name the same object.
std::string Identity(const kube::ObjectRef& ref) {
  return ref.gvk.group + "/" + ref.gvk.kind + "/" + ref.name_space + "/" + ref.name;
}

std::string NamespaceOfSource(const std::string& source) {
  const std::size_t first = source.find('/');
  const std::size_t second = first == std::string::npos ? first : source.find('/', first + 1);
  return second == std::string::npos ? std::string() : source.substr(first + 1, second - first - 1);
}

std::string DesiredDigest(const json& object) {
  return Sha256Hex(CanonicalJson(object)).substr(0, 32);
}

struct Wanted {
  json object;
  std::vector<std::string> sources;  // All of them.
};

class Reconciler {
 public:
  Reconciler(const Picture& picture, const State& before, const WrittenObjects& written,
             const ReconcileOptions& options)
      : picture_(picture), before_(before), written_(written), options_(options) {
    for (const auto& object : picture_.smi) smi_[SourceText(*object)] = object.get();
    for (const auto& object : picture_.stored) {
      const kube::ObjectRef ref = kube::RefOf(*object);
      stored_[Identity(ref)] = object.get();
      if (!IsOwn(*object)) continue;
      for (const std::string& source : SourcesOf(*object)) {
        made_of_[source].push_back({ref.gvk.ApiVersion(), ref.gvk.kind, ref.name_space, ref.name});
      }
    }
    for (const smi::Head* head : smi::AllHeads(picture_.set)) counts_.insert(head->key.Text());
  }

  Reconciliation Run() {
    graces_ = WeighGraces(picture_, before_, options_.grace);
    for (const auto& [source, grace] : graces_) {
      out_.state.sources[source] = grace.record;
      if (grace.held) WakeAt(grace.record.degraded_until_ms);
    }
    Wish();
    Inventory();
    AddFinalizers();
    Apply();
    Delete();
    RemoveFinalizers();
    Judge();
    return std::move(out_);
  }

 private:
  static std::string SourceText(const json& object) {
    return kube::TextAt(object, "/kind") + "/" + kube::NamespaceOf(object) + "/" + kube::NameOf(object);
  }

  bool IsOwn(const json& object) const {
    return common::OwnerOf(object) == kOwner && common::IsOurs(object, options_.mesh_type);
  }
  const json* Stored(const std::string& identity) const {
    const auto found = stored_.find(identity);
    return found == stored_.end() ? nullptr : found->second;
  }
  bool IsHeld(const std::string& source) const {
    const auto found = graces_.find(source);
    return found != graces_.end() && found->second.held;
  }

  /// Somebody edited or deleted it since the objects were written: what is shared with it must follow.
  bool IsChanged(const std::string& source) const {
    if (counts_.count(source) == 0) return true;
    const auto found = graces_.find(source);
    return found == graces_.end() || found->second.changed;
  }

  /// A stored object of ours stays as it is while a source of it is held, unless another source wants it changed. One
  /// with too many sources to name them all follows the translation: who wants it changed cannot be told.
  bool Stays(const json& object) const {
    if (!kube::AnnotationOf(object, translate::kSourcesOmittedAnnotation).empty()) return false;
    const std::vector<std::string> sources = SourcesOf(object);
    const bool held = std::any_of(sources.begin(), sources.end(), [this](const auto& one) { return IsHeld(one); });
    return held && std::none_of(sources.begin(), sources.end(), [this](const auto& one) { return IsChanged(one); });
  }

  /// What is to be there, without what somebody else's objects are in the way of, and what stays as it is.
  void Wish() {
    std::set<std::string> refused;
    const translate::Emission& emission = picture_.emission;
    for (std::size_t i = 0; i < emission.objects.size(); ++i) {
      const json& object = emission.objects[i];
      const json* stored = Stored(Identity(kube::RefOf(object)));
      if (stored == nullptr || IsOwn(*stored)) continue;
      for (const std::string& source : emission.sources.at(i)) {
        refused.insert(source);
        conflicts_.emplace(source, kube::RefOf(object).ToString());
      }
    }
    for (const auto& object : picture_.stored) {
      if (IsOwn(*object) && Stays(*object)) staying_.insert(Identity(kube::RefOf(*object)));
    }
    for (std::size_t i = 0; i < emission.objects.size(); ++i) {
      const kube::ObjectRef ref = kube::RefOf(emission.objects[i]);
      const std::vector<std::string>& sources = emission.sources.at(i);
      const auto all = [&sources](const auto& rule) { return std::all_of(sources.begin(), sources.end(), rule); };
      const bool in_the_way = all([&](const auto& source) { return refused.count(source) != 0; });
      const bool all_held = all([this](const auto& source) { return IsHeld(source); });
      const bool waits = all_held && Stored(Identity(ref)) == nullptr;
      if (in_the_way || waits || staying_.count(Identity(ref)) != 0) continue;
      wanted_.insert(Identity(ref));
      Wanted& wish = wishes_.emplace_back(Wanted{emission.objects[i], sources});
      common::SetOwnership(wish.object, kOwner, options_.mesh_type);
    }
  }

  /// The wishes in their order, then what was there before and still is, in the order of before.
  void Inventory() {
    std::set<std::string> listed;
    for (const Wanted& wish : wishes_) {
      const kube::ObjectRef ref = kube::RefOf(wish.object);
      if (listed.insert(Identity(ref)).second) out_.state.objects.push_back(ref);
    }
    const auto keep = [&](const kube::ObjectRef& ref) {
      const json* stored = Stored(Identity(ref));
      const bool ours = stored != nullptr && IsOwn(*stored);
      if (ours && listed.insert(Identity(ref)).second) out_.state.objects.push_back(ref);
    };
    for (const kube::ObjectRef& ref : before_.objects) keep(ref);
    // The inventory may have been lost: the labels tell as well.
    for (const auto& object : picture_.stored) keep(kube::RefOf(*object));
  }

  std::set<std::string> SourcesElsewhere(const std::vector<std::string>& sources, const std::string& name_space) const {
    std::set<std::string> elsewhere;
    for (const std::string& source : sources) {
      if (NamespaceOfSource(source) != name_space) elsewhere.insert(source);
    }
    return elsewhere;
  }

  Step FinalizerStep(StepKind kind, const std::string& source, const json& object) const {
    Step step;
    step.kind = kind;
    step.ref = kube::RefOf(object);
    step.uid = kube::UidOf(object);
    step.resource_version = kube::ResourceVersionOf(object);
    step.sources = {source};
    step.object = OtherFinalizers(object);
    if (kind == StepKind::kAddFinalizer) step.object.push_back(kFinalizer);
    return step;
  }

  void AddFinalizers() {
    for (const Wanted& wish : wishes_) {
      elsewhere_.merge(SourcesElsewhere(wish.sources, kube::NamespaceOf(wish.object)));
    }
    for (const std::string& source : elsewhere_) {
      const auto found = smi_.find(source);
      if (found == smi_.end() || HasFinalizer(*found->second)) continue;
      out_.steps.push_back(FinalizerStep(StepKind::kAddFinalizer, source, *found->second));
    }
  }

  void Apply() {
    for (Wanted& wish : wishes_) {
      Step step;
      step.ref = kube::RefOf(wish.object);
      step.sources = std::move(wish.sources);
      const json* stored = Stored(Identity(step.ref));
      step.exists = stored != nullptr;
      if (stored != nullptr) {
        step.uid = kube::UidOf(*stored);
        if (InStep(step.ref, wish.object, *stored)) continue;
      }
      step.object = std::move(wish.object);
      out_.steps.push_back(std::move(step));
    }
  }

  /// Also true when the next repair is not due yet.
  bool InStep(const kube::ObjectRef& ref, const json& wish, const json& stored) {
    if (kube::IsBeingDeleted(stored)) return true;  // made anew once it is gone
    const auto known = written_.find(ref);
    if (known == written_.end() || known->second.desired != DesiredDigest(wish)) return false;
    if (known->second.stored == StoredDigest(stored)) return true;
    if (known->second.not_before_ms <= picture_.now_ms) return false;
    WakeAt(known->second.not_before_ms);
    return true;
  }

  void Delete() {
    std::vector<kube::ObjectRef> going = out_.state.objects;
    std::reverse(going.begin(), going.end());
    for (const kube::ObjectRef& ref : going) {
      const std::string identity = Identity(ref);
      const json* stored = Stored(identity);
      if (wanted_.count(identity) != 0 || stored == nullptr || staying_.count(identity) != 0) continue;
      if (kube::IsBeingDeleted(*stored)) continue;
      Step step;
      step.kind = StepKind::kDelete;
      step.ref = ref;
      step.exists = true;
      step.uid = kube::UidOf(*stored);
      step.sources = SourcesOf(*stored);
      out_.steps.push_back(std::move(step));
    }
  }

  void RemoveFinalizers() {
    std::set<std::string> needed = elsewhere_;
    for (const auto& object : picture_.stored) {
      if (IsOwn(*object)) needed.merge(SourcesElsewhere(SourcesOf(*object), kube::NamespaceOf(*object)));
    }
    for (const auto& [source, object] : smi_) {
      if (!HasFinalizer(*object) || needed.count(source) != 0) continue;
      out_.steps.push_back(FinalizerStep(StepKind::kRemoveFinalizer, source, *object));
    }
  }

  void Judge() {
    std::map<std::string, const std::shared_ptr<const json>*> by_source;
    for (const auto& object : picture_.smi) by_source[SourceText(*object)] = &object;
    for (const smi::SmiReport& report : picture_.emission.reports) {
      const auto found = by_source.find(report.source.Text());
      if (found == by_source.end()) continue;
      Verdict& verdict = out_.verdicts.emplace_back();
      verdict.object = *found->second;
      verdict.ref = kube::RefOf(*verdict.object);
      verdict.report = report;
      JudgeOne(report.source.Text(), verdict);
    }
  }

  void JudgeOne(const std::string& source, Verdict& verdict) const {
    smi::SmiReport& report = verdict.report;
    if (const auto conflict = conflicts_.find(source); conflict != conflicts_.end()) {
      const auto told = [](const smi::Diagnostic& one) { return one.code == "CONFLICT"; };
      if (std::none_of(report.diagnostics.begin(), report.diagnostics.end(), told)) {
        report.diagnostics.push_back(
            {"CONFLICT", smi::Severity::kError, "", conflict->second + " exists and belongs to somebody else", ""});
      }
      report.level = smi::SupportLevel::kNone;
      report.generated.clear();
    }
    if (IsHeld(source)) DescribeHeld(source, report);
    verdict.state = StateOf(source, report);
  }

  void DescribeHeld(const std::string& source, smi::SmiReport& report) const {
    const Grace& grace = graces_.at(source);
    report.diagnostics.push_back({"DEGRADED", smi::Severity::kWarning, "",
                                  "something that it refers to is gone; what was in force stays for at most " +
                                      std::to_string(options_.grace.count() / 1000) + " s",
                                  ""});
    const auto made = made_of_.find(source);
    report.generated = made == made_of_.end() ? std::vector<smi::ObjectKey>() : made->second;
    for (const auto level : {smi::SupportLevel::kFull, smi::SupportLevel::kPartial, smi::SupportLevel::kNone}) {
      if (smi::SupportLevelName(level) == grace.record.level) report.level = level;
    }
    report.explanation = "Something that it refers to is gone. What was in force stays for a while, then goes.";
  }

  std::string StateOf(const std::string& source, const smi::SmiReport& report) const {
    const auto has = [&report](const auto& rule) {
      return std::any_of(report.diagnostics.begin(), report.diagnostics.end(), rule);
    };
    if (has([](const smi::Diagnostic& one) { return one.code == "CONFLICT"; })) return "CONFLICT";
    if (has([](const smi::Diagnostic& one) { return one.severity == smi::Severity::kError; })) return "INVALID";
    if (IsHeld(source)) return "DEGRADED";
    if (has([](const smi::Diagnostic& one) { return one.code == "PENDING"; })) return "PENDING";
    return "IN_STEP";
  }

  void WakeAt(std::int64_t at_ms) { out_.wake_at_ms = std::min(out_.wake_at_ms.value_or(at_ms), at_ms); }

  const Picture& picture_;
  const State& before_;
  const WrittenObjects& written_;
  const ReconcileOptions& options_;
  std::map<std::string, const json*> smi_;
  std::map<std::string, const json*> stored_;
  std::map<std::string, std::vector<smi::ObjectKey>> made_of_;  ///< Source to what is stored of it.
  std::set<std::string> counts_;                                ///< Sources that are translated.
  std::map<std::string, Grace> graces_;
  std::map<std::string, std::string> conflicts_;  ///< Source to what is in its way.
  std::set<std::string> staying_, wanted_;
  std::set<std::string> elsewhere_;  ///< Sources with wishes in other namespaces.
  std::vector<Wanted> wishes_;
  Reconciliation out_;
};

bool HasMore(const json& fields, const json& own) {
  for (const auto& [name, below] : fields.items()) {
    if (name == ".") continue;
    const auto found = own.find(name);
    if (found == own.end()) return true;
    if (below.is_object() && found->is_object() && !found->empty() && HasMore(below, *found)) return true;
  }
  return false;
}

}  // namespace

Reconciliation Reconcile(const Picture& picture, const State& before, const WrittenObjects& written,
                         const ReconcileOptions& options) {
  return Reconciler(picture, before, written, options).Run();
}

std::string StoredDigest(const json& object) {
  json kept = json::object();
  for (const auto& [name, value] : object.items()) {
    if (name != "metadata" && name != "status") kept[name] = value;
  }
  for (const char* part : {"labels", "annotations", "ownerReferences"}) {
    kept["metadata"][part] = kube::ValueAt(object, std::string("/metadata/") + part);
  }
  return Sha256Hex(CanonicalJson(kept)).substr(0, 32);
}

bool HasForeignSpec(const json& object, const std::string& manager) {
  json own = json::object();
  const json& entries = kube::ValueAt(object, "/metadata/managedFields");
  if (!entries.is_array()) return false;
  for (const json& entry : entries) {
    if (kube::TextAt(entry, "/manager") == manager) own.merge_patch(kube::ValueAt(entry, "/fieldsV1/f:spec"));
  }
  for (const json& entry : entries) {
    if (kube::TextAt(entry, "/manager") == manager) continue;
    const json& fields = kube::ValueAt(entry, "/fieldsV1/f:spec");
    if (fields.is_object() && HasMore(fields, own)) return true;
  }
  return false;
}

Written AfterWrite(const Written* before, const json& sent, const json& stored, std::int64_t now_ms) {
  Written now{DesiredDigest(sent), StoredDigest(stored), 0, 0};
  const bool again = before != nullptr && before->desired == now.desired;
  if (!again) return now;
  const bool calm = now_ms - before->not_before_ms > kCalmMs;
  now.repairs = calm ? 1 : std::min(before->repairs + 1, 16);
  const std::int64_t pause = kFirstRepairPauseMs << std::min(now.repairs - 1, 10);
  now.not_before_ms = now_ms + std::min(pause, kMostRepairPauseMs);
  return now;
}

}  // namespace meshplay::controller
