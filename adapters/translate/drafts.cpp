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
  std::vector<std::pair<std::string, const smi::Head*>> named;
  for (const smi::Head* source : draft.sources) named.emplace_back(source->key.Text(), source);
  std::stable_sort(named.begin(), named.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const smi::Head*> sources;
  for (const auto& [text, source] : named) sources.push_back(source);
  return sources;
}

bool AppliedBefore(const Draft* a, const Draft* b) {
  return std::tie(a->wave, a->key.namespace_name, a->key.kind, a->key.name) <
         std::tie(b->wave, b->key.namespace_name, b->key.kind, b->key.name);
}

// One source: its hash. Several: a hash over all of them.
std::string SourcesLabel(const std::vector<std::string>& sources) {
  if (sources.size() == 1) {
    const std::string& text = sources.front();
    const std::size_t kind_end = text.find('/');
    const std::size_t namespace_end = text.find('/', kind_end + 1);
    return SourceHash({"", text.substr(0, kind_end), text.substr(kind_end + 1, namespace_end - kind_end - 1),
                       text.substr(namespace_end + 1)});
  }
  std::string all;
  for (const std::string& source : sources) all += source + "\n";
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
  std::replace(out.begin(), out.end(), '/', '-');
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

void SetSources(json& metadata, const std::vector<std::string>& sources) {
  std::string listed;
  std::size_t count = 0;
  for (const std::string& source : sources) {
    if (listed.size() + 1 + source.size() > kMaxSourcesBytes) break;
    listed += (listed.empty() ? "" : ",") + source;
    ++count;
  }
  metadata["labels"][kSourcesLabel] = SourcesLabel(sources);
  json& annotations = metadata["annotations"];
  annotations[kSourcesAnnotation] = std::move(listed);
  annotations.erase(kSourcesOmittedAnnotation);
  if (count < sources.size()) annotations[kSourcesOmittedAnnotation] = std::to_string(sources.size() - count);
}

void DraftList::Add(Draft draft) {
  const auto [it, added] = index_.emplace(draft.key, drafts_.size());
  const std::size_t place = it->second;
  for (const smi::Head* source : draft.sources) {
    std::vector<std::size_t>& places = by_source_[source];
    // A new draft can only be the last one of its source.
    const bool known = added ? !places.empty() && places.back() == place
                             : std::find(places.begin(), places.end(), place) != places.end();
    if (known) continue;
    places.push_back(place);
    if (!added) drafts_[place].sources.push_back(source);
  }
  if (added) drafts_.push_back(std::move(draft));
}

void DraftList::Drop(const std::set<const smi::Head*>& sources) {
  std::vector<Draft> before = std::move(drafts_);
  drafts_.clear();
  index_.clear();
  by_source_.clear();
  for (Draft& draft : before) {
    const auto dropped = std::remove_if(draft.sources.begin(), draft.sources.end(),
                                        [&](const smi::Head* source) { return sources.count(source) != 0; });
    draft.sources.erase(dropped, draft.sources.end());
    if (!draft.sources.empty()) Add(std::move(draft));
  }
}

std::vector<smi::ObjectKey> DraftList::KeysOf(const smi::Head* source) const {
  const auto it = by_source_.find(source);
  if (it == by_source_.end()) return {};
  std::vector<const Draft*> order;
  for (const std::size_t place : it->second) order.push_back(&drafts_[place]);
  std::sort(order.begin(), order.end(), AppliedBefore);
  std::vector<smi::ObjectKey> keys;
  for (const Draft* draft : order) keys.push_back(draft->key);
  return keys;
}

FinishedDrafts DraftList::Finish(const CommonOptions& options) const {
  std::vector<const Draft*> order;
  for (const Draft& draft : drafts_) order.push_back(&draft);
  std::sort(order.begin(), order.end(), AppliedBefore);
  FinishedDrafts out;
  for (const Draft* draft : order) {
    const std::vector<const smi::Head*> sources = SortedSources(*draft);
    std::vector<std::string> texts;
    for (const smi::Head* source : sources) texts.push_back(source->key.Text());
    json labels = draft->labels;
    labels[std::string(kManagedBy)] = "meshplay";
    labels[std::string(kOwner)] = options.owner;
    json metadata = {{"name", draft->key.name},
                     {"namespace", draft->key.namespace_name},
                     {"labels", std::move(labels)},
                     {"annotations", {{"meshplay.dev/spec-hash", Sha256Hex(CanonicalJson(draft->spec))}}}};
    SetSources(metadata, texts);
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
    out.objects.push_back({{"apiVersion", draft->key.api_version},
                           {"kind", draft->key.kind},
                           {"metadata", std::move(metadata)},
                           {"spec", draft->spec}});
    out.waves.push_back(draft->wave);
    out.sources.push_back(std::move(texts));
  }
  return out;
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
