#include "server/app/app.h"

#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "libs/base/clock.h"
#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/log.h"
#include "server/app/openapi_document.h"
#include "server/app/version.h"
#include "server/engine/engine.h"
#include "server/hub/hub.h"
#include "server/inventory/inventory.h"
#include "server/policy/policies.h"
#include "server/rest/rest_door.h"
#include "server/rpc/rpc_door.h"
#include "server/security/authority.h"
#include "server/security/enrollment.h"
#include "server/security/sealer.h"
#include "server/security/tokens.h"
#include "server/services/api.h"
#include "server/store/sqlite_store.h"

namespace meshplay::app {

namespace {

constexpr std::int64_t kDayMs = 86'400'000;

/// Deletes what is older than its retention, a thousand rows a step, once a minute.
class Janitor {
 public:
  Janitor(store::Store& store, const Clock& clock, const Config& config)
      : store_(store), clock_(clock), config_(config), thread_([this] { Run(); }) {}
  ~Janitor() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::minutes(1), [this] { return stopping_; })) {
      lock.unlock();
      Sweep();
      lock.lock();
    }
  }
  void Sweep() {
    const UnixMs now = clock_.NowUnixMs();
    const auto before = [now](std::uint64_t days) { return now - static_cast<std::int64_t>(days) * kDayMs; };
    for (int step = 0; step < 100; ++step) {
      std::uint64_t deleted = 0;
      const Status status = store_.Write([&](store::Transaction& transaction) -> Status {
        MP_TRY(deleted,
               transaction.DeleteExpired(before(config_.events_keep_days), before(config_.operations_keep_days),
                                         before(config_.audit_keep_days), now, 1'000));
        return {};
      });
      if (!status || deleted == 0) return;
    }
  }

  store::Store& store_;
  const Clock& clock_;
  const Config& config_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

/// 0 to 1, for jitter.
double RandomShare() {
  const std::string bytes = RandomBytes(2);
  const auto high = static_cast<unsigned char>(bytes[0]);
  const auto low = static_cast<unsigned char>(bytes[1]);
  return (high * 256.0 + low) / 65'535.0;
}

std::vector<std::string> SplitNames(const std::string& text) {
  std::vector<std::string> names;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    if (end > start) names.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return names;
}

/// Adapters, REST and event clients each hold a descriptor; raise the soft limit as far as allowed.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 8'192)
    LogWarning("few file descriptors", {{"limit", static_cast<std::uint64_t>(limit.rlim_cur)}});
}

Status HandOutFirstToken(security::TokenAuthority& tokens, const std::string& path) {
  MP_TRY(const auto token, tokens.EnsureFirstToken());
  if (!token) return {};
  if (!path.empty()) {
    const Status written = WriteFileAtomically(path, token->Reveal() + "\n", 0600);
    if (written) return {};
    // Only its hash is stored: what is not shown now is lost for ever.
    LogWarning("the admin token file cannot be written", {{log_key::kReason, written.error().reason()}});
  }
  std::cout << "First start: the admin token, shown only now:\n" << token->Reveal() << std::endl;
  return {};
}

}  // namespace

/// Members in start order; destruction is the reverse.
struct App::Parts {
  explicit Parts(const Config& given) : config(given) {}
  const Config config;
  SystemClock clock;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<security::CertificateAuthority> authority;
  std::unique_ptr<security::Sealer> sealer;
  std::unique_ptr<security::TokenAuthority> tokens;
  std::unique_ptr<security::Enrollment> enrollment;
  std::unique_ptr<inventory::Inventory> inventory;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<policy::Policies> policies;
  std::unique_ptr<hub::Hub> hub;
  std::unique_ptr<services::Api> api;
  std::unique_ptr<rest::RestDoor> rest;
  std::unique_ptr<rpc::RpcDoor> rpc;
  std::unique_ptr<Janitor> janitor;

  Status OpenData();
  Status OpenCore();
  Status OpenHub();
  Status OpenDoors();
};

Status App::Parts::OpenData() {
  MP_CHECK(MakeDirectory(config.data_dir, 0700));
  store::SqliteOptions options;
  options.path = config.data_dir + "/meshplay.db";
  MP_TRY(store, store::OpenSqliteStore(options));
  MP_TRY(security::CertificateAuthority opened, security::CertificateAuthority::Open(config.data_dir, clock));
  authority = std::make_unique<security::CertificateAuthority>(std::move(opened));
  MP_TRY(security::Sealer keys, security::Sealer::Open(config.data_dir));
  sealer = std::make_unique<security::Sealer>(std::move(keys));
  tokens = std::make_unique<security::TokenAuthority>(*store, clock);
  enrollment = std::make_unique<security::Enrollment>(*store, *authority, clock);
  return HandOutFirstToken(*tokens, config.admin_token_file);
}

Status App::Parts::OpenCore() {
  inventory = std::make_unique<inventory::Inventory>(*store, clock);
  engine::EngineOptions options;
  options.lease_ttl = config.hub_lease_ttl;
  options.default_step_timeout = config.hub_step_timeout;
  options.default_deadline = config.operation_deadline;
  engine = std::make_unique<engine::Engine>(*store, clock, options);
  MP_CHECK(engine->Start());
  policy::PolicyOptions wishes;
  wishes.drift_interval = config.policy_drift_interval;
  wishes.reference_grace = config.policy_reference_grace;
  wishes.random = RandomShare;
  policies = std::make_unique<policy::Policies>(*store, clock, std::move(wishes));
  return {};
}

Status App::Parts::OpenHub() {
  hub::HubOptions options;
  options.listen = config.hub_listen;
  options.lease_ttl = config.hub_lease_ttl;
  options.step_timeout = config.hub_step_timeout;
  for (const std::string& name : SplitNames(config.hub_names)) options.server_names.push_back(name);
  MP_TRY(hub, hub::Hub::Start(options, *engine, *inventory, *enrollment, *authority, *sealer, *store, clock));
  return {};
}

Status App::Parts::OpenDoors() {
  const std::string advertised = config.hub_advertise.empty() ? hub->address() : config.hub_advertise;
  services::Dependencies dependencies{*store,     *engine, *inventory, *policies,  *tokens,  *enrollment,
                                      *authority, *sealer, clock,      advertised, kVersion, kGitSha};
  for (const std::string& category : SplitNames(config.approval_categories)) {
    dependencies.approval_categories.insert(category);
  }
  dependencies.calls_per_second = static_cast<double>(config.calls_per_second);
  api = std::make_unique<services::Api>(std::move(dependencies));
  policies->Start({[this](const policy::OperationWish& wish) { return api->PreparePolicyOperation(wish); },
                   [this](const engine::OperationRequest& request) { return engine->Submit(request); },
                   [this](const engine::Actor& actor, const std::string& operation_id, const std::string& reason) {
                     return engine->Cancel(actor, operation_id, reason);
                   }});
  rest::RestOptions rest_options;
  rest_options.listen = config.rest_listen;
  rest_options.certificate_path = config.rest_certificate;
  rest_options.key_path = config.rest_key;
  rest_options.allow_plain_http = config.rest_allow_plain_http;
  const auto hub_gauges = [this] {
    std::vector<services::Api::Gauge> gauges;
    for (const auto& [name, count] : hub->Counts()) {
      gauges.push_back({"meshplay_hub_" + name, "Of the adapters' hub: " + name, "", "", static_cast<double>(count)});
    }
    return gauges;
  };
  MP_TRY(rest, rest::RestDoor::Start(*api, rest_options, std::string(OpenApiDocument()), hub_gauges));
  rpc::RpcOptions rpc_options;
  rpc_options.listen = config.grpc_listen;
  rpc_options.certificate_path = config.grpc_certificate;
  rpc_options.key_path = config.grpc_key;
  rpc_options.allow_plaintext = config.grpc_allow_plaintext;
  MP_TRY(rpc, rpc::RpcDoor::Start(*api, rpc_options));
  janitor = std::make_unique<Janitor>(*store, clock, config);
  LogInfo("ready", {{"rest", rest->address()}, {"grpc", rpc->address()}, {"hub", hub->address()}});
  if (config.ports_file.empty()) return {};
  const nlohmann::json ports = {{"rest", rest->address()}, {"grpc", rpc->address()}, {"hub", hub->address()}};
  return WriteFileAtomically(config.ports_file, ports.dump() + "\n", 0644);
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

App::~App() {
  Stop();
}

Result<std::unique_ptr<App>> App::Start(const Config& config) {
  LogLevel level = LogLevel::kInfo;
  ParseLogLevel(config.log_level, level);
  ConfigureLog(level, config.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  RaiseDescriptorLimit();
  std::unique_ptr<App> app(new App(std::make_unique<Parts>(config)));
  MP_CHECK(app->parts_->OpenData());
  MP_CHECK(app->parts_->OpenCore());
  MP_CHECK(app->parts_->OpenHub());
  MP_CHECK(app->parts_->OpenDoors());
  return app;
}

int App::RunUntilSignal(const sigset_t& signals) {
  while (true) {
    const timespec turn{1, 0};
    const int signal = sigtimedwait(&signals, nullptr, &turn);
    if (signal > 0) {
      LogInfo("stopping", {{"signal", signal}});
      // From here on a second signal ends the process at once.
      pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
      Stop();
      return 0;
    }
    if (parts_->store->Health() == store::StoreHealth::kFailed) {
      LogError("the store failed: nothing more can be acknowledged, ending");
      return 1;
    }
  }
}

void App::Stop() {
  if (!parts_) return;
  Parts& parts = *parts_;
  // The doors close together and get half of the time; the rest, less a reserve for the store, is the adapters'.
  const auto bound = parts.config.stop_bound / 2;
  const auto end = std::chrono::steady_clock::now() + parts.config.stop_bound;
  parts.janitor.reset();
  if (parts.policies) parts.policies->Stop();
  if (parts.api) parts.api->BeginStop();
  std::thread rpc_stop([&parts, bound] {
    if (parts.rpc) parts.rpc->Stop(bound);
  });
  if (parts.rest) parts.rest->Stop(bound);
  rpc_stop.join();
  if (parts.hub) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    parts.hub->Drain(std::max(std::chrono::milliseconds(500), left - std::chrono::milliseconds(1'000)));
    parts.hub->Stop();
  }
  if (parts.engine) parts.engine->Stop();
  if (parts.store) parts.store->Stop();
  LogInfo("stopped");
  parts_.reset();
}

}  // namespace meshplay::app
