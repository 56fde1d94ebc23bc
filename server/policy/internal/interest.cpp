#include "server/policy/internal/interest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/yaml.h"
#include "libs/smi/parse.h"

namespace meshplay::policy::internal {

std::set<std::string> NamespacesOf(const Spec& spec) {
  std::set<std::string> namespaces;
  const auto documents = ParseYaml(spec.documents);
  if (!documents) return namespaces;
  std::vector<nlohmann::json> values;
  for (const YamlDocument& document : *documents) values.push_back(document.value);
  const std::string fallback = spec.namespace_name.empty() ? "default" : spec.namespace_name;
  const smi::DocumentSet set = smi::ParseDocuments(values, {fallback});
  for (const smi::Head* head : smi::AllHeads(set)) namespaces.insert(head->key.namespace_name);
  for (const smi::TrafficTarget& target : set.targets) {
    namespaces.insert(target.destination.namespace_name);
    for (const smi::Subject& source : target.sources) namespaces.insert(source.namespace_name);
  }
  return namespaces;
}

void Interests::Keep(const PolicyKey& policy, const std::string& digest, const Spec& spec, std::set<Place> places) {
  Interest& interest = interests_[policy];
  if (interest.digest != digest) {
    interest.digest = digest;
    interest.namespaces = NamespacesOf(spec);
  }
  interest.places = std::move(places);
}

std::vector<Interests::PolicyKey> Interests::Of(const std::string& tenant, const Place& place,
                                                const std::set<std::string>& namespaces) const {
  std::vector<PolicyKey> concerned;
  const auto named = [&](const std::string& name) { return namespaces.count(name) != 0; };
  for (const auto& [policy, interest] : interests_) {
    if (policy.first != tenant || interest.places.count(place) == 0) continue;
    if (std::any_of(interest.namespaces.begin(), interest.namespaces.end(), named)) concerned.push_back(policy);
  }
  return concerned;
}

}  // namespace meshplay::policy::internal
