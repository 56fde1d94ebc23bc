#include "adapters/common/kept_lists.h"

#include <condition_variable>
#include <mutex>

namespace meshplay::common {
namespace {

using nlohmann::json;

const kube::Gvk& Definitions() {
  static const kube::Gvk kGvk{"apiextensions.k8s.io", "v1", "CustomResourceDefinition"};
  return kGvk;
}

std::string KeyOf(const json& object) {
  return kube::NamespaceOf(object) + "/" + kube::NameOf(object);
}

/// Schemas are large and of no use here.
void TrimDefinition(json& object) {
  const bool has_versions = object.contains("spec") && object["spec"].is_object() &&
                            object["spec"].contains("versions") && object["spec"]["versions"].is_array();
  if (!has_versions) return;
  for (json& version : object["spec"]["versions"]) {
    if (version.is_object()) version.erase("schema");
  }
}

bool Serves(const json& definition, const kube::Gvk& gvk) {
  if (kube::TextAt(definition, "/spec/group") != gvk.group) return false;
  if (kube::TextAt(definition, "/spec/names/kind") != gvk.kind || kube::IsBeingDeleted(definition)) return false;
  const json& versions = kube::ValueAt(definition, "/spec/versions");
  for (const json& version : versions.is_array() ? versions : json::array()) {
    if (kube::TextAt(version, "/name") == gvk.version && kube::ValueAt(version, "/served") == json(true)) return true;
  }
  return false;
}

}  // namespace

struct KeptLists::Shared {
  mutable std::mutex mutex;
  std::condition_variable_any changed;
  std::map<kube::Gvk, List> lists;
  std::set<kube::Gvk> awaited;  ///< Watched, not listed yet.
  std::set<kube::Gvk> listed;   ///< As the server told.
  std::set<kube::Gvk> dirty;
  bool was_complete = false;
};

KeptLists::KeptLists(kube::Client& client, KeptListsOptions options)
    : client_(client), options_(std::move(options)), shared_(std::make_shared<Shared>()) {
  for (const kube::Gvk& gvk : options_.always) Watch(gvk);
  if (!options_.when_defined.empty()) Watch(Definitions());
}

KeptLists::~KeptLists() = default;

void KeptLists::Watch(const kube::Gvk& gvk) {
  if (reflectors_.count(gvk) != 0) return;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->awaited.insert(gvk);
  }
  const auto kept = [this, gvk](const json& object) {
    json copy = object;
    if (gvk == Definitions()) TrimDefinition(copy);
    if (options_.trim) options_.trim(copy);
    return std::make_shared<const json>(std::move(copy));
  };
  Shared* shared = shared_.get();
  kube::ReflectorHandlers handlers;
  handlers.replaced = [shared, gvk, kept](const std::vector<json>& objects) {
    List list;
    for (const json& object : objects) list[KeyOf(object)] = kept(object);
    const std::lock_guard lock(shared->mutex);
    shared->lists[gvk] = std::move(list);
    shared->awaited.erase(gvk);
    shared->listed.insert(gvk);
    shared->dirty.insert(gvk);
    shared->changed.notify_all();
  };
  handlers.changed = [shared, gvk, kept](kube::ChangeKind kind, const json& object) {
    auto now = kind == kube::ChangeKind::kDeleted ? nullptr : kept(object);
    const std::lock_guard lock(shared->mutex);
    List& list = shared->lists[gvk];
    if (now) {
      list[KeyOf(object)] = std::move(now);
    } else {
      list.erase(KeyOf(object));
    }
    shared->dirty.insert(gvk);
    shared->changed.notify_all();
  };
  handlers.failed = [shared, gvk](const Error& error, std::chrono::milliseconds) {
    // A kind that is not served (any more) has no objects; every other failure leaves the list as it was last seen.
    if (error.reason() != "KIND_UNKNOWN") return;
    const std::lock_guard lock(shared->mutex);
    const bool news = shared->awaited.erase(gvk) != 0 || !shared->lists[gvk].empty();
    if (news) shared->dirty.insert(gvk);
    shared->lists[gvk].clear();
    shared->listed.erase(gvk);
    shared->changed.notify_all();
  };
  reflectors_[gvk] = std::make_unique<kube::Reflector>(client_, gvk, std::move(handlers));
}

void KeptLists::FollowDefinitions() {
  const List definitions = Objects(Definitions());
  bool dropped = false;
  for (const kube::Gvk& gvk : options_.when_defined) {
    bool defined = false;
    for (const auto& [name, definition] : definitions) defined = defined || Serves(*definition, gvk);
    if (defined && reflectors_.count(gvk) == 0) {
      if (!dropped) client_.DropDiscovery();
      dropped = true;
      Watch(gvk);
    } else if (!defined && reflectors_.count(gvk) != 0) {
      reflectors_.erase(gvk);  // joins its thread
      const std::lock_guard lock(shared_->mutex);
      shared_->awaited.erase(gvk);
      shared_->listed.erase(gvk);
      if (!shared_->lists[gvk].empty()) shared_->dirty.insert(gvk);
      shared_->lists[gvk].clear();
    }
  }
}

std::set<kube::Gvk> KeptLists::WaitForChange(const std::stop_token& stop) {
  constexpr std::chrono::hours kLong{24};
  while (!stop.stop_requested()) {
    std::set<kube::Gvk> dirty = WaitForChange(stop, kLong);
    if (!dirty.empty()) return dirty;
  }
  return {};
}

std::set<kube::Gvk> KeptLists::WaitForChange(const std::stop_token& stop, std::chrono::milliseconds at_most) {
  return WaitUntil(stop, std::chrono::steady_clock::now() + at_most);
}

bool KeptLists::Complete() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->was_complete;
}

std::set<kube::Gvk> KeptLists::WaitUntil(const std::stop_token& stop, std::chrono::steady_clock::time_point end) {
  Shared& shared = *shared_;
  const auto worth_a_look = [&shared] {
    const bool whole = shared.was_complete || shared.awaited.empty();
    return shared.dirty.count(Definitions()) != 0 || (whole && !shared.dirty.empty());
  };
  bool definitions_changed = false;
  std::unique_lock lock(shared.mutex);
  while (true) {
    if (!shared.changed.wait_until(lock, stop, end, worth_a_look)) return {};
    shared.changed.wait_for(lock, stop, options_.quiet, [] { return false; });
    if (stop.stop_requested()) return {};
    if (shared.dirty.erase(Definitions()) != 0) {
      definitions_changed = true;
      lock.unlock();
      FollowDefinitions();
      lock.lock();
    }
    if (!shared.was_complete && !shared.awaited.empty()) continue;  // the first picture is told when it is whole
    shared.was_complete = true;
    std::set<kube::Gvk> dirty;
    dirty.swap(shared.dirty);
    if (definitions_changed && options_.tell_definitions) dirty.insert(Definitions());
    if (!dirty.empty()) return dirty;
  }
}

bool KeptLists::Listed(const kube::Gvk& gvk) const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->listed.count(gvk) != 0;
}

KeptLists::List KeptLists::Objects(const kube::Gvk& gvk) const {
  const std::lock_guard lock(shared_->mutex);
  const auto found = shared_->lists.find(gvk);
  return found == shared_->lists.end() ? List() : found->second;
}

}  // namespace meshplay::common
