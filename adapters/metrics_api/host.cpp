#include "adapters/metrics_api/host.h"

#include <algorithm>
#include <condition_variable>

#include "adapters/common/ownership.h"
#include "adapters/kube/readiness.h"
#include "adapters/kube/reflector.h"
#include "libs/base/base64.h"
#include "libs/base/log.h"

namespace meshplay::metrics_api {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::chrono::hours kAuthorityLives{10 * 366 * 24};
constexpr std::chrono::hours kLeafLives{366 * 24};
constexpr milliseconds kMostForOneWrite{9'000};
constexpr milliseconds kLookAgain{30'000};      ///< At APIServices that were right.
constexpr milliseconds kUntilReached{5'000};    ///< While the API server does not reach this process.
constexpr milliseconds kUntilItIsRight{1'000};  ///< While the lease or an APIService is not there yet.

const kube::Gvk kConfigMap{"", "v1", "ConfigMap"};

/// Keeps the newest state of the ConfigMaps that a selection finds, by namespace and name.
class MapWatch {
 public:
  MapWatch(kube::Client& client, const kube::Selection& selection, std::function<void()> changed)
      : changed_(std::move(changed)) {
    kube::ReflectorOptions options;
    options.selection = selection;
    kube::ReflectorHandlers handlers;
    handlers.replaced = [this](const std::vector<json>& objects) {
      std::map<std::string, json> maps;
      for (const json& object : objects) maps[KeyOf(object)] = object;
      Take([&](auto& kept) { kept = std::move(maps); });
    };
    handlers.changed = [this](kube::ChangeKind kind, const json& object) {
      Take([&](auto& kept) {
        kept.erase(KeyOf(object));
        if (kind != kube::ChangeKind::kDeleted) kept[KeyOf(object)] = object;
      });
    };
    handlers.failed = [](const Error& error, milliseconds) {
      LogWarning("a ConfigMap of the SMI metrics API cannot be watched", {{log_key::kReason, error.reason()}});
    };
    reflector_ = std::make_unique<kube::Reflector>(client, kConfigMap, std::move(handlers), options);
  }

  /// The map of that name which is not being deleted; null when there is none.
  json Find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, object] : maps_) {
      if (kube::NameOf(object) == name && !kube::IsBeingDeleted(object)) return object;
    }
    return nullptr;
  }

 private:
  static std::string KeyOf(const json& object) { return kube::NamespaceOf(object) + "/" + kube::NameOf(object); }
  void Take(const std::function<void(std::map<std::string, json>&)>& change) {
    {
      const std::lock_guard lock(mutex_);
      change(maps_);
    }
    changed_();
  }

  const std::function<void()> changed_;
  mutable std::mutex mutex_;
  std::map<std::string, json> maps_;
  std::unique_ptr<kube::Reflector> reflector_;  ///< Last: it calls this object.
};

/// Wakes a loop when something has changed.
class Wake {
 public:
  void Set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    woken_.notify_all();
  }
  void Wait(const std::stop_token& stop, milliseconds time) {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, stop, time, [this] { return set_; });
    set_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any woken_;
  bool set_ = false;
};

/// Tells what is new.
class Teller {
 public:
  explicit Teller(const Reporter& report) : report_(report) {}
  bool Tell(const MetricsApiReport& now) const {
    if (now == told_) return false;
    told_ = now;
    report_(now);
    return true;
  }

 private:
  const Reporter& report_;
  mutable MetricsApiReport told_;
};

MetricsApiReport Look(kube::Client& client, const Settings& settings, const std::string& mesh_type,
                      const std::stop_token& stop) {
  std::vector<json> services;
  for (const metrics::Version version : settings.versions) {
    auto stored = client.Find(ApiServiceRef(version), {.stop = stop});
    if (!stored) return {true, settings.mesh_key, stored.error().reason(), "the APIServices cannot be read"};
    services.push_back(*stored ? std::move(**stored) : json());
  }
  return ReportOf(settings, mesh_type, services);
}

}  // namespace

std::optional<adapter::v1::Condition> ConditionOf(const MetricsApiReport& report) {
  if (!report.enabled) return std::nullopt;
  adapter::v1::Condition condition;
  condition.set_type("SmiMetricsApi");
  const bool well = report.trouble_reason.empty();
  condition.set_status(well ? adapter::v1::CONDITION_STATUS_TRUE : adapter::v1::CONDITION_STATUS_FALSE);
  condition.set_reason(well ? "Served" : report.trouble_reason);
  condition.set_message(report.message);
  return condition;
}

MetricsApiReport ReportOf(const Settings& settings, const std::string& mesh_type, const std::vector<json>& services) {
  MetricsApiReport report{true, settings.mesh_key, "", ""};
  for (std::size_t i = 0; i < services.size(); ++i) {
    const std::string name = ApiServiceRef(settings.versions[i]).name;
    const json& service = services[i];
    if (service.is_null()) {
      report.trouble_reason = "APIServiceMissing";
      report.message = "somebody has removed the APIService " + name;
      return report;
    }
    if (common::OwnerOf(service) != kOwner || !common::IsOurs(service, mesh_type)) {
      report.trouble_reason = "APIServiceTaken";
      report.message = "the APIService " + name + " belongs to somebody else";
      return report;
    }
    const kube::HealthVerdict verdict = kube::JudgeHealth(service);
    if (verdict.health == kube::Health::kHealthy) continue;
    report.trouble_reason = "Unavailable";
    report.message = "the API server does not reach the adapter: " + name + ": " + verdict.message;
    return report;
  }
  report.message = "metrics.smi-spec.io is served";
  return report;
}

Result<std::shared_ptr<MetricsApiHost>> MetricsApiHost::Start(const std::string& listen, MeshSide mesh) {
  std::shared_ptr<MetricsApiHost> host(new MetricsApiHost(std::move(mesh)));
  if (listen.empty()) return host;
  MP_TRY(host->authority_,
         NewCertificateAuthority("meshplay-smi-metrics-ca", kAuthorityLives, host->clock_.NowUnixMs()));
  host->names_ = {"localhost"};  // a certificate needs a name; nobody is asked to trust this one
  MP_TRY(const KeyPair leaf, host->NewLeaf());
  http::ServerOptions options;
  options.listen = listen;
  MP_TRY(host->server_, http::HttpsServer::Start(options, leaf, host->door_));
  host->renew_at_ = host->clock_.NowUnixMs() + milliseconds(kLeafLives).count() / 3 * 2;
  LogInfo("the SMI metrics API is ready to be asked", {{"address", host->address()}});
  return host;
}

Result<KeyPair> MetricsApiHost::NewLeaf() const {
  CertificateRequest request;
  request.common_name = kServiceName;
  request.dns_names.assign(names_.begin(), names_.end());
  request.lifetime = kLeafLives;
  request.server_auth = true;
  return IssueKeyPair(authority_, request, clock_.NowUnixMs());
}

Result<std::string> MetricsApiHost::AuthorityFor(const std::string& server_name) {
  const std::lock_guard lock(mutex_);
  if (names_.insert(server_name).second) {
    auto leaf = NewLeaf();
    Status used = leaf ? server_->UseCertificate(*leaf) : Status(leaf.error());
    if (!used) {
      names_.erase(server_name);
      return used.error();
    }
    renew_at_ = clock_.NowUnixMs() + milliseconds(kLeafLives).count() / 3 * 2;
  }
  return authority_.certificate_chain_pem;
}

Status MetricsApiHost::RenewIfDue() {
  const std::lock_guard lock(mutex_);
  if (clock_.NowUnixMs() < renew_at_) return {};
  MP_TRY(const KeyPair leaf, NewLeaf());
  MP_CHECK(server_->UseCertificate(leaf));
  renew_at_ = clock_.NowUnixMs() + milliseconds(kLeafLives).count() / 3 * 2;
  return {};
}

/// An APIService that somebody has removed stays away: that is how people get out of its way.
Status MetricsApiHost::KeepAuthority(kube::Client& client, const std::string& cluster_uid, const Settings& settings,
                                     const std::stop_token& stop) {
  MP_CHECK(RenewIfDue());
  MP_TRY(const std::string authority, AuthorityFor(settings.ServerName()));
  for (const metrics::Version version : settings.versions) {
    MP_TRY(const auto stored, client.Find(ApiServiceRef(version), {.stop = stop}));
    if (!stored || common::OwnerOf(*stored) != kOwner || !common::IsOurs(*stored, mesh_.mesh_type)) continue;
    if (kube::TextAt(*stored, "/spec/caBundle") == Base64Encode(authority)) continue;
    const sdk::AdapterLink* link = link_.load();
    const milliseconds left = link != nullptr && link->Serves(cluster_uid) ? link->lease_left() : milliseconds(0);
    if (left <= milliseconds(0)) return Unavailable("LEASE_EXPIRED", "waiting for the server's lease");
    json object = ApiServiceObject(settings, version, mesh_.mesh_type, authority);
    // Only this incarnation: what is removed meanwhile must not come back.
    object["metadata"]["uid"] = kube::UidOf(*stored);
    kube::ApplyOptions options;
    options.field_manager = kFieldManager;
    options.force = true;
    MP_CHECK(client.Apply(object, options, {.stop = stop, .timeout = std::min(left, kMostForOneWrite)}));
    LogInfo("the API server knows this process's certificate", {{"object", kube::NameOf(object)}});
  }
  return {};
}

void MetricsApiHost::RunDeaf(kube::Client& client, const Reporter& report, const std::stop_token& stop) {
  Wake wake;
  const MapWatch configs(client, {"", OwnSelector(mesh_.mesh_type), ""}, [&wake] { wake.Set(); });
  const Teller teller(report);
  while (!stop.stop_requested()) {
    wake.Wait(stop, kLookAgain);
    const auto settings = ReadSettings(configs.Find(kConfigName));
    if (!settings) {
      teller.Tell({});
      continue;
    }
    if (teller.Tell({true, settings->mesh_key, "NotListening",
                     "enabled, but the adapter's process listens nowhere (--metrics-api-listen)"})) {
      LogWarning("the SMI metrics API is enabled, but this process listens nowhere (--metrics-api-listen)");
    }
  }
}

void MetricsApiHost::Run(const std::string& cluster_uid, const std::shared_ptr<kube::Client>& client,
                         const Reporter& report, const std::stop_token& stop) {
  if (!listening()) return RunDeaf(*client, report, stop);
  const Teller teller(report);
  Wake wake;
  const auto changed = [&wake] { wake.Set(); };
  const MapWatch configs(*client, {"", OwnSelector(mesh_.mesh_type), ""}, changed);
  const MapWatch trust(*client, {"kube-system", "", "metadata.name=extension-apiserver-authentication"}, changed);
  const auto reviews = std::make_shared<Reviews>(client, clock_);
  json known_trust;
  std::shared_ptr<const FrontProxy> proxy;
  milliseconds pause = kLookAgain;
  while (!stop.stop_requested()) {
    wake.Wait(stop, pause);
    pause = kLookAgain;
    if (const json now = trust.Find("extension-apiserver-authentication"); now != known_trust) {
      known_trust = now;
      auto read = FrontProxy::Read(now);
      proxy = read ? *read : nullptr;
      if (!read) LogWarning("nobody can be authenticated", {{log_key::kReason, read.error().reason()}});
    }
    const json config = configs.Find(kConfigName);
    const auto settings = ReadSettings(config);
    if (config.is_null() || !settings || !proxy) {
      door_.Remove(cluster_uid);
      if (config.is_null() || !settings) {
        teller.Tell({});
      } else {
        teller.Tell({true, settings->mesh_key, "NobodyCanBeAuthenticated",
                     "the cluster does not say how its API server proves who it is"});
      }
      continue;
    }
    door_.Put(cluster_uid, {client, proxy, reviews, settings->mesh_key, settings->versions});
    const Status kept = KeepAuthority(*client, cluster_uid, *settings, stop);
    const MetricsApiReport now = Look(*client, *settings, mesh_.mesh_type, stop);
    teller.Tell(now);
    if (now.trouble_reason == "Unavailable") pause = kUntilReached;
    if (kept) continue;
    pause = kUntilItIsRight;
    if (kept.error().reason() == "LEASE_EXPIRED" || stop.stop_requested()) continue;
    LogWarning("the API server cannot be told this process's certificate", {{log_key::kReason, kept.error().reason()}});
  }
  door_.Remove(cluster_uid);
}

}  // namespace meshplay::metrics_api
