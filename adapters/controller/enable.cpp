#include <algorithm>
#include <map>

#include "adapters/common/convert.h"
#include "adapters/common/ownership.h"
#include "adapters/common/set_operation.h"
#include "adapters/controller/internal/cluster_view.h"
#include "adapters/controller/operations.h"
#include "adapters/controller/smi_kinds.h"
#include "libs/base/duration.h"

namespace meshplay::controller {
namespace {

namespace pb = common::pb;
using common::Attempt;
using nlohmann::json;

constexpr char kSchema[] = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "namespaces": {"type": "array", "maxItems": 1000, "items": {"type": "string", "format": "dns-label"}, "default": [],
                   "title": "Namespaces", "description": "Whose SMI objects count. None named: all."},
    "options": {"type": "object", "additionalProperties": {"type": ["string", "boolean"]}, "default": {},
                "title": "Options of the translation",
                "description": "allowWidening, mode, pathAnchor and the others that smi.apply takes."},
    "gracePeriod": {"type": "string", "format": "duration", "default": "60s", "title": "Grace period",
                    "description": "How long what is in force stays when something that it refers to disappears."},
    "installDefinitions": {"type": "boolean", "default": true, "title": "Install the SMI custom resources",
                           "description": "Those that are missing. Groups that somebody else has installed are left as they are."},
    "events": {"type": "boolean", "default": true, "title": "Write Events"}
  }
})";

constexpr std::chrono::hours kMostGrace{24};

const kube::Gvk kConfigMap{"", "v1", "ConfigMap"};
const kube::Gvk kDefinition{"apiextensions.k8s.io", "v1", "CustomResourceDefinition"};

Status RefuseNativeConsumers(Attempt& attempt, const StoredObjects& definitions) {
  std::vector<const json*> workloads, known;
  std::vector<StoredObjects> lists;
  for (const char* kind : {"Deployment", "StatefulSet", "DaemonSet"}) {
    MP_TRY(StoredObjects list, ListNow(attempt.kube(), {"apps", "v1", kind}, attempt.call()));
    lists.push_back(std::move(list));
  }
  for (const StoredObjects& list : lists) {
    for (const auto& object : list) workloads.push_back(object.get());
  }
  for (const auto& object : definitions) known.push_back(object.get());
  const auto native = FindNativeConsumer(workloads, known);
  if (!native) return {};
  return FailedPrecondition("NATIVE_CONSUMER",
                            native->name + " reads SMI objects itself on this cluster (" + native->what + ")")
      .WithRemediation("Write SMI objects for it as they are, or remove it and its SMI definitions first.")
      .WithMetadata("consumer", native->name)
      .WithMetadata("object", native->what);
}

/// One translation of a cluster's SMI objects at a time. Enabling it for another control plane of the same namespace
/// (the next revision of a mesh) moves it there: what is in force stays.
Status RefuseOtherControllers(Attempt& attempt, const MeshPlace& place) {
  const kube::Selection configs{"", ControllerSelector(kConfigValue), ""};
  MP_TRY(const kube::ObjectList maps, attempt.kube().List(kConfigMap, configs, attempt.call()));
  for (const json& map : maps.items) {
    if (kube::NameOf(map) != kConfigName) continue;
    const auto settings = ReadSettings(map);
    const std::string mesh_type = kube::LabelOf(map, common::kMeshLabel);
    if (mesh_type == attempt.mesh_type() && kube::NamespaceOf(map) == place.name_space) continue;
    const std::string mesh = mesh_type + " " + (settings ? settings->mesh_key : kube::NamespaceOf(map));
    return FailedPrecondition("SMI_CONTROLLER_ELSEWHERE", "the SMI objects of this cluster are kept in step on " + mesh)
        .WithRemediation("Run smi.controller.disable for that mesh first.")
        .WithMetadata("mesh", mesh);
  }
  return {};
}

Result<Settings> ReadWish(Attempt& attempt, const MeshTraits& traits, const MeshPlace& place) {
  Settings settings;
  settings.mesh_key = place.mesh_key;
  const json namespaces = attempt.parameters().value("namespaces", json::array());
  for (const json& name : namespaces) settings.namespaces.push_back(name.get<std::string>());
  std::sort(settings.namespaces.begin(), settings.namespaces.end());
  settings.namespaces.erase(std::unique(settings.namespaces.begin(), settings.namespaces.end()),
                            settings.namespaces.end());
  const json options = attempt.parameters().value("options", json::object());
  for (const auto& [name, value] : options.items()) {
    settings.options[name] = value.is_boolean() ? (value.get<bool>() ? "true" : "false") : value.get<std::string>();
  }
  MP_TRY(settings.grace, ParseDuration(attempt.Text("gracePeriod", "60s")));
  if (settings.grace.count() < 0 || settings.grace > kMostGrace) {
    return InvalidArgument("PARAMETERS_INVALID", "the grace period is at most 24 h")
        .WithViolation("/gracePeriod", "0 s to 24 h");
  }
  settings.events = attempt.Flag("events", true);
  const auto tried = traits.emitter.emit({}, {}, settings.options);
  if (!tried) return tried.error();
  return settings;
}

/// The definitions to be there by us: none in a group that somebody else has begun. A new version in a group can change
/// which one its clients take for the preferred one.
std::vector<json> Definitions(const StoredObjects& stored, bool install, std::vector<pb::Diagnostic>& diagnostics) {
  std::map<std::string, std::string> strangers;  // group to one of its definitions
  std::map<std::string, const json*> by_name;
  for (const auto& object : stored) {
    by_name[kube::NameOf(*object)] = object.get();
    if (common::OwnerOf(*object) != kOwner)
      strangers.emplace(kube::TextAt(*object, "/spec/group"), kube::NameOf(*object));
  }
  std::vector<json> out;
  for (json& definition : SmiDefinitions()) {
    const std::string name = kube::NameOf(definition), group = kube::TextAt(definition, "/spec/group");
    const bool missing = by_name.count(name) == 0;
    const auto stranger = strangers.find(group);
    if (stranger == strangers.end() && (install || !missing)) {
      out.push_back(std::move(definition));
    } else if (missing) {
      const std::string why = stranger == strangers.end()
                                  ? "it is not to be installed"
                                  : "the group " + group + " is somebody else's (" + stranger->second + ")";
      diagnostics.push_back(
          common::MakeDiagnostic(pb::SEVERITY_WARNING, "SMI_DEFINITION_MISSING", name + " stays missing: " + why));
    }
  }
  return out;
}

class Enable final : public common::SetOperation {
 public:
  Enable(MeshTraits traits, FindMesh find) : traits_(std::move(traits)), find_(std::move(find)) {}

  pb::OperationDescriptor descriptor() const override {
    auto out = common::Describe(
        "smi.controller.enable", pb::OPERATION_CATEGORY_CONFIGURE, "Enable in-cluster SMI",
        "Installs the SMI custom resources where they are missing and keeps the translation of every SMI "
        "object of the cluster in step from now on.",
        kSchema);
    out.set_inverse_type("smi.controller.disable");
    return out;
  }

 protected:
  Result<common::SetJob> Prepare(Attempt& attempt) const override {
    MP_TRY(const MeshPlace place, find_(attempt));
    MP_TRY(const Settings settings, ReadWish(attempt, traits_, place));
    MP_TRY(StoredObjects definitions, ListNow(attempt.kube(), kDefinition, attempt.call()));
    const auto other = [](const std::shared_ptr<const json>& object) {
      const std::string group = kube::TextAt(*object, "/spec/group");
      return std::none_of(SmiKinds().begin(), SmiKinds().end(),
                          [&](const SmiKind& kind) { return kind.group == group; });
    };
    definitions.erase(std::remove_if(definitions.begin(), definitions.end(), other), definitions.end());
    MP_CHECK(RefuseNativeConsumers(attempt, definitions));
    MP_CHECK(RefuseOtherControllers(attempt, place));
    common::SetJob job;
    job.name = {"smi-controller", kOwner, attempt.mesh_type(), place.name_space, kFieldManager};
    job.wish.prune = true;
    job.wish.force = true;  // a person may have edited the ConfigMap, or brought a definition back
    job.wish.objects = Definitions(definitions, attempt.Flag("installDefinitions", true), job.diagnostics);
    job.wish.objects.push_back(ConfigObject(settings, attempt.mesh_type(), place.name_space));
    job.output = {{"mesh_key", place.mesh_key}, {"definitions", job.wish.objects.size() - 1}};
    job.wait_until_ready = true;
    return job;
  }

 private:
  const MeshTraits traits_;
  const FindMesh find_;
};

}  // namespace

std::unique_ptr<common::Operation> MakeEnable(MeshTraits traits, FindMesh find) {
  return std::make_unique<Enable>(std::move(traits), std::move(find));
}

}  // namespace meshplay::controller
