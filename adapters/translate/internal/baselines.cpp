#include "adapters/translate/internal/baselines.h"

#include <algorithm>
#include <tuple>

#include "adapters/translate/baseline.h"

namespace meshplay::translate {
namespace {

using smi::Head;

// No part of documents has such an id.
std::string IdOf(const std::string& namespace_name, const std::string& account) {
  return "rest " + namespace_name + "/" + account;
}

}  // namespace

void Baselines::FindHomes(const Guards& guards, const smi::ClusterFacts& facts) {
  homes_.clear();
  home_of_.clear();
  std::map<std::string, std::map<std::string, std::vector<const Head*>>> guarded;  // By namespace and account.
  for (const auto& [head, account] : guards) {
    const std::size_t slash = account.find('/');
    guarded[account.substr(0, slash)][account.substr(slash + 1)].push_back(head);
  }
  for (const auto& [namespace_name, accounts] : guarded) {
    Home& home = homes_[namespace_name];
    std::vector<const Head*> targets;
    for (const auto& [account, heads] : accounts) targets.insert(targets.end(), heads.begin(), heads.end());
    for (const Head* head : targets) home_of_.emplace(head, &home);
    home.owners = BaselineOwners(std::move(targets));
    for (const Head* head : home.owners) home.owner_texts.push_back(head->key.Text());
    std::sort(home.owner_texts.begin(), home.owner_texts.end());
    if (home.owners.size() == 1) {
      const Head& only = *home.owners.front();
      home.only_owner = only.key.api_version + " " + only.key.Text() + " " + only.uid;
    }
  }
  for (const smi::Workload& workload : facts.workloads) {
    const auto home = homes_.find(workload.namespace_name);
    if (home == homes_.end() || guarded.at(home->first).count(workload.service_account) != 0) continue;
    home->second.accounts.insert(workload.service_account);
  }
}

Result<std::size_t> Baselines::UpdateHome(const BaselineEmitter& emitter, const std::string& namespace_name, Home& home,
                                          const smi::ClusterFacts& facts, const OptionMap& options, const Dirt& dirt,
                                          MergedObjects& merged) {
  BaselineRequest request{namespace_name, {}, home.owners};
  for (const std::string& account : home.accounts) {
    const std::string id = IdOf(namespace_name, account);
    const auto kept = kept_.find(id);
    const FactNames names{{namespace_name + "/" + account}, {}, {namespace_name}};
    const auto made = [&](const smi::ObjectKey& key) { return dirt.changes->own.count(key) != 0; };
    const bool changed =
        dirt.changes != nullptr &&
        (Touches(*dirt.changes, names) || std::any_of(merged.KeysOf(id).begin(), merged.KeysOf(id).end(), made));
    const bool alone = std::find(dirt.alone.begin(), dirt.alone.end(), id) != dirt.alone.end();
    if (kept == kept_.end() || changed || alone || kept->second.only_owner != home.only_owner) {
      request.accounts.push_back(account);
      continue;
    }
    std::vector<Contribution>& contributions = kept->second.contributions;
    if (contributions.empty() || contributions.front().sources == home.owner_texts) continue;
    for (Contribution& contribution : contributions) contribution.sources = home.owner_texts;
    merged.Put(id, contributions);
  }
  if (request.accounts.empty()) return std::size_t{0};
  MP_TRY(std::vector<AccountBaseline> made, emitter.rest(request, facts, options));
  for (std::size_t i = 0; i < request.accounts.size(); ++i) {
    const std::string id = IdOf(namespace_name, request.accounts[i]);
    Kept kept{home.only_owner, {}, std::move(made.at(i).notices)};
    for (std::size_t k = 0; k < made[i].objects.size(); ++k) {
      auto object = std::make_shared<const nlohmann::json>(std::move(made[i].objects[k]));
      kept.contributions.push_back({made[i].waves[k], std::move(object), home.owner_texts, home.owner_texts});
    }
    merged.Put(id, kept.contributions);
    kept_[id] = std::move(kept);
  }
  return request.accounts.size();
}

void Baselines::Summarise(const std::string& namespace_name, Home& home) const {
  std::vector<std::pair<int, smi::ObjectKey>> placed;
  for (const std::string& account : home.accounts) {
    const Kept& kept = kept_.at(IdOf(namespace_name, account));
    home.notices.insert(home.notices.end(), kept.notices.begin(), kept.notices.end());
    for (const Contribution& contribution : kept.contributions) {
      placed.emplace_back(contribution.wave, KeyOf(*contribution.object));
    }
  }
  std::sort(placed.begin(), placed.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.kind, a.second.name) < std::tie(b.first, b.second.kind, b.second.name);
  });
  for (auto& [wave, key] : placed) home.keys.push_back(std::move(key));
}

Result<std::size_t> Baselines::Update(const BaselineEmitter& emitter, const Guards& guards,
                                      const smi::ClusterFacts& facts, const OptionMap& options, const Dirt& dirt,
                                      MergedObjects& merged) {
  FindHomes(guards, facts);
  std::set<std::string> ids;
  for (const auto& [namespace_name, home] : homes_) {
    for (const std::string& account : home.accounts) ids.insert(IdOf(namespace_name, account));
  }
  for (auto it = kept_.begin(); it != kept_.end();) {
    if (ids.count(it->first) == 0) merged.Remove(it->first);
    it = ids.count(it->first) == 0 ? kept_.erase(it) : std::next(it);
  }
  std::size_t recomputed = 0;
  for (auto& [namespace_name, home] : homes_) {
    MP_TRY(const std::size_t count, UpdateHome(emitter, namespace_name, home, facts, options, dirt, merged));
    recomputed += count;
    Summarise(namespace_name, home);
  }
  return recomputed;
}

void Baselines::AddTo(const Head& target, smi::SmiReport& report) const {
  const auto found = home_of_.find(&target);
  if (found == home_of_.end()) return;
  const Home& home = *found->second;
  for (smi::Diagnostic notice : home.notices) {
    notice.pointer = target.spec_pointer + notice.pointer;
    if (std::find(report.diagnostics.begin(), report.diagnostics.end(), notice) != report.diagnostics.end()) continue;
    report.diagnostics.push_back(std::move(notice));
  }
  if (std::find(home.owners.begin(), home.owners.end(), &target) == home.owners.end()) return;
  report.generated.insert(report.generated.end(), home.keys.begin(), home.keys.end());
}

void Baselines::Clear() {
  homes_.clear();
  home_of_.clear();
  kept_.clear();
}

}  // namespace meshplay::translate
