#include "adapters/translate/incremental.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "adapters/translate/internal/baselines.h"
#include "adapters/translate/internal/fact_changes.h"
#include "adapters/translate/internal/merge.h"
#include "adapters/translate/internal/parts.h"

namespace meshplay::translate {
namespace {

using smi::Head;
using smi::SmiReport;

/// What is kept of a part.
struct KeptPart {
  smi::DocumentSet documents;
  FactNames facts;
  std::vector<SmiReport> reports;    ///< Of its heads, then of its unreadable objects.
  std::vector<std::string> guarded;  ///< Of its heads, as Emission::guarded.
};

// As reports are ordered: "/items/10" comes after "/items/9".
bool ReportedBefore(const Head* a, const Head* b) {
  if (a->document != b->document) return a->document < b->document;
  if (a->pointer.size() != b->pointer.size()) return a->pointer.size() < b->pointer.size();
  return a->pointer < b->pointer;
}

bool SameReport(const SmiReport& a, const SmiReport& b) {
  return a.level == b.level && a.diagnostics == b.diagnostics && a.generated == b.generated &&
         a.explanation == b.explanation;
}

std::size_t CountOf(const Members& members) {
  return members.targets.size() + members.bindings.size() + members.http_groups.size() + members.tcp_routes.size() +
         members.udp_routes.size() + members.splits.size() + members.unreadable.size();
}

std::size_t CountOf(const smi::DocumentSet& set) {
  return smi::AllHeads(set).size() + set.unreadable.size();
}

std::string OwnerOf(const Emission& emission) {
  if (emission.objects.empty()) return "";
  const auto at = nlohmann::json::json_pointer("/metadata/labels") / "meshplay.dev/owner";
  const nlohmann::json& object = emission.objects.front();
  return object.contains(at) && object[at].is_string() ? object[at].get<std::string>() : "";
}

}  // namespace

class IncrementalTranslator::State {
 public:
  explicit State(TranslateEmitter emitter) : emitter_(std::move(emitter)) {}

  Result<Emission> Translate(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const OptionMap& options) {
    stats_ = {};
    if (options != options_) Forget();
    options_ = options;
    const FactChanges changes = memory_.Update(facts, owner_, emitter_.own_kinds);
    parts_ = Partition(set, facts, emitter_.joins_splits && emitter_.joins_splits(options));
    stats_.parts = parts_.size();
    const bool has_baseline = emitter_.baseline.has_value() && emitter_.baseline->applies(options);
    baseline_ = has_baseline ? &*emitter_.baseline : nullptr;
    DropGone();
    std::set<std::size_t> dirty = Dirty(set, changes);
    std::vector<std::string> alone;
    const FactChanges* news = &changes;
    do {
      stats_.recomputed += dirty.size();
      if (!dirty.empty()) {
        auto done = Recompute(set, facts, dirty);
        if (!done) {
          Forget();
          return std::move(done).error();
        }
        if (!*done) return Whole(set, facts);
      }
      if (baseline_ != nullptr) MP_CHECK(UpdateBaselines(set, facts, {news, alone}));
      news = nullptr;
      alone.clear();
      if (!merged_.Merge(alone)) return Whole(set, facts);
      dirty.clear();
      for (std::size_t i = 0; i < parts_.size() && !alone.empty(); ++i) {
        if (std::find(alone.begin(), alone.end(), parts_[i].id) != alone.end()) dirty.insert(i);
      }
    } while (!alone.empty());
    Emission emission;
    if (!WriteReports(set, emission)) return Whole(set, facts);
    merged_.WriteTo(emission);
    if (owner_.empty()) owner_ = OwnerOf(emission);
    return emission;
  }

  void Forget() {
    kept_.clear();
    baselines_.Clear();
    merged_.Clear();
    memory_.Forget();
  }

  const IncrementalStats& stats() const { return stats_; }

 private:
  void DropGone() {
    std::set<std::string> ids;
    for (const Part& part : parts_) ids.insert(part.id);
    for (auto it = kept_.begin(); it != kept_.end();) {
      if (ids.count(it->first) != 0) {
        ++it;
        continue;
      }
      merged_.Remove(it->first);
      it = kept_.erase(it);
    }
  }

  // The parts of baselines count like those of documents.
  Status UpdateBaselines(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const Baselines::Dirt& dirt) {
    std::unordered_map<const Head*, const std::string*> guarded;
    for (const Part& part : parts_) {
      const std::vector<const Head*> heads = HeadsOf(set, part.members);
      const KeptPart& kept = kept_.at(part.id);
      for (std::size_t i = 0; i < heads.size(); ++i) guarded.emplace(heads[i], &kept.guarded[i]);
    }
    Baselines::Guards guards;
    for (const smi::TrafficTarget& target : set.targets) {
      const std::string& account = *guarded.at(&target.head);
      if (!account.empty()) guards.emplace_back(&target.head, account);
    }
    auto recomputed = baselines_.Update(*baseline_, guards, facts, options_, dirt, merged_);
    if (!recomputed) {
      Forget();
      return std::move(recomputed).error();
    }
    stats_.recomputed += *recomputed;
    stats_.parts = parts_.size() + baselines_.parts();
    return {};
  }

  bool MadeAny(const Part& part, const FactChanges& changes) const {
    if (changes.own.empty()) return false;
    const auto& made = merged_.KeysOf(part.id);
    return std::any_of(made.begin(), made.end(),
                       [&](const smi::ObjectKey& key) { return changes.own.count(key) != 0; });
  }

  std::set<std::size_t> Dirty(const smi::DocumentSet& set, const FactChanges& changes) const {
    std::set<std::size_t> dirty;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      const auto kept = kept_.find(part.id);
      const bool stands = kept != kept_.end() && !changes.everything &&
                          SameDocuments(kept->second.documents, set, part.members) &&
                          !(changes.any() && (Touches(changes, part.facts) || Touches(changes, kept->second.facts) ||
                                              MadeAny(part, changes) || IsSource(set, part, changes)));
      if (!stands) dirty.insert(i);
    }
    return dirty;
  }

  static bool IsSource(const smi::DocumentSet& set, const Part& part, const FactChanges& changes) {
    if (changes.own_sources.empty()) return false;
    const std::vector<const Head*> heads = HeadsOf(set, part.members);
    return std::any_of(heads.begin(), heads.end(),
                       [&](const Head* head) { return changes.own_sources.count(head->key.Text()) != 0; });
  }

  // Gives the parts to the emitter, all at once. False when its answer cannot be told apart.
  Result<bool> Recompute(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                         const std::set<std::size_t>& dirty) {
    std::vector<const Members*> members;
    std::multimap<std::string, std::size_t> parts_by_source;
    for (const std::size_t i : dirty) {
      members.push_back(&parts_[i].members);
      std::set<std::string> sources;
      for (const Head* head : HeadsOf(set, parts_[i].members)) sources.insert(head->key.Text());
      for (const std::string& source : sources) parts_by_source.emplace(source, i);
    }
    const Members all = Union(members);
    const bool everything = CountOf(all) == CountOf(set);
    smi::DocumentSet extracted;
    if (!everything) extracted = Extract(set, all);
    const auto& emit = baseline_ != nullptr ? baseline_->emit : emitter_.emit;
    MP_TRY(Emission emission, emit(everything ? set : extracted, facts, options_));

    std::vector<const Head*> heads = HeadsOf(set, all);
    std::stable_sort(heads.begin(), heads.end(), ReportedBefore);
    const bool complete = emission.waves.size() == emission.objects.size() &&
                          emission.sources.size() == emission.objects.size() &&
                          emission.reports.size() == heads.size() + all.unreadable.size() &&
                          emission.guarded.size() == emission.reports.size();
    if (!complete) return false;
    std::unordered_map<const Head*, std::size_t> reports;
    for (std::size_t i = 0; i < heads.size(); ++i) {
      if (emission.reports[i].source != heads[i]->key) return false;
      reports.emplace(heads[i], i);
    }
    std::vector<std::vector<Contribution>> contributions(parts_.size());
    if (!Distribute(emission, parts_by_source, contributions)) return false;
    for (const std::size_t i : dirty) {
      const Part& part = parts_[i];
      KeptPart kept;
      kept.documents = Extract(set, part.members);
      kept.facts = part.facts;
      for (const Head* head : HeadsOf(set, part.members)) {
        const std::size_t place = reports.at(head);
        kept.reports.push_back(emission.reports[place]);
        kept.guarded.push_back(emission.guarded[place]);
      }
      // There is one part of unreadable objects, and it has all of them.
      if (!part.members.unreadable.empty()) {
        const auto first = emission.reports.end() - static_cast<std::ptrdiff_t>(all.unreadable.size());
        kept.reports.insert(kept.reports.end(), first, emission.reports.end());
      }
      merged_.Put(part.id, contributions[i]);
      kept_[part.id] = std::move(kept);
    }
    return true;
  }

  // False when parts report differently on the same document.
  bool WriteReports(const smi::DocumentSet& set, Emission& emission) const {
    std::unordered_map<const Head*, std::pair<const SmiReport*, const std::string*>> reports;
    const KeptPart* unreadable = nullptr;
    for (const Part& part : parts_) {
      const KeptPart& kept = kept_.at(part.id);
      std::size_t next = 0;
      for (const Head* head : HeadsOf(set, part.members)) {
        const SmiReport* report = &kept.reports[next];
        const auto [it, first] = reports.emplace(head, std::make_pair(report, &kept.guarded[next++]));
        if (!first && !SameReport(*it->second.first, *report)) return false;
      }
      if (!part.members.unreadable.empty()) unreadable = &kept;
    }
    std::vector<const Head*> heads = smi::AllHeads(set);
    std::stable_sort(heads.begin(), heads.end(), ReportedBefore);
    emission.reports.reserve(heads.size() + set.unreadable.size());
    emission.guarded.reserve(heads.size() + set.unreadable.size());
    for (const Head* head : heads) {
      const auto& [report, guarded] = reports.at(head);
      emission.reports.push_back(*report);
      emission.guarded.push_back(*guarded);
      if (baseline_ != nullptr) baselines_.AddTo(*head, emission.reports.back());
    }
    emission.guarded.resize(heads.size() + set.unreadable.size());
    if (unreadable != nullptr) {
      emission.reports.insert(emission.reports.end(), unreadable->reports.begin(), unreadable->reports.end());
    }
    return true;
  }

  Result<Emission> Whole(const smi::DocumentSet& set, const smi::ClusterFacts& facts) {
    Forget();
    baseline_ = nullptr;
    stats_.recomputed = stats_.parts;
    return emitter_.emit(set, facts, options_);
  }

  TranslateEmitter emitter_;
  OptionMap options_;
  std::string owner_;
  FactMemory memory_;
  std::vector<Part> parts_;
  std::map<std::string, KeptPart> kept_;
  const BaselineEmitter* baseline_ = nullptr;  // With the options at hand.
  Baselines baselines_;
  MergedObjects merged_;
  IncrementalStats stats_;
};

IncrementalTranslator::IncrementalTranslator(TranslateEmitter emitter)
    : state_(std::make_unique<State>(std::move(emitter))) {}
IncrementalTranslator::~IncrementalTranslator() = default;
IncrementalTranslator::IncrementalTranslator(IncrementalTranslator&& other) noexcept = default;
IncrementalTranslator& IncrementalTranslator::operator=(IncrementalTranslator&& other) noexcept = default;

Result<Emission> IncrementalTranslator::Translate(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                                  const OptionMap& options) {
  return state_->Translate(set, facts, options);
}

const IncrementalStats& IncrementalTranslator::stats() const {
  return state_->stats();
}

void IncrementalTranslator::Forget() {
  state_->Forget();
}

}  // namespace meshplay::translate
