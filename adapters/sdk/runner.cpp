#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "adapters/sdk/adapter.h"
#include "adapters/sdk/internal/identity.h"
#include "adapters/sdk/internal/inventory_stream.h"
#include "adapters/sdk/internal/lease.h"
#include "adapters/sdk/internal/session.h"
#include "adapters/sdk/internal/task_table.h"
#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/log.h"

namespace meshplay::sdk {

namespace {

constexpr std::chrono::seconds kProbeTargetsEvery{20};
constexpr std::chrono::milliseconds kFirstBackoff{1'000};
constexpr std::chrono::milliseconds kMostBackoff{60'000};
constexpr std::chrono::milliseconds kMostBackoffRefused{300'000};

/// Waits for `time` or a stop request.
void Pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
}

std::chrono::milliseconds FullJitter(std::chrono::milliseconds most) {
  static thread_local std::mt19937_64 random(std::random_device{}());
  return std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(most.count() / 4, most.count())(random));
}

/// The clusters of this process: their claims, one inventory picture and one watching thread each.
class Clusters final : public SessionEvents {
 public:
  Clusters(MeshAdapter& adapter, std::vector<pb::InventoryKind> kinds) : adapter_(adapter), kinds_(std::move(kinds)) {}

  ~Clusters() override {
    for (auto& [uid, cluster] : clusters_) cluster->watcher.request_stop();
    clusters_.clear();
  }

  std::vector<pb::TargetClaim> Targets() override {
    std::vector<pb::TargetClaim> claims = adapter_.Targets();
    const std::lock_guard lock(mutex_);
    for (const pb::TargetClaim& claim : claims) Follow(claim.target());
    return claims;
  }

  void Welcomed(const pb::Welcome& welcome, std::shared_ptr<grpc::Channel> data_channel) override {
    const std::lock_guard lock(mutex_);
    session_id_ = welcome.session_id();
    channel_ = std::move(data_channel);
    for (auto& [uid, cluster] : clusters_) cluster->stream.Connect(channel_, session_id_);
  }

  void Directed(const pb::InventoryDirective& directive) override {
    const std::lock_guard lock(mutex_);
    const auto found = clusters_.find(directive.target().cluster_uid());
    if (found == clusters_.end()) return;
    if (directive.enabled()) {
      found->second->stream.Connect(channel_, session_id_);  // a new stream begins with a snapshot
    } else {
      found->second->stream.Disconnect();
    }
  }

  void Ended() override {
    const std::lock_guard lock(mutex_);
    channel_.reset();
    for (auto& [uid, cluster] : clusters_) cluster->stream.Disconnect();
  }

 private:
  struct Cluster {
    Cluster(const pb::TargetRef& ref, const std::vector<pb::InventoryKind>& kinds) : target(ref), stream(ref, kinds) {}
    pb::TargetRef target;
    InventoryStream stream;
    std::jthread watcher;
  };

  void Follow(const pb::TargetRef& target) {
    if (target.cluster_uid().empty() || clusters_.count(target.cluster_uid()) != 0) return;
    auto cluster = std::make_unique<Cluster>(target, kinds_);
    Cluster* raw = cluster.get();
    raw->watcher = std::jthread([this, raw](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        try {
          adapter_.WatchInventory(raw->target, raw->stream, stop);
        } catch (const std::exception& fault) {
          LogError("watching a cluster ended by an exception", {{log_key::kError, fault.what()}});
        }
        Pause(std::chrono::seconds(5), stop);
      }
    });
    if (channel_) raw->stream.Connect(channel_, session_id_);
    clusters_[target.cluster_uid()] = std::move(cluster);
  }

  MeshAdapter& adapter_;
  const std::vector<pb::InventoryKind> kinds_;
  std::mutex mutex_;
  std::string session_id_;
  std::shared_ptr<grpc::Channel> channel_;
  std::map<std::string, std::unique_ptr<Cluster>> clusters_;
};

pb::Capabilities ManifestOf(MeshAdapter& adapter) {
  pb::Capabilities capabilities = adapter.capabilities();
  if (capabilities.digest().empty()) capabilities.set_digest(Sha256Hex(capabilities.SerializeAsString()).substr(0, 32));
  return capabilities;
}

/// The instance id of the process that held the state folder before, and ours in its place.
Result<std::string> ExchangeInstance(const std::string& state_directory, const std::string& ours) {
  const std::string path = state_directory + "/instance";
  const auto before = ReadFile(path, 256);
  MP_CHECK(WriteFileAtomically(path, ours, 0600));
  return before ? *before : std::string();
}

Result<Identity> IdentityOf(const AdapterOptions& options, const std::stop_token& stop) {
  auto known = LoadIdentity(options.state_directory);
  if (known || known.error().code() != ErrorCode::kNotFound || options.enroll_file.empty()) return known;
  // The server may be starting just now: a short while of patience, then a clear answer.
  Result<Identity> enrolled = Unavailable("HUB_UNREACHABLE", "not tried");
  for (int attempt = 0; attempt < 3 && !stop.stop_requested(); ++attempt) {
    enrolled = EnrollWithFile(options, std::chrono::seconds(15));
    if (enrolled || enrolled.error().code() != ErrorCode::kUnavailable) break;
    Pause(std::chrono::seconds(2), stop);
  }
  if (!enrolled) return enrolled;
  MP_CHECK(SaveIdentity(options.state_directory, *enrolled));
  LogInfo("enrolled", {{log_key::kAdapterId, enrolled->adapter_id}});
  return enrolled;
}

void RenewWhenDue(const AdapterOptions& options, const Clock& clock, Identity& identity) {
  if (clock.NowUnixMs() < identity.renew_at_unix_ms) return;
  auto renewed = RenewIdentity(identity, std::chrono::seconds(10));
  if (renewed && SaveIdentity(options.state_directory, *renewed)) {
    identity = std::move(*renewed);
    LogInfo("certificate renewed");
  } else if (!renewed) {
    LogWarning("the certificate could not be renewed", {{log_key::kError, renewed.error().message()}});
  }
}

int Report(const Error& error) {
  LogError(error.message(), {{log_key::kReason, error.reason()}, {"remediation", error.remediation()}});
  switch (error.code()) {
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
      return 7;
    case ErrorCode::kUnavailable:
      return 9;
    case ErrorCode::kInternal:
      return 1;
    default:
      return 2;
  }
}

}  // namespace

int RunAdapter(MeshAdapter& adapter, const AdapterOptions& options, std::stop_token stop) {
  const SystemClock clock;
  if (const Status made = MakeDirectory(options.state_directory, 0700); !made) return Report(made.error());
  const auto lock = FileLock::Acquire(options.state_directory + "/lock");
  if (!lock) {
    return Report(FailedPrecondition("STATE_IN_USE", "another adapter process uses this state folder")
                      .WithRemediation("Stop it, or give this one a state folder of its own."));
  }
  auto identity = IdentityOf(options, stop);
  if (!identity) return Report(identity.error());
  const std::string instance_id = NewUuidV4();
  const auto previous = ExchangeInstance(options.state_directory, instance_id);
  if (!previous) return Report(previous.error());

  const pb::Capabilities capabilities = ManifestOf(adapter);
  Lease lease(clock);
  Clusters clusters(adapter, {capabilities.inventory_kinds().begin(), capabilities.inventory_kinds().end()});
  Session session(options, clock, lease, clusters, instance_id, *previous);
  TaskTable tasks(adapter, options, clock, lease, session);
  if (const Status opened = tasks.Open(); !opened) return Report(opened.error());

  // While a session is open this thread sits in it; claims are refreshed and certificates renewed beside it.
  std::jthread prober([&](const std::stop_token& ended) {
    while (!ended.stop_requested()) {
      Pause(kProbeTargetsEvery, ended);
      if (ended.stop_requested()) return;
      for (const pb::TargetClaim& claim : clusters.Targets()) {
        pb::AdapterFrame frame;
        *frame.mutable_target_report()->mutable_target() = claim.target();
        for (const pb::Condition& condition : claim.conditions()) {
          *frame.mutable_target_report()->add_conditions() = condition;
        }
        session.Send(frame);
      }
    }
  });

  // Running steps reach a safe point first, while the session still carries their results; then comes Goodbye.
  std::stop_source session_stop;
  bool all_ended = true;
  std::stop_callback on_stop(stop, [&] { tasks.SetDraining(true); });
  std::jthread stopper([&, stop](const std::stop_token& ended) {
    while (!stop.stop_requested() && !ended.stop_requested()) Pause(std::chrono::milliseconds(200), stop);
    if (!stop.stop_requested()) return;
    all_ended = tasks.Stop(options.stop_bound);
    session_stop.request_stop();
  });

  std::chrono::milliseconds backoff = kFirstBackoff;
  while (!session_stop.stop_requested()) {
    RenewWhenDue(options, clock, *identity);
    const SessionEnd end = session.Run(*identity, capabilities, tasks, session_stop.get_token());
    if (session_stop.stop_requested()) break;
    if (end.was_welcomed) backoff = kFirstBackoff;
    LogWarning("no session with the hub", {{log_key::kReason, end.error.reason()},
                                           {log_key::kError, end.error.message()},
                                           {"remediation", end.error.remediation()}});
    const auto wait = end.reconnect_after.count() > 0 ? end.reconnect_after : FullJitter(backoff);
    Pause(wait, session_stop.get_token());
    backoff = std::min(backoff * 2, end.refused ? kMostBackoffRefused : kMostBackoff);
  }
  stopper.join();
  if (!all_ended) {
    LogWarning("a task did not reach a safe point in time; the server will find out what it did");
    std::quick_exit(0);  // its thread cannot be joined
  }
  return 0;
}

}  // namespace meshplay::sdk
