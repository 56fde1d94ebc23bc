#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "libs/base/ids.h"
#include "libs/base/yaml.h"
#include "libs/smi/parse.h"
#include "libs/smi/validate.h"
#include "server/policy/spec.h"

namespace meshplay::policy {
namespace {

constexpr std::size_t kMaxText = 256;
constexpr std::size_t kMaxLabelKey = 317;  // a prefix of 253, "/" and a name of 63

Error SpecInvalid(const std::string& pointer, std::string detail) {
  return InvalidArgument("POLICY_SPEC_INVALID", "the policy's spec is not valid")
      .WithViolation("/spec/" + pointer, std::move(detail));
}

Error SelectorInvalid(const std::string& pointer, std::string detail) {
  return InvalidArgument("SELECTOR_INVALID", "a selector is not valid").WithViolation(pointer, std::move(detail));
}

Status CheckNames(const std::vector<std::string>& names, const std::string& pointer) {
  if (names.size() > kMaxItems) return SelectorInvalid(pointer, "has more than 64 items");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty() || names[i].size() > kMaxText) {
      return SelectorInvalid(pointer + "/" + std::to_string(i), "must be 1 to 256 bytes");
    }
  }
  return {};
}

Status CheckSelector(const Selector& selector, const std::string& pointer) {
  const bool parts = !selector.cluster.empty() || !selector.clusters.empty() || !selector.environments.empty() ||
                     !selector.mesh_types.empty() || !selector.meshes.empty();
  if (selector.all && parts) return SelectorInvalid(pointer + "/all", "excludes the other parts");
  if (!selector.all && !parts) return SelectorInvalid(pointer, "selects nothing: name a part, or say all");
  MP_CHECK(CheckLabelSelector(selector.cluster, pointer));
  MP_CHECK(CheckNames(selector.clusters, pointer + "/clusters"));
  MP_CHECK(CheckNames(selector.environments, pointer + "/environments"));
  MP_CHECK(CheckNames(selector.mesh_types, pointer + "/mesh_types"));
  return CheckNames(selector.meshes, pointer + "/meshes");
}

bool IsDnsLabel(const std::string& text) {
  // A resource name, but it may begin with a digit.
  return !text.empty() && text.size() <= 63 &&
         (std::isdigit(static_cast<unsigned char>(text.front())) != 0 ? IsResourceName("a" + text.substr(1))
                                                                      : IsResourceName(text));
}

bool IsLevel(const std::string& text) {
  return text == "FULL" || text == "PARTIAL" || text == "NONE";
}

Status CheckRollout(const Spec& spec) {
  if (!IsLevel(spec.min_level)) return SpecInvalid("rollout/gate/min_level", "must be FULL, PARTIAL or NONE");
  if (spec.settle < std::chrono::milliseconds(0) || spec.settle > kMaxSettle) {
    return SpecInvalid("rollout/gate/settle", "must be 0 to 24 h");
  }
  if (spec.max_parallel == 0 || spec.max_parallel > kMaxParallel) {
    return SpecInvalid("rollout/max_parallel", "must be 1 to 64");
  }
  if (spec.stages.size() > kMaxStages) return SpecInvalid("rollout/stages", "are more than 16");
  std::set<std::string> names;
  for (std::size_t i = 0; i < spec.stages.size(); ++i) {
    const Stage& stage = spec.stages[i];
    const std::string at = "rollout/stages/" + std::to_string(i);
    if (!IsResourceName(stage.name)) {
      return SpecInvalid(at + "/name", "must be lower-case letters, digits and dashes, at most 63");
    }
    if (!names.insert(stage.name).second) return SpecInvalid(at + "/name", "is the name of an earlier stage");
    if (stage.max_parallel > kMaxParallel) return SpecInvalid(at + "/max_parallel", "must be at most 64");
    MP_CHECK(CheckSelector(stage.selector, "/spec/" + at + "/selector"));
  }
  return {};
}

Status CheckDocuments(const Spec& spec) {
  if (spec.documents.size() > kMaxDocumentBytes) return SpecInvalid("documents", "are larger than 500000 bytes");
  MP_TRY(const std::vector<YamlDocument> read, ParseYaml(spec.documents));
  std::vector<nlohmann::json> documents;
  documents.reserve(read.size());
  for (const YamlDocument& document : read) documents.push_back(document.value);
  smi::ParseOptions options;
  options.default_namespace = spec.namespace_name.empty() ? "default" : spec.namespace_name;
  const smi::DocumentSet set = smi::ParseDocuments(documents, options);
  std::vector<Violation> foreign;
  for (const std::size_t index : set.other_documents) {
    foreign.push_back({"/spec/documents/" + std::to_string(index), "is no SMI object"});
  }
  if (!foreign.empty()) {
    foreign.resize(std::min<std::size_t>(foreign.size(), 100));
    return InvalidArgument("SMI_INVALID", "a document is no SMI object").WithViolations(std::move(foreign));
  }
  const std::size_t objects = smi::AllHeads(set).size();
  const Status valid = smi::ToStatus(smi::Validate(set));
  if (!valid) {
    std::vector<Violation> violations = valid.error().violations();
    for (Violation& violation : violations) violation.pointer.insert(0, "/spec/documents");
    return InvalidArgument(valid.error().reason(), valid.error().message()).WithViolations(std::move(violations));
  }
  if (objects == 0) return SpecInvalid("documents", "hold no SMI object");
  if (objects > kMaxDocuments) return SpecInvalid("documents", "hold more than 1000 SMI objects");
  return {};
}

}  // namespace

Status CheckLabelSelector(const LabelSelector& selector, const std::string& pointer) {
  if (selector.labels.size() > kMaxItems) return SelectorInvalid(pointer + "/cluster_labels", "are more than 64");
  for (const auto& [key, value] : selector.labels) {
    if (key.empty() || key.size() > kMaxLabelKey || value.size() > kMaxText) {
      return SelectorInvalid(pointer + "/cluster_labels", "has a key or value that is no label's");
    }
  }
  if (selector.expressions.size() > kMaxItems) {
    return SelectorInvalid(pointer + "/cluster_expressions", "are more than 64");
  }
  for (std::size_t i = 0; i < selector.expressions.size(); ++i) {
    const LabelRequirement& one = selector.expressions[i];
    const std::string at = pointer + "/cluster_expressions/" + std::to_string(i);
    if (one.key.empty() || one.key.size() > kMaxLabelKey) return SelectorInvalid(at + "/key", "must be a label's key");
    const bool listed = one.op == "In" || one.op == "NotIn";
    if (!listed && one.op != "Exists" && one.op != "DoesNotExist") {
      return SelectorInvalid(at + "/operator", "must be In, NotIn, Exists or DoesNotExist");
    }
    if (listed == one.values.empty() || one.values.size() > kMaxItems) {
      return SelectorInvalid(at + "/values", listed ? "must be 1 to 64" : "must be absent with this operator");
    }
  }
  return {};
}

Status CheckSpec(const Spec& spec) {
  if (!spec.namespace_name.empty() && !IsDnsLabel(spec.namespace_name)) {
    return SpecInvalid("namespace", "must be the name of a namespace");
  }
  if (spec.options.size() > kMaxItems) return SpecInvalid("options", "are more than 64");
  MP_CHECK(CheckSelector(spec.target, "/spec/target"));
  MP_CHECK(CheckRollout(spec));
  return CheckDocuments(spec);
}

}  // namespace meshplay::policy
