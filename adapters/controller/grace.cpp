#include "adapters/controller/internal/grace.h"

#include <algorithm>

#include "libs/base/ids.h"
#include "libs/smi/loss.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

std::string NameOf(std::string_view kind, const std::string& name_space, const std::string& name) {
  return std::string(kind) + "/" + name_space + "/" + name;
}

std::set<std::string> ReferencesOf(const smi::TrafficTarget& target) {
  std::set<std::string> names;
  for (const smi::TargetRule& rule : target.rules) {
    names.insert(NameOf(rule.kind, target.head.key.namespace_name, rule.name));
  }
  const auto add_binding = [&names](const smi::Subject& subject) {
    if (subject.kind != smi::KindName(smi::Kind::kIdentityBinding)) return;
    names.insert(NameOf(subject.kind, subject.namespace_name, subject.name));
  };
  add_binding(target.destination);
  for (const smi::Subject& source : target.sources) add_binding(source);
  return names;
}

std::set<std::string> ReferencesOf(const smi::TrafficSplit& split) {
  std::set<std::string> names;
  for (const smi::SplitMatchRef& match : split.matches) {
    names.insert(NameOf(match.kind, split.head.key.namespace_name, match.name));
  }
  return names;
}

class Weigher {
 public:
  Weigher(const Picture& picture, const State& before, std::chrono::milliseconds grace)
      : picture_(picture), before_(before), grace_ms_(grace.count()) {
    for (const auto& object : picture.smi) {
      stored_[NameOf(kube::TextAt(*object, "/kind"), kube::NamespaceOf(*object), kube::NameOf(*object))] = object.get();
    }
    for (const smi::SmiReport& report : picture.emission.reports) reports_[report.source.Text()] = &report;
  }

  std::map<std::string, Grace> Run() {
    for (const smi::TrafficTarget& target : picture_.set.targets) Weigh(target.head, ReferencesOf(target));
    for (const smi::TrafficSplit& split : picture_.set.splits) Weigh(split.head, ReferencesOf(split));
    return std::move(out_);
  }

 private:
  const json* Stored(const std::string& name) const {
    const auto found = stored_.find(name);
    return found == stored_.end() ? nullptr : found->second;
  }

  void Weigh(const smi::Head& head, const std::set<std::string>& references) {
    const std::string name = head.key.Text();
    const json* object = Stored(name);
    const auto report = reports_.find(name);
    if (object == nullptr || report == reports_.end()) return;
    Grace& grace = out_[name];
    SourceRecord& now = grace.record;
    now.uid = kube::UidOf(*object);
    now.generation = kube::NumberAt(*object, "/metadata/generation");
    now.level = smi::SupportLevelName(report->second->level);
    for (const std::string& reference : references) {
      const json* target = Stored(reference);
      if (target == nullptr || kube::IsBeingDeleted(*target)) continue;
      const std::string text =
          kube::UidOf(*target) + "/" + std::to_string(kube::NumberAt(*target, "/metadata/generation"));
      now.references[reference] = Sha256Hex(text).substr(0, 8);
    }
    for (const smi::Diagnostic& diagnostic : report->second->diagnostics) {
      if (smi::IsLoss(diagnostic.code)) now.losses.insert(diagnostic.code + " " + diagnostic.pointer);
    }
    const auto known = before_.sources.find(name);
    grace.changed = known == before_.sources.end() || Edited(known->second, now);
    if (!grace.changed) Hold(known->second, grace);
  }

  /// What is gone is no edit; what is still there and differs is.
  static bool Edited(const SourceRecord& before, const SourceRecord& now) {
    if (before.uid != now.uid || before.generation != now.generation) return true;
    return std::any_of(now.references.begin(), now.references.end(), [&before](const auto& reference) {
      const auto known = before.references.find(reference.first);
      return known != before.references.end() && known->second != reference.second;
    });
  }

  void Hold(const SourceRecord& before, Grace& grace) const {
    const auto& had = before.losses;
    const bool lost = std::any_of(grace.record.losses.begin(), grace.record.losses.end(),
                                  [&had](const std::string& loss) { return had.count(loss) == 0; });
    if (!lost || grace_ms_ == 0) return;
    const std::int64_t until = before.degraded_until_ms != 0 ? before.degraded_until_ms : picture_.now_ms + grace_ms_;
    // A clock that was set back must not make the grace longer.
    const std::int64_t bounded = std::min(until, picture_.now_ms + grace_ms_);
    if (bounded <= picture_.now_ms) return;
    grace.held = true;
    grace.record = before;
    grace.record.degraded_until_ms = bounded;
  }

  const Picture& picture_;
  const State& before_;
  const std::int64_t grace_ms_;
  std::map<std::string, const json*> stored_;
  std::map<std::string, const smi::SmiReport*> reports_;
  std::map<std::string, Grace> out_;
};

}  // namespace

std::map<std::string, Grace> WeighGraces(const Picture& picture, const State& before, std::chrono::milliseconds grace) {
  return Weigher(picture, before, grace).Run();
}

}  // namespace meshplay::controller
