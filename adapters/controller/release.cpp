#include "adapters/controller/release.h"

#include "adapters/controller/internal/cluster_view.h"
#include "adapters/controller/smi_kinds.h"
#include "adapters/controller/verdicts.h"

namespace meshplay::controller {

using nlohmann::json;

Result<StoredObjects> ListSmiObjects(kube::Client& client, const kube::Call& call) {
  StoredObjects objects;
  for (const SmiKind& kind : SmiKinds()) {
    MP_TRY(const auto served, client.FindKind(kind.group, kind.kind, call));
    if (!served) continue;
    MP_TRY(StoredObjects listed, ListNow(client, served->gvk, call));
    objects.insert(objects.end(), listed.begin(), listed.end());
  }
  return objects;
}

std::vector<Release> ReleasesOf(const StoredObjects& smi_objects) {
  std::vector<Release> releases;
  for (const auto& object : smi_objects) {
    Release release{kube::RefOf(*object), *object, nullptr, nullptr};
    if (!kube::AnnotationOf(*object, kStatusAnnotation).empty()) {
      release.patch["metadata"]["annotations"][kStatusAnnotation] = nullptr;
    }
    if (HasFinalizer(*object)) {
      release.patch["metadata"]["finalizers"] = OtherFinalizers(*object);
      release.patch["metadata"]["resourceVersion"] = kube::ResourceVersionOf(*object);
    }
    const json& status = kube::ValueAt(*object, "/status");
    const bool told = status.is_object() && status.contains("meshType") && status.contains("state");
    if (told) release.status_patch = StatusRemoval(status);
    if (!release.patch.is_null() || told) releases.push_back(std::move(release));
  }
  return releases;
}

Status ReleaseFinalizers(kube::Client& client, const WriteFunction& write, const kube::Call& call) {
  MP_TRY(const StoredObjects objects, ListSmiObjects(client, call));
  for (const auto& object : objects) {
    if (!HasFinalizer(*object)) continue;
    const json patch = {
        {"metadata",
         {{"finalizers", OtherFinalizers(*object)}, {"resourceVersion", kube::ResourceVersionOf(*object)}}}};
    MP_CHECK(write([&](std::chrono::milliseconds time) -> Status {
      const auto patched =
          client.MergePatch(kube::RefOf(*object), patch, {.field_manager = kFieldManager}, {call.stop, time});
      if (!patched && patched.error().reason() != "OBJECT_NOT_FOUND") return patched.error();
      return {};
    }));
  }
  return {};
}

}  // namespace meshplay::controller
