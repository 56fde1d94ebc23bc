#include "adapters/conformance/scratch.h"

#include <unistd.h>
#include <array>
#include <charconv>

#include "adapters/common/ownership.h"
#include "libs/base/ids.h"
#include "libs/base/log.h"

namespace meshplay::conformance {
namespace {

using nlohmann::json;

constexpr std::size_t kShortHash = 10;
constexpr std::chrono::milliseconds kDeleteTimeout{9'000};

std::int64_t NowSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool IsExpired(const json& name_space) {
  const std::string text = kube::AnnotationOf(name_space, kExpiresAnnotation);
  std::int64_t at = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), at);
  return code == std::errc() && end == text.data() + text.size() && at < NowSeconds();
}

kube::ObjectRef NamespaceRef(const std::string& name) {
  return {{"", "v1", "Namespace"}, "", name};
}

}  // namespace

Holder ThisHolder(const std::string& place) {
  static const std::string kProcess = NewUuidV4();
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return {Sha256Hex(std::string(host.data()) + "\n" + place).substr(0, 2 * kShortHash), kProcess};
}

std::string ScratchName(const ScratchOptions& options, const char* part) {
  return "meshplay-conformance-" + Sha256Hex(options.run_id).substr(0, kShortHash) + "-" +
         std::to_string(options.attempt) + "-" + part;
}

json ScratchNamespace(const ScratchOptions& options, const std::string& name, const json& labels,
                      const json& annotations) {
  json object = common::NamespaceObject(name, common::LabelValue("conformance-" + options.run_id), options.mesh_type);
  json& metadata = object["metadata"];
  metadata["labels"].update(labels);
  metadata["labels"][kRunLabel] = common::LabelValue(options.run_id);
  metadata["annotations"] = annotations;
  metadata["annotations"][kExpiresAnnotation] = std::to_string(NowSeconds() + options.lifetime.count());
  metadata["annotations"][kHolderAnnotation] = options.holder.name;
  metadata["annotations"][kProcessAnnotation] = options.holder.process;
  return object;
}

Result<std::vector<std::string>> SweepScratch(kube::Client& client, const std::string& mesh_type, const Holder& holder,
                                              const std::string& run_id, const kube::Call& call) {
  const std::string selector = std::string(kRunLabel) + "," + common::kMeshLabel + "=" + mesh_type + "," +
                               common::kManagedByLabel + "=" + common::kManagedByValue;
  MP_TRY(const kube::ObjectList list, client.List({"", "v1", "Namespace"}, {"", selector, ""}, call));
  std::vector<std::string> names;
  for (const json& name_space : list.items) {
    const bool own_run = !run_id.empty() && kube::LabelOf(name_space, kRunLabel) == common::LabelValue(run_id);
    const bool dead = kube::AnnotationOf(name_space, kHolderAnnotation) == holder.name &&
                      kube::AnnotationOf(name_space, kProcessAnnotation) != holder.process;
    if (!own_run && !dead && !IsExpired(name_space)) continue;
    names.push_back(kube::NameOf(name_space));
    if (kube::IsBeingDeleted(name_space)) continue;
    kube::DeleteOptions options;
    options.uid = kube::UidOf(name_space);
    const auto gone =
        client.Delete(NamespaceRef(names.back()), options, {.stop = call.stop, .timeout = kDeleteTimeout});
    if (!gone && gone.error().reason() != "OBJECT_CONFLICT") return gone.error();
    LogInfo("a scratch namespace that was left behind is removed", {{"namespace", names.back()}});
  }
  return names;
}

Status RemoveScratch(kube::Client& client, const std::vector<std::string>& names, std::chrono::milliseconds wait) {
  // Both are asked for before either is waited for.
  std::string why;
  for (const std::string& name : names) {
    const auto asked = client.Delete(NamespaceRef(name), {}, {.timeout = kDeleteTimeout});
    if (!asked) why = asked.error().message();
  }
  const auto until = std::chrono::steady_clock::now() + wait;
  for (const std::string& name : names) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    const Status gone = client.DeleteAndWait(NamespaceRef(name), {}, std::max(left, std::chrono::milliseconds(500)));
    if (!gone) why = name + ": " + gone.error().message();
    if (gone) continue;
    return FailedPrecondition("SCRATCH_NOT_REMOVED", "a scratch namespace is not gone yet: " + why)
        .WithMetadata("namespace", name)
        .WithRemediation("Its deletion was asked for; look at what holds it up, for example a finalizer.");
  }
  return {};
}

}  // namespace meshplay::conformance
