#include "adapters/linkerd/emitter/internal/route_table.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "adapters/linkerd/emitter/internal/compare.h"

namespace meshplay::linkerd {
namespace {

class Builder {
 public:
  Builder(const std::vector<Callers>& callers, const Callers& everywhere)
      : callers_(callers), everywhere_(everywhere) {}

  void Add(const GrantedSet& granted) {
    const auto [it, added] = known_.emplace(granted.set.Key(), written_.size());
    if (added) written_.push_back({granted.set, {}, {}});
    written_[it->second].grants.insert(granted.grant);
  }

  void AddCatchAll() {
    if (known_.emplace(RequestSet().Key(), written_.size()).second) written_.push_back({});
  }

  RouteTable Run() {
    for (const Route& route : written_) AddRoute(route);
    SeparateOverlaps();
    Lose(overlapping_, "OVERLAP_ORDER",
         "its requests overlap with those of another grant for other callers in a way that no route says; which of the "
         "two decides depends on their order, and some requests are denied");
    Sort();
    return std::move(table_);
  }

 private:
  void Lose(const std::set<std::size_t>& grants, const std::string& code, const std::string& message) {
    for (const std::size_t grant : grants) table_.losses.push_back({grant, code, message});
  }

  void AddRoute(const Route& written) {
    if (table_.routes.size() >= kMaxRoutes) {
      Lose(written.grants, "NARROWED", "a Server takes at most " + std::to_string(kMaxRoutes) + " routes here");
      return;
    }
    RouteEntries entries = EntriesOf(written.set);
    if (!entries.problem.empty()) {
      Lose(written.grants, entries.problem_code, entries.problem + "; it allows nothing");
      return;
    }
    Accept(written.set, std::move(entries));
  }

  void Accept(const RequestSet& set, RouteEntries entries) {
    Route route{set, std::move(entries.matches), {}};
    Callers open_to = everywhere_;
    bool everybody = false;
    for (const Route& written : written_) {
      if (written.grants.empty() || !compare_.Covers(written.set, set)) continue;
      route.grants.insert(written.grants.begin(), written.grants.end());
      for (const std::size_t grant : written.grants) {
        everybody = everybody || callers_[grant].empty();
        open_to.insert(callers_[grant].begin(), callers_[grant].end());
      }
    }
    if (everybody) open_to = {smi::Identity()};  // Nobody's name: stands for all.
    open_to_.push_back(std::move(open_to));
    table_.routes.push_back(std::move(route));
  }

  // Pairs with new routes are looked at too, so in the end every overlap has a route of its own or is reported.
  void SeparateOverlaps() {
    const std::size_t limit = table_.routes.size() + kMaxDerivedRoutes;
    for (std::size_t b = 0; b < table_.routes.size(); ++b) {
      for (std::size_t a = 0; a < b; ++a) {
        if (open_to_[a] == open_to_[b]) continue;
        const RequestSet& x = table_.routes[a].set;
        const RequestSet& y = table_.routes[b].set;
        if (compare_.Covers(x, y) || compare_.Covers(y, x)) continue;
        Overlap common = compare_.Intersect(x, y);
        if (common.kind == Overlap::Kind::kNone) continue;
        if (common.kind == Overlap::Kind::kSet && AddCommon(common.set, limit)) continue;
        ReportOverlap(a, b);
      }
    }
  }

  bool AddCommon(const RequestSet& set, std::size_t limit) {
    const std::string key = set.Key();
    if (derived_.count(key) != 0) return true;
    const auto written = known_.find(key);
    // A route that was written and could not be said is no help.
    if (written != known_.end()) return EntriesOf(set).problem.empty();
    if (table_.routes.size() >= limit) return false;
    RouteEntries entries = EntriesOf(set);
    if (!entries.problem.empty()) return false;
    derived_.insert(key);
    Accept(set, std::move(entries));
    return true;
  }

  void ReportOverlap(std::size_t a, std::size_t b) {
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
      if (open_to_[to].count(smi::Identity()) != 0) continue;
      for (const std::size_t grant : table_.routes[from].grants) {
        const Callers& callers = callers_[grant];
        const bool open = std::includes(open_to_[to].begin(), open_to_[to].end(), callers.begin(), callers.end());
        if (!open) overlapping_.insert(grant);
      }
    }
  }

  void Sort() {
    std::vector<std::tuple<long, std::string, std::size_t>> order;
    for (std::size_t i = 0; i < table_.routes.size(); ++i) {
      const RequestSet& set = table_.routes[i].set;
      order.emplace_back(-Narrowness(set), set.Key(), i);
    }
    std::sort(order.begin(), order.end());
    std::vector<Route> sorted;
    std::size_t run = 0;  // Where routes of this narrowness start.
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i > 0 && std::get<0>(order[i]) != std::get<0>(order[i - 1])) run = i;
      Route& route = table_.routes[std::get<2>(order[i])];
      // Equally narrow ones are nested only by their headers.
      std::size_t place = sorted.size();
      for (std::size_t k = run; k < sorted.size() && !route.set.headers.empty(); ++k) {
        if (!compare_.Covers(sorted[k].set, route.set)) continue;
        place = k;
        break;
      }
      sorted.insert(sorted.begin() + static_cast<std::ptrdiff_t>(place), std::move(route));
    }
    table_.routes = std::move(sorted);
  }

  const std::vector<Callers>& callers_;
  const Callers& everywhere_;
  Comparer compare_;
  std::map<std::string, std::size_t> known_;
  std::set<std::string> derived_;
  std::set<std::size_t> overlapping_;  // Grants that lose to another one's route.
  std::vector<Route> written_;
  std::vector<Callers> open_to_;  // Of each route of the table.
  RouteTable table_;
};

}  // namespace

RouteTable BuildRoutes(const std::vector<GrantedSet>& granted, const std::vector<Callers>& callers,
                       const Callers& everywhere, bool catch_all) {
  Builder builder(callers, everywhere);
  for (const GrantedSet& one : granted) builder.Add(one);
  if (catch_all) builder.AddCatchAll();
  return builder.Run();
}

}  // namespace meshplay::linkerd
