#include "adapters/kube/reflector.h"

#include <mutex>
#include <thread>

#include "adapters/kube/internal/answer.h"
#include "adapters/kube/internal/transport.h"
#include "libs/base/log.h"

namespace meshplay::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A watch that ended sooner and brought nothing counts as an attempt that did not work.
constexpr milliseconds kShortWatch{1'000};

}  // namespace

class Reflector::Loop {
 public:
  Loop(Client& client, Gvk gvk, ReflectorHandlers handlers, ReflectorOptions options)
      : client_(client), gvk_(std::move(gvk)), handlers_(std::move(handlers)), options_(std::move(options)) {
    thread_ = std::jthread([this](std::stop_token stop) { Main(stop); });
  }

  void Stop() {
    const std::lock_guard lock(stopping_);
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Main(const std::stop_token& stop) {
    try {
      while (!stop.stop_requested()) {
        if (resource_version_.empty() && !List(stop)) continue;
        Watch(stop);
      }
    } catch (const std::exception& error) {
      LogError("reflector ended by an exception", {{"kind", gvk_.kind}, {log_key::kError, std::string(error.what())}});
    } catch (...) {
      LogError("reflector ended by an exception", {{"kind", gvk_.kind}});
    }
  }

  bool List(const std::stop_token& stop) {
    const auto list = client_.List(gvk_, options_.selection, {stop});
    if (!list) {
      Failed(list.error(), stop);
      return false;
    }
    if (stop.stop_requested()) return false;
    if (handlers_.replaced) handlers_.replaced(list->items);
    if (handlers_.bookmark) handlers_.bookmark(list->resource_version);
    resource_version_ = list->resource_version;
    return true;
  }

  void Watch(const std::stop_token& stop) {
    WatchOptions options;
    options.resource_version = resource_version_;
    const auto spread = static_cast<double>(options_.server_timeout.count()) * (1 + RandomFraction());
    options.server_timeout = std::chrono::seconds(static_cast<long long>(spread));
    const auto begin = steady_clock::now();
    const auto outcome = client_.Watch(gvk_, options_.selection, options,
                                       [&](const Change& change) { return Deliver(change, stop); }, {stop});
    const bool lasted = steady_clock::now() - begin >= kShortWatch || resource_version_ != options.resource_version;
    if (lasted) failures_ = 0;
    if (outcome) {
      if (outcome->end == WatchEnd::kExpired) resource_version_.clear();
      // Only a server in trouble ends watches at once; it must not be asked in a tight loop.
      if (!lasted && !stop.stop_requested()) SleepFor(NextPause(), stop);
      return;
    }
    const auto sent = outcome.error().metadata().find("request_sent");
    const bool cut = outcome.error().reason() == "TARGET_UNREACHABLE" && sent != outcome.error().metadata().end() &&
                     sent->second == "yes";
    if (cut && lasted) return;
    if (outcome.error().code() == ErrorCode::kNotFound) resource_version_.clear();
    Failed(outcome.error(), stop);
  }

  // What arrived is remembered at once, so a cut watch goes on after it.
  bool Deliver(const Change& change, const std::stop_token& stop) {
    if (stop.stop_requested()) return false;
    const std::string seen = ResourceVersionOf(change.object);
    if (change.kind == ChangeKind::kBookmark) {
      if (handlers_.bookmark) handlers_.bookmark(seen);
    } else if (handlers_.changed) {
      handlers_.changed(change.kind, change.object);
    }
    if (!seen.empty()) resource_version_ = seen;
    return !stop.stop_requested();
  }

  void Failed(const Error& error, const std::stop_token& stop) {
    if (stop.stop_requested()) return;
    const milliseconds pause = error.retry_after().value_or(NextPause());
    if (handlers_.failed) handlers_.failed(error, pause);
    SleepFor(pause, stop);
  }

  milliseconds NextPause() {
    ++failures_;
    return BackoffPause(options_.backoff_base, options_.backoff_cap, failures_, RandomFraction());
  }

  Client& client_;
  const Gvk gvk_;
  const ReflectorHandlers handlers_;
  const ReflectorOptions options_;
  std::string resource_version_;  // of the reflector's thread; empty: list first
  int failures_ = 0;              // in a row; of the reflector's thread
  std::mutex stopping_;
  std::jthread thread_;
};

Reflector::Reflector(Client& client, Gvk gvk, ReflectorHandlers handlers, ReflectorOptions options)
    : loop_(std::make_unique<Loop>(client, std::move(gvk), std::move(handlers), std::move(options))) {}

Reflector::~Reflector() {
  Stop();
}

void Reflector::Stop() {
  loop_->Stop();
}

}  // namespace meshplay::kube
