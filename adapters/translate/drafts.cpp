#include "adapters/translate/drafts.h"

#include <algorithm>
#include <tuple>

#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace meshplay::translate {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxNameBytes = 253;
constexpr std::string_view kManagedBy = "app.kubernetes.io/managed-by";
constexpr std::string_view kOwner = "meshplay.dev/owner";

std::vector<const smi::Head*> SortedSources(const Draft& draft) {
  std::vector<const smi::Head*> sources = draft.sources;
  std::sort(sources.begin(), sources.end(),
            [](const smi::Head* a, const smi::Head* b) { return a->key.Text() < b->key.Text(); });
  return sources;
}

// One source: its hash. Several: a hash over all of them.
std::string SourcesHash(const std::vector<const smi::Head*>& sources) {
  if (sources.size() == 1) return SourceHash(sources.front()->key);
  std::string all;
  for (const smi::Head* source : sources) all += source->key.Text() + "\n";
  return Sha256Hex(all).substr(0, 8);
}

}  // namespace

std::string SourceHash(const smi::ObjectKey& source) {
  return Sha256Hex(source.namespace_name + "/" + source.kind + "/" + source.name).substr(0, 8);
}

std::string ObjectName(const smi::ObjectKey& source, const std::string& namespace_name, const std::string& name,
                       const std::string& part, bool part_is_number) {
  std::string out = "smi-" + name;
  if (!part.empty()) out += "-" + part;
  const bool hashed = (!part.empty() && !part_is_number) || source.namespace_name != namespace_name;
  if (!hashed && out.size() <= kMaxNameBytes) return out;
  smi::ObjectKey unique = source;
  unique.name += "/" + part;
  const std::string hash = "-" + SourceHash(part.empty() ? source : unique);
  if (out.size() + hash.size() > kMaxNameBytes) {
    out.resize(kMaxNameBytes - hash.size());
    while (out.back() == '-' || out.back() == '.') out.pop_back();
  }
  return out + hash;
}

void DraftList::Add(Draft draft) {
  const auto [it, added] = index_.emplace(draft.key, drafts_.size());
  if (added) {
    drafts_.push_back(std::move(draft));
    return;
  }
  Draft& known = drafts_[it->second];
  for (const smi::Head* source : draft.sources) {
    if (std::find(known.sources.begin(), known.sources.end(), source) == known.sources.end()) {
      known.sources.push_back(source);
    }
  }
}

void DraftList::Drop(const smi::Head* source) {
  std::vector<Draft> kept;
  index_.clear();
  for (Draft& draft : drafts_) {
    const auto it = std::find(draft.sources.begin(), draft.sources.end(), source);
    if (it != draft.sources.end()) draft.sources.erase(it);
    if (draft.sources.empty()) continue;
    index_.emplace(draft.key, kept.size());
    kept.push_back(std::move(draft));
  }
  drafts_ = std::move(kept);
}

std::vector<smi::ObjectKey> DraftList::KeysOf(const smi::Head* source) const {
  std::vector<smi::ObjectKey> keys;
  for (const Draft& draft : drafts_) {
    if (std::find(draft.sources.begin(), draft.sources.end(), source) != draft.sources.end()) keys.push_back(draft.key);
  }
  return keys;
}

std::vector<json> DraftList::Finish(const CommonOptions& options) const {
  std::vector<const Draft*> order;
  for (const Draft& draft : drafts_) order.push_back(&draft);
  std::sort(order.begin(), order.end(), [](const Draft* a, const Draft* b) {
    return std::tie(a->wave, a->key.namespace_name, a->key.kind, a->key.name) <
           std::tie(b->wave, b->key.namespace_name, b->key.kind, b->key.name);
  });
  std::vector<json> objects;
  for (const Draft* draft : order) {
    const std::vector<const smi::Head*> sources = SortedSources(*draft);
    std::string listed;
    for (const smi::Head* source : sources) listed += (listed.empty() ? "" : ",") + source->key.Text();
    json labels = draft->labels;
    labels[std::string(kManagedBy)] = "meshplay";
    labels[std::string(kOwner)] = options.owner;
    labels["meshplay.dev/smi-source"] = SourcesHash(sources);
    json metadata = {
        {"name", draft->key.name},
        {"namespace", draft->key.namespace_name},
        {"labels", std::move(labels)},
        {"annotations",
         {{"meshplay.dev/smi-sources", listed}, {"meshplay.dev/spec-hash", Sha256Hex(CanonicalJson(draft->spec))}}}};
    const smi::Head& first = *sources.front();
    // Garbage collection follows owner references within one namespace only.
    if (options.owner_references && sources.size() == 1 && !first.uid.empty() &&
        first.key.namespace_name == draft->key.namespace_name) {
      metadata["ownerReferences"] = json::array({{{"apiVersion", first.key.api_version},
                                                  {"kind", first.key.kind},
                                                  {"name", first.key.name},
                                                  {"uid", first.uid},
                                                  {"controller", true},
                                                  {"blockOwnerDeletion", false}}});
    }
    objects.push_back({{"apiVersion", draft->key.api_version},
                       {"kind", draft->key.kind},
                       {"metadata", std::move(metadata)},
                       {"spec", draft->spec}});
  }
  return objects;
}

bool IsOurs(const json& object, const std::string& owner) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return false;
  const auto labels = metadata->find("labels");
  if (labels == metadata->end() || !labels->is_object()) return false;
  const auto has = [&](std::string_view key, std::string_view value) {
    const auto it = labels->find(std::string(key));
    return it != labels->end() && it->is_string() && it->get_ref<const std::string&>() == value;
  };
  return has(kManagedBy, "meshplay") && has(kOwner, owner);
}

void Outcome::Report(std::string code, smi::Severity severity, std::string pointer, std::string message,
                     std::string feature) {
  smi::Diagnostic diagnostic{std::move(code), severity, std::move(pointer), std::move(message), std::move(feature)};
  if (std::find(diagnostics.begin(), diagnostics.end(), diagnostic) == diagnostics.end()) {
    diagnostics.push_back(std::move(diagnostic));
  }
}

}  // namespace meshplay::translate
