#include <algorithm>

#include "adapters/kube/client.h"
#include "adapters/kube/internal/answer.h"
#include "adapters/kube/internal/paths.h"
#include "adapters/kube/internal/transport.h"
#include "adapters/kube/internal/watch_lines.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A server that is still there ends the watch itself; this much later it is not.
constexpr std::chrono::seconds kServerOverrun{30};
constexpr milliseconds kPollPause{500};
constexpr int kMaxIncarnations = 5;

Error NotGoneInTime(const ObjectRef& ref, const json& object) {
  std::string finalizers;
  const json& list = ValueAt(object, "/metadata/finalizers");
  for (const json& item : list.is_array() ? list : json::array()) {
    if (item.is_string()) finalizers += (finalizers.empty() ? "" : ", ") + item.get<std::string>();
  }
  return Error(ErrorCode::kDeadlineExceeded, "OBJECT_NOT_GONE_IN_TIME",
               ref.ToString() + " is marked for deletion but still there")
      .WithMetadata("finalizers", finalizers)
      .WithRemediation("Find out why the controller of the named finalizers does not finish.");
}

}  // namespace

Result<WatchOutcome> Client::Watch(const Gvk& gvk, const Selection& selection, const WatchOptions& options,
                                   const std::function<bool(const Change&)>& handler, const Call& call) {
  const Budget budget = BudgetOf(call);
  RestRequest request;
  MP_TRY(request.path, CollectionPath(gvk, selection.name_space, budget));
  request.path += Query({{"watch", "1"},
                         {"labelSelector", selection.label_selector},
                         {"fieldSelector", selection.field_selector},
                         {"resourceVersion", options.resource_version},
                         {"allowWatchBookmarks", options.bookmarks ? "true" : ""},
                         {"timeoutSeconds", std::to_string(options.server_timeout.count())}});
  WatchReader reader(gvk, options.resource_version, handler);
  LineSplitter lines(options_.max_watch_event_bytes);
  bool too_long = false;
  const auto on_chunk = [&](std::string_view chunk) {
    const auto outcome = lines.Feed(chunk, [&](std::string_view line) { return reader.OnLine(line); });
    too_long = outcome == LineSplitter::Outcome::kTooLong;
    return outcome == LineSplitter::Outcome::kGoOn && !call.stop.stop_requested();
  };
  auto answer = transport_->Stream(request, budget, options.server_timeout + kServerOverrun, on_chunk);
  if (reader.error()) return *reader.error();
  if (too_long) {
    return Error(ErrorCode::kResourceExhausted, "TARGET_ANSWER_TOO_LARGE", "a watch event is larger than allowed");
  }
  WatchOutcome outcome = reader.outcome();
  if (outcome.end != WatchEnd::kServerClosed) return outcome;
  if (call.stop.stop_requested()) return Error(ErrorCode::kCancelled, "CANCELLED", "the watch was cancelled");
  if (answer) return outcome;
  if (answer.error().reason() == "RESOURCE_VERSION_EXPIRED") {
    outcome.end = WatchEnd::kExpired;
    return outcome;
  }
  return Noticed(std::move(answer).error());
}

Status Client::DeleteAndWait(const ObjectRef& ref, const DeleteOptions& options, milliseconds wait,
                             std::stop_token stop) {
  const auto deadline = steady_clock::now() + wait;
  DeleteOptions exact = options;
  bool asked = false;
  int attempt = 0;
  while (true) {
    MP_TRY(const std::optional<json> object, Find(ref, {stop}));
    if (!object || (!exact.uid.empty() && UidOf(*object) != exact.uid)) return {};
    if (!asked) {
      exact.uid = UidOf(*object);
      const auto end = Delete(ref, exact, {stop});
      if (!end) {
        // Replaced between the look and the deletion: the new object is asked for, unless the caller named the old one.
        const bool replaced = end.error().reason() == "OBJECT_CONFLICT" && options.uid.empty() &&
                              options.resource_version.empty() && ++attempt < kMaxIncarnations;
        if (!replaced) return end.error();
        exact.uid.clear();
        continue;
      }
      if (*end != DeleteEnd::kWaitingForFinalizers || options.dry_run) return {};
      asked = true;
      continue;
    }
    const auto left = std::chrono::ceil<std::chrono::seconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return NotGoneInTime(ref, *object);
    WatchOptions watch;
    watch.resource_version = ResourceVersionOf(*object);
    watch.server_timeout = std::clamp(left, std::chrono::seconds(1), std::chrono::seconds(300));
    const auto until_gone = [&](const Change& change) {
      return change.kind != ChangeKind::kDeleted || UidOf(change.object) != exact.uid;
    };
    const auto outcome = Watch(ref.gvk, {ref.name_space, "", "metadata.name=" + ref.name}, watch, until_gone, {stop});
    if (outcome && outcome->end == WatchEnd::kHandlerStopped) return {};
    // Without the right to watch, or with a server that ends watches early, looking again from time to time does as
    // well.
    if (!SleepFor(kPollPause, stop)) return Error(ErrorCode::kCancelled, "CANCELLED", "the wait was cancelled");
  }
}

}  // namespace meshplay::kube
