#include <algorithm>
#include <cmath>
#include <numeric>

#include "libs/smi/internal/names.h"
#include "libs/smi/internal/reader.h"
#include "libs/smi/limits.h"
#include "libs/smi/quantity.h"

namespace meshplay::smi {
namespace {

using nlohmann::json;

// v1alpha2 and later: a whole number.
std::int64_t ParseWeight(Reader& reader, const json& backend, const std::string& pointer, bool& valid) {
  const std::string at = pointer + "/weight";
  const json* value = Reader::Find(backend, "weight");
  valid = false;
  if (value == nullptr) {
    reader.Error("WEIGHT_INVALID", at, "a weight is required");
    return 0;
  }
  double number = 0;
  if (value->is_number()) number = value->get<double>();
  if (!value->is_number() || std::floor(number) != number) {
    reader.Error("WEIGHT_INVALID", at, "must be a whole number");
    return 0;
  }
  if (number < 0 || number > static_cast<double>(kMaxWeight)) {
    reader.Error("WEIGHT_INVALID", at, "must be between 0 and 1000000");
    return 0;
  }
  valid = true;
  return static_cast<std::int64_t>(number);
}

// v1alpha1: a Kubernetes quantity, in thousandths here.
std::int64_t ParseQuantityWeight(Reader& reader, const json& backend, const std::string& pointer, bool& valid) {
  const std::string at = pointer + "/weight";
  const json* value = Reader::Find(backend, "weight");
  std::optional<std::int64_t> milli;
  if (value != nullptr && value->is_string()) milli = MilliFromQuantity(value->get<std::string>());
  if (value != nullptr && value->is_number()) milli = MilliFromQuantity(value->dump());
  valid = milli.has_value() && *milli >= 0;
  if (!valid) {
    reader.Error("WEIGHT_INVALID", at, "must be a quantity of at least 0 in whole thousandths, such as \"500m\" or 1");
    return 0;
  }
  return *milli;
}

// Thousandths become whole numbers when all are; else they stay, and shrink by their common divisor only when a
// weight would be too large otherwise.
void ScaleQuantities(Reader& reader, std::vector<SplitBackend>& backends, const std::string& pointer) {
  std::int64_t divisor = 0;
  std::int64_t largest = 0;
  bool all_whole = true;
  for (const SplitBackend& backend : backends) {
    all_whole = all_whole && backend.weight % 1000 == 0;
    divisor = std::gcd(divisor, backend.weight);
    largest = std::max(largest, backend.weight);
  }
  if (all_whole) {
    for (SplitBackend& backend : backends) backend.weight /= 1000;
    largest /= 1000;
    divisor /= 1000;
  }
  if (largest > kMaxWeight && divisor > 1) {
    for (SplitBackend& backend : backends) backend.weight /= divisor;
  }
  for (std::size_t i = 0; i < backends.size(); ++i) {
    if (backends[i].weight <= kMaxWeight) continue;
    backends[i].valid_weight = false;
    reader.Error("WEIGHT_INVALID", pointer + "/backends/" + std::to_string(i) + "/weight",
                 "must be between 0 and 1000000 in its smallest whole form");
  }
}

std::string ShortName(Reader& reader, const std::string& written, const std::string& pointer, bool& valid) {
  valid = true;
  if (written.empty()) return written;  // Missing names are validation's business.
  const std::optional<std::string> name = ShortServiceName(written, reader.head().key.namespace_name);
  if (name.has_value()) return *name;
  valid = false;
  reader.Error("SERVICE_NAME_INVALID", pointer,
               "must be a Service of namespace \"" + reader.head().key.namespace_name +
                   "\": name, name.namespace or name.namespace.svc[.domain]");
  return written;
}

}  // namespace

TrafficSplit ParseTrafficSplit(Head head, const json& fields, std::vector<Finding>& findings) {
  TrafficSplit split;
  split.head = std::move(head);
  Reader reader(split.head, findings);
  const std::string& at = split.head.spec_pointer;
  if (split.head.version >= 3) {
    reader.OnlyKeys(fields, at, {"service", "backends", "matches"});
  } else {
    reader.OnlyKeys(fields, at, {"service", "backends"});
  }
  split.service = ShortName(reader, reader.String(fields, "service", at), at + "/service", split.valid_service);

  if (const json* backends = reader.Array(fields, "backends", at)) {
    for (std::size_t i = 0; i < backends->size(); ++i) {
      const json& value = (*backends)[i];
      const std::string here = at + "/backends/" + std::to_string(i);
      SplitBackend backend;
      if (reader.IsObject(value, here)) {
        reader.OnlyKeys(value, here, {"service", "weight"});
        backend.service =
            ShortName(reader, reader.String(value, "service", here), here + "/service", backend.valid_name);
        backend.weight = split.head.version == 1 ? ParseQuantityWeight(reader, value, here, backend.valid_weight)
                                                 : ParseWeight(reader, value, here, backend.valid_weight);
      }
      split.backends.push_back(std::move(backend));
    }
    if (split.head.version == 1) ScaleQuantities(reader, split.backends, at);
  }

  if (split.head.version < 3) return split;
  if (const json* matches = reader.Array(fields, "matches", at)) {
    for (std::size_t i = 0; i < matches->size(); ++i) {
      const json& value = (*matches)[i];
      const std::string here = at + "/matches/" + std::to_string(i);
      SplitMatchRef match;
      if (reader.IsObject(value, here)) {
        reader.OnlyKeys(value, here, {"apiGroup", "kind", "name"});
        match.api_group = reader.String(value, "apiGroup", here);
        match.kind = reader.String(value, "kind", here);
        match.name = reader.String(value, "name", here);
      }
      split.matches.push_back(std::move(match));
    }
  }
  return split;
}

}  // namespace meshplay::smi
