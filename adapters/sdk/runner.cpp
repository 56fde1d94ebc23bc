#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "adapters/sdk/adapter.h"
#include "adapters/sdk/internal/clusters.h"
#include "adapters/sdk/internal/identity.h"
#include "adapters/sdk/internal/lease.h"
#include "adapters/sdk/internal/pause.h"
#include "adapters/sdk/internal/session.h"
#include "adapters/sdk/internal/task_table.h"
#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/log.h"

namespace meshplay::sdk {

namespace {

constexpr std::chrono::seconds kProbeTargetsEvery{20};
constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::seconds kWatchersEndWithin{3};
constexpr std::chrono::milliseconds kFirstBackoff{1'000};
constexpr std::chrono::milliseconds kMostBackoff{60'000};
constexpr std::chrono::milliseconds kMostBackoffRefused{300'000};

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

/// The server may be starting just now: a short while of patience, then a clear answer.
Result<Identity> Enroll(const AdapterOptions& options, const std::stop_token& stop) {
  Result<Identity> enrolled = Unavailable("HUB_UNREACHABLE", "not tried");
  for (int attempt = 0; attempt < 3 && !stop.stop_requested(); ++attempt) {
    enrolled = EnrollWithFile(options, std::chrono::seconds(15), stop);
    if (enrolled || enrolled.error().code() != ErrorCode::kUnavailable) break;
    Pause(std::chrono::seconds(2), stop);
  }
  if (!enrolled) return enrolled;
  MP_CHECK(SaveIdentity(options.state_directory, *enrolled));
  LogInfo("enrolled", {{log_key::kAdapterId, enrolled->adapter_id}});
  return enrolled;
}

Error Expired() {
  return Error(ErrorCode::kUnauthenticated, "CERTIFICATE_EXPIRED", "the adapter was away longer than its certificate")
      .WithRemediation("Give a new enrolment file for the same adapter: POST /v1/adapters/{id}:reissue.");
}

Result<Identity> IdentityOf(const AdapterOptions& options, const Clock& clock, const std::stop_token& stop) {
  auto known = LoadIdentity(options.state_directory);
  const bool missing = !known && known.error().code() == ErrorCode::kNotFound;
  const bool expired = known && clock.NowUnixMs() >= known->not_after_unix_ms;
  if (known && !expired) return known;
  const std::string token = TokenDigest(options.enroll_file);
  if (missing && !options.enroll_file.empty()) return Enroll(options, stop);
  if (expired && !token.empty() && token != known->token_digest) return Enroll(options, stop);
  if (expired) return Expired();
  return known;
}

/// The identity of the process: renewed at 2/3 of the certificate's life beside a running session, used by the next
/// connection. Threads: any.
class IdentityKeeper {
 public:
  IdentityKeeper(const AdapterOptions& options, const Clock& clock, Identity identity)
      : options_(options), clock_(clock), identity_(std::move(identity)) {
    SetDueLocked();
  }

  Identity Current() const {
    const std::lock_guard lock(mutex_);
    return identity_;
  }

  void RenewWhenDue() {
    Identity before;
    {
      const std::lock_guard lock(mutex_);
      if (clock_.NowBoot() < renew_at_) return;
      renew_at_ = clock_.NowBoot() + std::chrono::minutes(1);  // at most one try a minute
      before = identity_;
    }
    auto renewed = RenewIdentity(before, std::chrono::seconds(10));
    if (!renewed) {
      LogWarning("the certificate could not be renewed", {{log_key::kError, renewed.error().message()}});
      return;
    }
    Take(std::move(*renewed), "certificate renewed");
  }

  /// A certificate that ran out or is not accepted is replaced with a token that was not tried yet, if there is one.
  void ReenrolWhenUseless(bool refused, const std::stop_token& stop) {
    const Identity before = Current();
    if (!refused && clock_.NowUnixMs() < before.not_after_unix_ms) return;
    const std::string token = TokenDigest(options_.enroll_file);
    if (token.empty() || token == before.token_digest || token == tried_token_) return;
    auto enrolled = EnrollWithFile(options_, std::chrono::seconds(15), stop);
    if (!enrolled) {
      if (enrolled.error().code() != ErrorCode::kUnavailable) tried_token_ = token;
      LogWarning("a new enrolment failed", {{log_key::kError, enrolled.error().message()}});
      return;
    }
    Take(std::move(*enrolled), "enrolled again");
  }

 private:
  void Take(Identity identity, const char* what) {
    if (const Status saved = SaveIdentity(options_.state_directory, identity); !saved) {
      LogError("the identity could not be saved", {{log_key::kError, saved.error().message()}});
    }
    const std::lock_guard lock(mutex_);
    identity_ = std::move(identity);
    SetDueLocked();
    LogInfo(what);
  }

  /// Counted on the clock that does not jump.
  void SetDueLocked() {
    const std::int64_t left = std::max<std::int64_t>(0, identity_.renew_at_unix_ms - clock_.NowUnixMs());
    renew_at_ = clock_.NowBoot() + std::chrono::milliseconds(left);
  }

  const AdapterOptions& options_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  Identity identity_;
  BootTime renew_at_{};
  std::string tried_token_;  ///< Used by the session's thread only.
};

class Link final : public AdapterLink {
 public:
  Link(const Lease& lease, const Clusters& clusters) : lease_(lease), clusters_(clusters) {}
  std::chrono::milliseconds lease_left() const override { return lease_.Left(); }
  bool Serves(const std::string& cluster_uid) const override { return clusters_.Serves(cluster_uid); }

 private:
  const Lease& lease_;
  const Clusters& clusters_;
};

void ReportTargets(Clusters& clusters, Session& session) {
  for (const pb::TargetClaim& claim : clusters.Targets()) {
    pb::AdapterFrame frame;
    *frame.mutable_target_report()->mutable_target() = claim.target();
    for (const pb::Condition& condition : claim.conditions()) {
      *frame.mutable_target_report()->add_conditions() = condition;
    }
    session.Send(frame);
  }
}

void WaitForStop(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait(lock, stop, [] { return false; });
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
  auto known = IdentityOf(options, clock, stop);
  if (!known) return stop.stop_requested() ? 0 : Report(known.error());
  IdentityKeeper identity(options, clock, std::move(*known));
  const std::string instance_id = NewUuidV4();
  const auto previous = ExchangeInstance(options.state_directory, instance_id);
  if (!previous) return Report(previous.error());

  const pb::Capabilities capabilities = ManifestOf(adapter);
  Lease lease(clock);
  Clusters clusters(adapter, {capabilities.inventory_kinds().begin(), capabilities.inventory_kinds().end()});
  const Link link(lease, clusters);
  adapter.Attach(link);
  Session session(options, clock, lease, clusters, instance_id, *previous);
  TaskTable tasks(adapter, options, clock, lease, session);
  if (const Status opened = tasks.Open(); !opened) return Report(opened.error());

  // Time budgets and held-back updates go on without a session too.
  const std::jthread ticker([&tasks](const std::stop_token& ended) {
    while (!ended.stop_requested()) {
      tasks.Tick();
      Pause(kTick, ended);
    }
  });
  // While a session is open the main thread sits in it; claims and the certificate are kept fresh beside it.
  const std::jthread prober([&](const std::stop_token& ended) {
    while (true) {
      Pause(kProbeTargetsEvery, ended);
      if (ended.stop_requested()) return;
      identity.RenewWhenDue();
      ReportTargets(clusters, session);
    }
  });

  // Running steps reach a safe point first, while the session still carries their results; then comes Goodbye.
  std::stop_source session_stop;
  bool all_ended = true;
  std::jthread stopper([&, stop] {
    WaitForStop(stop);
    all_ended = tasks.Stop(options.stop_bound);
    session_stop.request_stop();
  });

  std::chrono::milliseconds backoff = kFirstBackoff;
  bool refused = false;
  while (!session_stop.stop_requested()) {
    identity.ReenrolWhenUseless(refused, session_stop.get_token());
    identity.RenewWhenDue();
    const SessionEnd end = session.Run(identity.Current(), capabilities, tasks, session_stop.get_token());
    if (session_stop.stop_requested()) break;
    refused = end.refused;
    if (end.was_welcomed) backoff = kFirstBackoff;
    LogWarning("no session with the hub", {{log_key::kReason, end.error.reason()},
                                           {log_key::kError, end.error.message()},
                                           {"remediation", end.error.remediation()}});
    // A time that the server names is kept, with a little spread.
    const auto wait = end.reconnect_after.count() > 0 ? end.reconnect_after + FullJitter(end.reconnect_after / 10)
                                                      : FullJitter(backoff);
    Pause(wait, session_stop.get_token());
    backoff = std::min(backoff * 2, refused ? kMostBackoffRefused : kMostBackoff);
  }
  stopper.join();
  const bool watchers_ended = clusters.Stop(kWatchersEndWithin);
  if (!all_ended || !watchers_ended) {
    LogWarning(all_ended ? "watching a cluster did not end in time"
                         : "a task did not reach a safe point in time; the server will find out what it did");
    std::quick_exit(0);  // that thread cannot be joined, and it uses what this function owns
  }
  return 0;
}

}  // namespace meshplay::sdk
