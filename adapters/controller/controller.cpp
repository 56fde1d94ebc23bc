#include "adapters/controller/controller.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "adapters/controller/internal/cluster_view.h"
#include "adapters/controller/internal/cluster_writer.h"
#include "adapters/controller/internal/config_watch.h"
#include "adapters/controller/release.h"
#include "adapters/translate/incremental.h"
#include "libs/base/log.h"
#include "libs/smi/parse.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kLookAgain{500};      ///< While writes are not allowed, or lists are not there.
constexpr milliseconds kBetweenRounds{200};  ///< However fast the changes come.
constexpr milliseconds kFirstRetry{1'000};
constexpr milliseconds kMostRetry{30'000};
constexpr milliseconds kAnyway{300'000};  ///< A look without any change.
constexpr milliseconds kMeshFactsFor{30'000};
constexpr milliseconds kTimeToldEvery{60'000};
constexpr milliseconds kBetweenViews{1'000};

void Sleep(milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

bool LetGo(kube::Client& client, WriteGate& gate, const std::stop_token& stop) {
  const std::uint64_t epoch = gate.epoch();
  const auto write = [&](const std::function<Status(milliseconds)>& one) { return gate.Write(epoch, one); };
  const Status done = ReleaseFinalizers(client, write, {.stop = stop});
  if (!done) LogWarning("finalizers could not be removed", {{log_key::kReason, done.error().reason()}});
  return done.has_value();
}

/// The controller while one configuration holds, on one view of the cluster.
class Round {
 public:
  Round(kube::Client& client, const MeshTraits& traits, WriteGate& gate, const Clock& clock, const Enabled& enabled,
        ClusterView& view, ClusterWriter& writer, translate::IncrementalTranslator& translator,
        ControllerReport& report)
      : client_(client),
        traits_(traits),
        gate_(gate),
        clock_(clock),
        enabled_(enabled),
        view_(view),
        writer_(writer),
        translator_(translator),
        report_(report) {}

  /// Until the view is outdated or `stop` is requested.
  void Run(const std::stop_token& stop, const std::function<void()>& tell) {
    milliseconds wait{0};
    while (!stop.stop_requested()) {
      view_.Wait(stop, wait);
      if (stop.stop_requested() || view_.Outdated()) return;
      const Status done = Once(stop, wait);
      if (stop.stop_requested()) return;
      if (done) {
        failures_ = 0;
        report_.trouble_reason.clear();
        report_.trouble.clear();
      } else if (done.error().reason() == "SMI_CONTROLLER_PAUSED") {
        wait = kLookAgain;  // short, or the server cannot be told anyway
      } else {
        report_.trouble_reason = done.error().reason();
        report_.trouble = done.error().message();
        // Without its mesh nothing of ours is in force, so nothing may wait for us.
        if (done.error().reason() == "PREREQUISITE_MISSING") LetGo(client_, gate_, stop);
        wait = std::min(kFirstRetry * (1 << std::min(failures_++, 5)), kMostRetry);
      }
      Tell(tell);
      Sleep(kBetweenRounds, stop);
    }
  }

 private:
  /// A change of the time alone is not worth a line in the mesh's history more than now and then.
  void Tell(const std::function<void()>& tell) {
    ControllerReport but_for_time = report_;
    but_for_time.last_change_ms = told_.last_change_ms;
    const bool only_time = but_for_time == told_;
    if (report_ == told_ || (only_time && report_.last_change_ms - told_.last_change_ms < kTimeToldEvery.count()))
      return;
    told_ = report_;
    tell();
  }

  /// One look and everything it makes necessary. `wait` gets the time until the next look without a change.
  Status Once(const std::stop_token& stop, milliseconds& wait) {
    const std::uint64_t epoch = gate_.epoch();
    if (!gate_.Allows()) return Aborted("SMI_CONTROLLER_PAUSED", "waiting for the server's lease or for an operation");
    if (!view_.Ready()) return Aborted("SMI_CONTROLLER_PAUSED", "waiting for the lists of the cluster");
    const kube::Call call{.stop = stop};
    MP_CHECK(Confirm(epoch, call));
    if (const auto native = view_.Native()) {
      return FailedPrecondition("NATIVE_CONSUMER", native->name + " reads SMI objects itself (" + native->what + ")");
    }
    MP_TRY(StoredObjects smi_objects, view_.Smi(call));
    MP_TRY(const smi::ClusterFacts facts, Facts(call));
    std::vector<json> documents;
    StoredObjects outside;
    for (const auto& object : smi_objects) {
      if (kube::IsBeingDeleted(*object)) continue;
      if (enabled_.settings.Covers(kube::NamespaceOf(*object))) {
        documents.push_back(*object);
      } else {
        outside.push_back(object);
      }
    }
    const smi::DocumentSet set = smi::ParseDocuments(documents);
    MP_TRY(translate::Emission emission, translator_.Translate(set, facts, enabled_.settings.options));
    const Picture picture{std::move(smi_objects), set, std::move(emission), view_.Mesh(), clock_.NowUnixMs()};
    Reconciliation wish = Reconcile(picture, state_, writer_.written(), {traits_.mesh_type, enabled_.settings.grace});
    return CarryOut(epoch, std::move(wish), outside, stop, wait);
  }

  /// `outside`: what does not count, so what was said of it holds no more.
  Status CarryOut(std::uint64_t epoch, Reconciliation wish, const StoredObjects& outside, const std::stop_token& stop,
                  milliseconds& wait) {
    if (const Status saved = writer_.SaveState(epoch, wish.state, stop); !saved) {
      const std::string& reason = saved.error().reason();
      const bool other = reason == "OBJECT_CONFLICT" || reason == "OBJECT_EXISTS" || reason == "OBJECT_NOT_FOUND";
      if (other) confirmed_ = 0;  // somebody else wrote or removed it: load it again
      return saved;
    }
    state_ = wish.state;
    const auto before =
        traits_.distribution ? traits_.distribution(client_, enabled_.settings.mesh_key, {.stop = stop}) : BeforeStep();
    const ClusterWriter::StepsOutcome outcome = writer_.DoSteps(epoch, wish.steps, before, stop);
    if (outcome.done != 0) report_.last_change_ms = clock_.NowUnixMs();
    if (outcome.paused) return Aborted("SMI_CONTROLLER_PAUSED", "waiting for the server's lease or for an operation");
    const Error* first = nullptr;
    for (Verdict& verdict : wish.verdicts) {
      const auto failed = outcome.failed.find(verdict.report.source.Text());
      if (failed == outcome.failed.end() || IsSoft(failed->second)) continue;
      MarkFailed(verdict, failed->second);
      first = &failed->second;
    }
    report_.summary = Summarise(wish.verdicts);
    const auto has_status = [this](const kube::Gvk& gvk) { return view_.HasStatus(gvk); };
    const auto told = writer_.TellVerdicts(epoch, wish.verdicts, has_status, enabled_.settings.events, stop);
    const auto untold = writer_.TakeBack(epoch, ReleasesOf(outside), stop);
    if (first != nullptr) return *first;
    if (!told) return told.error();
    if (!untold) return untold.error();
    wait = kAnyway;
    if (wish.wake_at_ms) wait = std::clamp(milliseconds(*wish.wake_at_ms - clock_.NowUnixMs()), milliseconds(1), wait);
    // A removal shows when it is over; finalizers are let go after that.
    if (outcome.again || !*told || !*untold || outcome.done != 0 || view_.Dying()) wait = std::min(wait, kFirstRetry);
    return {};
  }

  static bool IsSoft(const Error& error) {
    return error.reason() == "OBJECT_CONFLICT" || error.reason() == "OBJECT_NOT_FOUND";
  }

  /// After every time that somebody else may have been at work here: is it still enabled, and what is the state?
  Status Confirm(std::uint64_t epoch, const kube::Call& call) {
    if (epoch == confirmed_) return {};
    MP_TRY(const std::optional<Enabled> now, ConfigWatch::Ask(client_, traits_.mesh_type, call));
    if (!now || *now != enabled_) return Aborted("SMI_CONTROLLER_PAUSED", "the settings have just changed");
    MP_TRY(state_, writer_.LoadState(call));
    confirmed_ = epoch;
    return {};
  }

  Result<smi::ClusterFacts> Facts(const kube::Call& call) {
    const bool stale = !completed_at_ || clock_.NowBoot() - *completed_at_ > kMeshFactsFor;
    if (stale) {
      smi::ClusterFacts asked;
      MP_CHECK(traits_.complete(client_, enabled_.settings.mesh_key, call, asked));
      completed_ = std::move(asked);
      completed_at_ = clock_.NowBoot();
    }
    smi::ClusterFacts facts = view_.Facts();
    facts.mesh_version = completed_.mesh_version;
    facts.trust_domain = completed_.trust_domain;
    facts.cluster_domain = completed_.cluster_domain;
    return facts;
  }

  kube::Client& client_;
  const MeshTraits& traits_;
  WriteGate& gate_;
  const Clock& clock_;
  const Enabled& enabled_;
  ClusterView& view_;
  ClusterWriter& writer_;
  translate::IncrementalTranslator& translator_;
  ControllerReport& report_;
  ControllerReport told_;
  State state_;
  std::uint64_t confirmed_ = 0;  ///< The epoch in which the settings were last seen to hold.
  int failures_ = 0;             ///< In a row.
  smi::ClusterFacts completed_;
  std::optional<BootTime> completed_at_;
};

}  // namespace

class SmiController::Impl {
 public:
  Impl(kube::Client& client, const MeshTraits& traits, WriteGate& gate, const Clock& clock, Reporter report)
      : client_(client), traits_(traits), gate_(gate), clock_(clock), report_(std::move(report)) {}

  void Run(const std::stop_token& stop) {
    ConfigWatch config(client_, traits_.mesh_type);
    while (!stop.stop_requested()) {
      const std::optional<Enabled> enabled = config.WaitUntilEnabled(stop, [this](const auto& trouble) {
        ControllerReport now;
        now.enabled = trouble.has_value();
        if (trouble) {
          now.trouble_reason = trouble->reason();
          now.trouble = trouble->message();
        }
        report_(now);
      });
      if (!enabled) return;
      std::stop_source either;
      const std::stop_callback on_stop(stop, [&either] { either.request_stop(); });
      config.StopWhenOther(*enabled, either);
      LogInfo("the SMI controller is enabled", {{"mesh", enabled->settings.mesh_key}});
      While(*enabled, either.get_token());
      if (!stop.stop_requested() && !config.now()) Disabled(config, stop);
    }
  }

 private:
  void While(const Enabled& enabled, const std::stop_token& stop) {
    ControllerReport now;
    now.enabled = true;
    now.mesh_key = enabled.settings.mesh_key;
    const auto tell = [&] { report_(now); };
    tell();
    ClusterWriter writer(client_, gate_, clock_, traits_.mesh_type, enabled.name_space);
    translate::IncrementalTranslator translator(traits_.emitter);
    while (!stop.stop_requested()) {
      auto view = ClusterView::Create(client_, traits_, {.stop = stop});
      if (view) {
        Round(client_, traits_, gate_, clock_, enabled, **view, writer, translator, now).Run(stop, tell);
      } else {
        now.trouble_reason = view.error().reason();
        now.trouble = view.error().message();
        tell();
      }
      if (!stop.stop_requested()) Sleep(kBetweenViews, stop);
    }
  }

  /// The ConfigMap went without the operation that removes everything: objects stay, but nothing may wait for us.
  void Disabled(const ConfigWatch& config, const std::stop_token& stop) {
    LogInfo("the SMI controller is disabled", {{"mesh type", traits_.mesh_type}});
    report_({});
    milliseconds pause = kLookAgain;
    while (!stop.stop_requested() && !config.now()) {
      if (gate_.Allows() && LetGo(client_, gate_, stop)) return;
      Sleep(pause, stop);
      if (gate_.Allows()) pause = std::min(pause * 2, kMostRetry);
    }
  }

  kube::Client& client_;
  const MeshTraits& traits_;
  WriteGate& gate_;
  const Clock& clock_;
  const Reporter report_;
};

SmiController::SmiController(kube::Client& client, const MeshTraits& traits, WriteGate& gate, const Clock& clock,
                             Reporter report)
    : impl_(std::make_unique<Impl>(client, traits, gate, clock, std::move(report))) {}

SmiController::~SmiController() = default;

void SmiController::Run(const std::stop_token& stop) {
  impl_->Run(stop);
}

}  // namespace meshplay::controller
