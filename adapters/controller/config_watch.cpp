#include "adapters/controller/internal/config_watch.h"

#include <map>

#include "libs/base/log.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

const kube::Gvk kConfigMap{"", "v1", "ConfigMap"};

std::optional<Enabled> EnabledBy(const std::map<std::string, json>& maps, std::optional<Error>& trouble) {
  for (const auto& [name_space, object] : maps) {
    if (kube::NameOf(object) != kConfigName || kube::IsBeingDeleted(object)) continue;
    auto settings = ReadSettings(object);
    if (settings) {
      trouble.reset();
      return Enabled{name_space, std::move(*settings)};
    }
    trouble = settings.error();
    LogWarning("the SMI controller cannot be told what to do",
               {{log_key::kReason, settings.error().reason()}, {log_key::kError, settings.error().message()}});
  }
  return std::nullopt;
}

}  // namespace

ConfigWatch::ConfigWatch(kube::Client& client, const std::string& mesh_type) {
  kube::ReflectorOptions options;
  options.selection.label_selector = ControllerSelector(kConfigValue, mesh_type);
  kube::ReflectorHandlers handlers;
  handlers.replaced = [this](const std::vector<json>& objects) {
    std::map<std::string, json> maps;
    for (const json& object : objects) maps[kube::NamespaceOf(object)] = object;
    Take(std::move(maps));
  };
  handlers.changed = [this](kube::ChangeKind kind, const json& object) {
    std::unique_lock lock(mutex_);
    std::map<std::string, json> maps = maps_;
    lock.unlock();
    if (kind == kube::ChangeKind::kDeleted) {
      maps.erase(kube::NamespaceOf(object));
    } else {
      maps[kube::NamespaceOf(object)] = object;
    }
    Take(std::move(maps));
  };
  reflector_ = std::make_unique<kube::Reflector>(client, kConfigMap, std::move(handlers), options);
}

ConfigWatch::~ConfigWatch() = default;

void ConfigWatch::Take(std::map<std::string, json> maps) {
  std::optional<Error> trouble;
  auto enabled = EnabledBy(maps, trouble);
  const std::lock_guard lock(mutex_);
  maps_ = std::move(maps);
  now_ = std::move(enabled);
  trouble_ = std::move(trouble);
  if (watched_ && (!now_ || *now_ != watched_->first)) {
    watched_->second.request_stop();
    watched_.reset();
  }
  changed_.notify_all();
}

std::optional<Enabled> ConfigWatch::WaitUntilEnabled(const std::stop_token& stop, const TellTrouble& tell) {
  std::optional<Error> told;
  const auto text = [](const std::optional<Error>& error) { return error ? error->ToString() : std::string(); };
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return now_.has_value() || text(trouble_) != text(told); })) {
    if (now_) return now_;
    told = trouble_;
    lock.unlock();
    tell(told);
    lock.lock();
  }
  return std::nullopt;
}

void ConfigWatch::StopWhenOther(const Enabled& known, std::stop_source source) {
  const std::lock_guard lock(mutex_);
  if (!now_ || *now_ != known) {
    source.request_stop();
  } else {
    watched_.emplace(known, std::move(source));
  }
}

std::optional<Enabled> ConfigWatch::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

Result<std::optional<Enabled>> ConfigWatch::Ask(kube::Client& client, const std::string& mesh_type,
                                                const kube::Call& call) {
  MP_TRY(const kube::ObjectList found,
         client.List(kConfigMap, {"", ControllerSelector(kConfigValue, mesh_type), ""}, call));
  std::map<std::string, json> maps;
  for (const json& object : found.items) maps[kube::NamespaceOf(object)] = object;
  std::optional<Error> ignored;
  return EnabledBy(maps, ignored);
}

}  // namespace meshplay::controller
