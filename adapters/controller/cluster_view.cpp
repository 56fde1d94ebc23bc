#include "adapters/controller/internal/cluster_view.h"

#include <algorithm>
#include <set>

#include "libs/facts/kubernetes_facts.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

const kube::Gvk kDefinitions{"apiextensions.k8s.io", "v1", "CustomResourceDefinition"};

const std::vector<kube::Gvk>& FactKinds() {
  static const std::vector<kube::Gvk> kKinds = {{"", "v1", "Namespace"},       {"", "v1", "Service"},
                                                {"", "v1", "ServiceAccount"},  {"apps", "v1", "Deployment"},
                                                {"apps", "v1", "StatefulSet"}, {"apps", "v1", "DaemonSet"},
                                                {"apps", "v1", "ReplicaSet"},  {"batch", "v1", "Job"},
                                                {"batch", "v1", "CronJob"},    {"", "v1", "Pod"}};
  return kKinds;
}

/// What facts are read from: accounts, ports, probes; the images tell who else reads SMI.
json TrimPodSpec(const json& spec) {
  json containers = json::array();
  const json& all = kube::ValueAt(spec, "/containers");
  for (const json& container : all.is_array() ? all : json::array()) {
    json& kept = containers.emplace_back(json::object());
    for (const char* key : {"name", "image", "ports", "livenessProbe", "readinessProbe", "startupProbe"}) {
      if (container.is_object() && container.contains(key)) kept[key] = container[key];
    }
  }
  json out = {{"containers", std::move(containers)}};
  for (const char* key : {"serviceAccountName", "serviceAccount"}) {
    if (spec.is_object() && spec.contains(key)) out[key] = spec[key];
  }
  return out;
}

void TrimTemplate(json& holder) {
  if (!holder.is_object() || !holder.contains("template") || !holder["template"].is_object()) return;
  json& pod_template = holder["template"];
  if (pod_template.contains("spec")) pod_template["spec"] = TrimPodSpec(pod_template["spec"]);
}

void Trim(json& object) {
  if (!object.is_object() || !object.contains("metadata") || !object["metadata"].is_object()) return;
  json& metadata = object["metadata"];
  metadata.erase("managedFields");
  if (metadata.contains("annotations") && metadata["annotations"].is_object()) {
    metadata["annotations"].erase("kubectl.kubernetes.io/last-applied-configuration");
  }
  const kube::Gvk gvk = kube::GvkOf(object);
  const bool fact = std::find(FactKinds().begin(), FactKinds().end(), gvk) != FactKinds().end();
  if (!fact) return;
  object.erase("status");
  metadata.erase("annotations");
  if (gvk.group.empty() && gvk.kind == "ServiceAccount") object.erase("secrets");
  if (!object.contains("spec") || !object["spec"].is_object()) return;
  if (gvk.kind == "Pod") {
    object["spec"] = TrimPodSpec(object["spec"]);
  } else if (gvk.kind == "CronJob") {
    if (object["spec"].contains("jobTemplate") && object["spec"]["jobTemplate"].is_object()) {
      TrimTemplate(object["spec"]["jobTemplate"]["spec"]);
    }
  } else {
    TrimTemplate(object["spec"]);
  }
}

std::string PrintOf(const json& definition) {
  return kube::UidOf(definition) + "/" + std::to_string(kube::NumberAt(definition, "/metadata/generation")) +
         (kube::IsBeingDeleted(definition) ? "/going" : "");
}

}  // namespace

Result<StoredObjects> ListNow(kube::Client& client, const kube::Gvk& gvk, const kube::Call& call) {
  const auto list = client.List(gvk, {}, call);
  if (!list && list.error().reason() == "KIND_UNKNOWN") return StoredObjects();
  if (!list) return list.error();
  StoredObjects objects;
  for (const json& object : list->items) objects.push_back(std::make_shared<const json>(object));
  return objects;
}

Result<std::unique_ptr<ClusterView>> ClusterView::Create(kube::Client& client, const MeshTraits& traits,
                                                         const kube::Call& call) {
  MP_TRY(kube::ObjectList definitions, client.List(kDefinitions, {}, call));
  std::unique_ptr<ClusterView> view(new ClusterView(client, traits));
  view->Start(std::move(definitions.items));
  return view;
}

bool ClusterView::OfInterest(const json& definition) const {
  const std::string group = kube::TextAt(definition, "/spec/group");
  const auto smi = [&group](const SmiKind& kind) { return kind.group == group; };
  const auto mesh = [&group](const kube::Gvk& gvk) { return gvk.group == group; };
  return std::any_of(SmiKinds().begin(), SmiKinds().end(), smi) ||
         std::any_of(traits_.kinds.begin(), traits_.kinds.end(), mesh);
}

void ClusterView::Start(std::vector<json> definitions) {
  common::KeptListsOptions options;
  options.always = FactKinds();
  options.trim = Trim;
  options.tell_definitions = true;
  for (json& definition : definitions) {
    if (!OfInterest(definition)) continue;
    fingerprint_[kube::NameOf(definition)] = PrintOf(definition);
    for (const SmiKind& kind : SmiKinds()) {
      if (kube::NameOf(definition) != kind.definition()) continue;
      if (const auto served = ServedBy(kind, definition)) {
        served_.push_back(*served);
        options.when_defined.push_back(served->gvk);
      } else if (kube::IsBeingDeleted(definition)) {
        json alive = definition;
        alive["metadata"].erase("deletionTimestamp");
        if (const auto going = ServedBy(kind, alive)) dying_.push_back(going->gvk);
      }
    }
    std::set<std::string> seen;
    for (const kube::Gvk& gvk : traits_.kinds) {
      const bool named = kube::TextAt(definition, "/spec/group") == gvk.group &&
                         kube::TextAt(definition, "/spec/names/kind") == gvk.kind && !kube::IsBeingDeleted(definition);
      const json& versions = kube::ValueAt(definition, "/spec/versions");
      for (const json& version : versions.is_array() ? versions : json::array()) {
        const bool serves =
            kube::TextAt(version, "/name") == gvk.version && kube::ValueAt(version, "/served") == json(true);
        if (named && serves && seen.insert(gvk.kind).second) mesh_kinds_.push_back(gvk);
      }
    }
    definitions_.push_back(std::move(definition));
  }
  // All of the mesh's, so that the definitions are watched in any case.
  options.when_defined.insert(options.when_defined.end(), traits_.kinds.begin(), traits_.kinds.end());
  lists_ = std::make_unique<common::KeptLists>(client_, std::move(options));
}

bool ClusterView::Wait(const std::stop_token& stop, std::chrono::milliseconds at_most) {
  const std::set<kube::Gvk> dirty = lists_->WaitForChange(stop, at_most);
  for (const kube::Gvk& gvk : FactKinds()) facts_dirty_ = facts_dirty_ || dirty.count(gvk) != 0;
  return !dirty.empty();
}

bool ClusterView::Ready() const {
  if (!lists_->Complete()) return false;
  const auto listed = [this](const kube::Gvk& gvk) { return lists_->Listed(gvk); };
  return std::all_of(FactKinds().begin(), FactKinds().end(), listed) &&
         std::all_of(mesh_kinds_.begin(), mesh_kinds_.end(), listed) &&
         std::all_of(served_.begin(), served_.end(), [&](const ServedKind& kind) { return listed(kind.gvk); });
}

bool ClusterView::Outdated() const {
  if (!lists_->Listed(kDefinitions)) return false;
  std::map<std::string, std::string> now;
  const common::KeptLists::List definitions = lists_->Objects(kDefinitions);
  for (const auto& [name, definition] : definitions) {
    if (OfInterest(*definition)) now[kube::NameOf(*definition)] = PrintOf(*definition);
  }
  return now != fingerprint_;
}

Result<StoredObjects> ClusterView::Smi(const kube::Call& call) const {
  StoredObjects objects;
  for (const ServedKind& kind : served_) {
    const common::KeptLists::List list = lists_->Objects(kind.gvk);
    for (const auto& [name, object] : list) objects.push_back(object);
  }
  for (const kube::Gvk& gvk : dying_) {
    MP_TRY(StoredObjects going, ListNow(client_, gvk, call));
    objects.insert(objects.end(), going.begin(), going.end());
  }
  return objects;
}

StoredObjects ClusterView::Mesh() const {
  StoredObjects objects;
  for (const kube::Gvk& gvk : mesh_kinds_) {
    const common::KeptLists::List list = lists_->Objects(gvk);
    for (const auto& [name, object] : list) objects.push_back(object);
  }
  return objects;
}

const smi::ClusterFacts& ClusterView::Facts() {
  if (facts_dirty_) {
    std::vector<json> objects = definitions_;
    for (const kube::Gvk& gvk : FactKinds()) {
      const common::KeptLists::List list = lists_->Objects(gvk);
      for (const auto& [name, object] : list) objects.push_back(*object);
    }
    facts_ = facts::FactsFromObjects(objects);
    facts_dirty_ = false;
  }
  std::vector<json> mesh;
  for (const auto& object : Mesh()) mesh.push_back(*object);
  facts_.existing = facts::FactsFromObjects(mesh).existing;
  return facts_;
}

std::optional<NativeConsumer> ClusterView::Native() const {
  std::vector<const json*> workloads, definitions;
  StoredObjects kept;  // the lists may let go of an object at any moment
  for (const char* kind : {"Deployment", "StatefulSet", "DaemonSet"}) {
    const common::KeptLists::List list = lists_->Objects({"apps", "v1", kind});
    for (const auto& [name, object] : list) kept.push_back(object);
  }
  for (const auto& object : kept) workloads.push_back(object.get());
  for (const json& definition : definitions_) definitions.push_back(&definition);
  return FindNativeConsumer(workloads, definitions);
}

bool ClusterView::HasStatus(const kube::Gvk& gvk) const {
  return std::any_of(served_.begin(), served_.end(),
                     [&gvk](const ServedKind& kind) { return kind.gvk == gvk && kind.has_status; });
}

}  // namespace meshplay::controller
