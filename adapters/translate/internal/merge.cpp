#include "adapters/translate/internal/merge.h"

#include <algorithm>
#include <set>

#include "adapters/translate/drafts.h"

namespace meshplay::translate {
namespace {

using nlohmann::json;

// Everything but what follows from the sources.
bool SameContent(const json& a, const json& b) {
  json left = a;
  json right = b;
  for (json* object : {&left, &right}) {
    json& metadata = (*object)["metadata"];
    metadata["labels"].erase(kSourcesLabel);
    metadata["annotations"].erase(kSourcesAnnotation);
    metadata["annotations"].erase(kSourcesOmittedAnnotation);
    metadata.erase("ownerReferences");
  }
  return left == right;
}

// Sources of one name that a part has several times stay so; the same source in two parts counts once.
std::vector<std::string> AllSources(const std::map<std::string, Contribution>& parts) {
  if (parts.size() == 1) return parts.begin()->second.sources;
  std::map<std::string, std::size_t> counts;
  for (const auto& [part, contribution] : parts) {
    std::map<std::string, std::size_t> own;
    for (const std::string& source : contribution.sources) ++own[source];
    for (const auto& [source, count] : own) counts[source] = std::max(counts[source], count);
  }
  std::vector<std::string> out;
  for (const auto& [source, count] : counts) out.insert(out.end(), count, source);
  return out;
}

}  // namespace

smi::ObjectKey KeyOf(const json& object) {
  const json& metadata = object["metadata"];
  return {object["apiVersion"].get<std::string>(), object["kind"].get<std::string>(),
          metadata["namespace"].get<std::string>(), metadata["name"].get<std::string>()};
}

void MergedObjects::Put(const std::string& part, const std::vector<Contribution>& contributions) {
  Remove(part);
  for (const Contribution& contribution : contributions) {
    smi::ObjectKey key = KeyOf(*contribution.object);
    Place place(contribution.wave, key.namespace_name, key.kind, key.name, key.api_version);
    const auto [it, added] = slots_.try_emplace(place);
    if (added) ++names_[key];
    it->second.parts[part] = contribution;
    changed_[place] = true;
    places_[part].push_back(std::move(place));
    keys_[part].push_back(std::move(key));
  }
}

void MergedObjects::Remove(const std::string& part) {
  const auto known = places_.find(part);
  if (known == places_.end()) return;
  for (const Place& place : known->second) {
    const auto it = slots_.find(place);
    it->second.parts.erase(part);
    if (!it->second.parts.empty()) {
      changed_[place] = true;
      continue;
    }
    slots_.erase(it);
    changed_.erase(place);
    const auto& [wave, namespace_name, kind, name, api_version] = place;
    const auto count = names_.find({api_version, kind, namespace_name, name});
    if (--count->second == 0) names_.erase(count);
  }
  places_.erase(known);
  keys_.erase(part);
}

bool MergedObjects::Build(Slot& slot, std::vector<std::string>& alone) {
  const Contribution& first = slot.parts.begin()->second;
  for (const auto& [part, contribution] : slot.parts) {
    if (contribution.object != first.object && !SameContent(*contribution.object, *first.object)) return false;
  }
  slot.sources = AllSources(slot.parts);
  slot.merged = *first.object;
  if (slot.sources == first.object_sources) return true;
  if (slot.sources.size() == 1) alone.push_back(slot.parts.begin()->first);
  json& metadata = slot.merged["metadata"];
  SetSources(metadata, slot.sources);
  metadata.erase("ownerReferences");
  return true;
}

bool MergedObjects::Merge(std::vector<std::string>& alone) {
  for (const auto& [place, changed] : changed_) {
    const auto& [wave, namespace_name, kind, name, api_version] = place;
    if (names_.at({api_version, kind, namespace_name, name}) > 1) return false;
    if (!Build(slots_.at(place), alone)) return false;
  }
  changed_.clear();
  return true;
}

void MergedObjects::WriteTo(Emission& emission) const {
  emission.objects.reserve(slots_.size());
  emission.waves.reserve(slots_.size());
  emission.sources.reserve(slots_.size());
  for (const auto& [place, slot] : slots_) {
    emission.objects.push_back(slot.merged);
    emission.waves.push_back(std::get<0>(place));
    emission.sources.push_back(slot.sources);
  }
}

const std::vector<smi::ObjectKey>& MergedObjects::KeysOf(const std::string& part) const {
  static const std::vector<smi::ObjectKey> kNone;
  const auto it = keys_.find(part);
  return it == keys_.end() ? kNone : it->second;
}

void MergedObjects::Clear() {
  slots_.clear();
  names_.clear();
  places_.clear();
  keys_.clear();
  changed_.clear();
}

bool Distribute(Emission& emission, const std::multimap<std::string, std::size_t>& parts_by_source,
                std::vector<std::vector<Contribution>>& contributions) {
  for (std::size_t i = 0; i < emission.objects.size(); ++i) {
    const std::vector<std::string>& sources = emission.sources[i];
    if (sources.empty()) return false;
    std::map<std::size_t, std::vector<std::string>> by_part;
    for (const std::string& source : sources) {
      const auto [begin, end] = parts_by_source.equal_range(source);
      if (begin == end) return false;
      for (auto it = begin; it != end; ++it) by_part[it->second].push_back(source);
    }
    const auto shared = std::make_shared<const json>(std::move(emission.objects[i]));
    for (auto& [part, own] : by_part) {
      contributions[part].push_back({emission.waves[i], shared, sources, std::move(own)});
    }
  }
  return true;
}

}  // namespace meshplay::translate
