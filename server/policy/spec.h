#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libs/base/result.h"

/// What a person wants of many meshes, as plain values with a canonical JSON form. Pure. Threads: any.
namespace meshplay::policy {

inline constexpr std::size_t kMaxDocumentBytes = 500'000;  ///< What smi.apply takes.
inline constexpr std::size_t kMaxDocuments = 1'000;        ///< SMI objects of one policy.
inline constexpr std::size_t kMaxItems = 64;               ///< Of each list of a selector, and options.
inline constexpr std::size_t kMaxStages = 16;
inline constexpr std::uint32_t kMaxParallel = 64;
inline constexpr std::uint32_t kDefaultParallel = 8;
inline constexpr std::chrono::milliseconds kDefaultSettle{10'000};
inline constexpr std::chrono::milliseconds kMaxSettle{24 * 3'600'000LL};

struct LabelRequirement {
  std::string key;
  std::string op;  ///< "In", "NotIn", "Exists", "DoesNotExist"
  std::vector<std::string> values;
  bool operator==(const LabelRequirement&) const = default;
};

struct LabelSelector {
  std::map<std::string, std::string> labels;
  std::vector<LabelRequirement> expressions;
  bool empty() const { return labels.empty() && expressions.empty(); }
  bool operator==(const LabelSelector&) const = default;
};

/// Every part that is given must hold; of a list any item.
struct Selector {
  bool all = false;
  LabelSelector cluster;
  std::vector<std::string> clusters, environments, mesh_types, meshes;
  bool operator==(const Selector&) const = default;
};

struct Stage {
  std::string name;
  Selector selector;
  std::uint32_t max_parallel = 0;  ///< 0: that of the roll-out.
  bool operator==(const Stage&) const = default;
};

enum class OnDrift { kReport, kRepair };

struct Spec {
  std::string documents;
  std::string namespace_name;
  std::map<std::string, std::string> options;
  Selector target;
  std::vector<Stage> stages;
  std::string min_level = "PARTIAL";  ///< FULL, PARTIAL or NONE.
  std::chrono::milliseconds settle = kDefaultSettle;
  std::uint32_t max_parallel = kDefaultParallel;
  OnDrift on_drift = OnDrift::kReport;
  bool operator==(const Spec&) const = default;
};

nlohmann::json ToJson(const LabelSelector& selector);
/// What a damaged column lacks keeps its default: an old row must not make a policy unreadable.
LabelSelector LabelSelectorFromJson(const nlohmann::json& from);

/// Everything but the documents.
nlohmann::json SettingsToJson(const Spec& spec);
Spec SpecFrom(const std::string& settings_json, std::string documents);

/// SHA-256 (hex) over settings and documents: equal digests mean the same wish.
std::string DigestOf(const Spec& spec);

/// Errors: kInvalidArgument SELECTOR_INVALID with pointers below `pointer`.
Status CheckLabelSelector(const LabelSelector& selector, const std::string& pointer);

/// Limits, words, selectors, and the SMI documents by the rules that need no cluster.
/// Errors: kInvalidArgument POLICY_SPEC_INVALID, SELECTOR_INVALID, SMI_INVALID, YAML_*; pointers below /spec.
Status CheckSpec(const Spec& spec);

}  // namespace meshplay::policy
