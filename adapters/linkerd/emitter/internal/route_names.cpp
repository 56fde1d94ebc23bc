#include "adapters/linkerd/emitter/internal/route_names.h"

#include <algorithm>
#include <map>
#include <optional>

#include "libs/base/ids.h"

namespace meshplay::linkerd {
namespace {

constexpr std::size_t kServerBytes = 200;  // Leaves room for generation, rank and two hashes in 253.
constexpr int kRanks = 10'000;

struct Known {
  int rank = 0;
  std::string created;
};
using Generation = std::map<std::string, Known>;  // By hash.

std::string Digits(int number, std::size_t width) {
  std::string text = std::to_string(number);
  return std::string(width > text.size() ? width - text.size() : 0, '0') + text;
}

std::optional<int> Number(const std::string& text) {
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoi(text);
}

// Generations by number.
std::map<int, Generation> Read(const std::vector<OwnRoute>& existing, const std::string& prefix) {
  std::map<int, Generation> out;
  auto it = std::lower_bound(existing.begin(), existing.end(), prefix,
                             [](const OwnRoute& route, const std::string& text) { return route.name < text; });
  for (; it != existing.end() && it->name.starts_with(prefix); ++it) {
    const std::string rest = it->name.substr(prefix.size());
    const std::size_t first = rest.find('-');
    const std::size_t second = first == std::string::npos ? first : rest.find('-', first + 1);
    if (second == std::string::npos) continue;
    const auto generation = Number(rest.substr(0, first));
    const auto rank = Number(rest.substr(first + 1, second - first - 1));
    const std::string hash = rest.substr(second + 1);
    if (!generation.has_value() || !rank.has_value() || hash.size() != 8) continue;
    out[*generation].emplace(hash, Known{*rank, it->created});
  }
  return out;
}

// The ranks of the wanted routes within a generation that exists; empty when their order would break.
std::vector<int> Continue(const Generation& generation, const std::vector<std::string>& hashes) {
  int last = -1;
  for (const auto& [hash, known] : generation) last = std::max(last, known.rank);
  std::vector<int> ranks;
  bool following = false;
  Known before{-1, ""};
  for (const std::string& hash : hashes) {
    const auto it = generation.find(hash);
    if (it == generation.end()) {
      following = true;
      ranks.push_back(++last);
      continue;
    }
    if (following || it->second.rank <= before.rank || it->second.created < before.created) return {};
    before = it->second;
    ranks.push_back(it->second.rank);
  }
  if (last >= kRanks) return {};
  return ranks;
}

}  // namespace

std::vector<std::string> RouteNames(const std::vector<OwnRoute>& existing, const std::string& server,
                                    const std::vector<std::string>& keys) {
  std::string prefix = server.substr(0, kServerBytes);
  while (prefix.ends_with('-') || prefix.ends_with('.')) prefix.pop_back();
  prefix += "-g";
  std::vector<std::string> hashes;
  for (const std::string& key : keys) hashes.push_back(Sha256Hex(server + "\n" + key).substr(0, 8));

  const std::map<int, Generation> known = Read(existing, prefix);
  int generation = known.empty() ? 1 : known.rbegin()->first;
  std::vector<int> ranks;
  if (!known.empty()) ranks = Continue(known.rbegin()->second, hashes);
  if (ranks.empty()) {
    if (!known.empty()) ++generation;
    for (std::size_t i = 0; i < keys.size(); ++i) ranks.push_back(static_cast<int>(i));
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    names.push_back(prefix + std::to_string(generation) + "-" + Digits(ranks[i], 4) + "-" + hashes[i]);
  }
  return names;
}

}  // namespace meshplay::linkerd
