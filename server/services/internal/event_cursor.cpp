#include "server/services/internal/event_cursor.h"

#include <algorithm>

#include "server/services/convert_access.h"

namespace meshplay::services {
namespace {

constexpr std::uint32_t kPage = 500;
constexpr std::chrono::milliseconds kWaitSlice{1'000};  // How soon a stop is noticed.

class Cursor final : public Api::EventCursor {
 public:
  Cursor(const Core& core, security::Caller caller, const v1::WatchEventsRequest& request, std::uint64_t epoch,
         std::uint64_t seq)
      : core_(core), caller_(std::move(caller)), epoch_(epoch), announced_(seq), scanned_(seq) {
    query_.tenant = caller_.tenant;
    query_.subject = request.subject();
    query_.kind = request.kind();
    query_.limit = kPage;
  }

  Result<v1::EventFrame> Next(std::chrono::milliseconds wait) override {
    const auto deadline = std::chrono::steady_clock::now() + wait;
    while (true) {
      MP_TRY(v1::EventFrame frame, ReadFrame());
      if (frame.events_size() > 0 || frame.has_reset()) return frame;
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return Silence();
      const auto slice = std::min(left, kWaitSlice);
      const auto slice_ends = std::chrono::steady_clock::now() + slice;
      const bool news = core_.deps.store.WaitForEvents(scanned_, slice);
      // Woken early without news only when the store has stopped; waiting again would spin.
      if (core_.stopping || (!news && std::chrono::steady_clock::now() < slice_ends)) {
        return Unavailable("STOPPING", "the server is shutting down").WithRetryAfter(std::chrono::milliseconds(1'000));
      }
    }
  }

  std::string position() const override { return SyncToken(epoch_, announced_); }

 private:
  Result<v1::EventFrame> ReadFrame() {
    if (caller_.expires_unix_ms != 0 && caller_.expires_unix_ms <= core_.deps.clock.NowUnixMs()) {
      return Error(ErrorCode::kUnauthenticated, "TOKEN_EXPIRED", "the token has expired");
    }
    return ReadFrom<v1::EventFrame>(core_, [this](store::Reader& reader) { return ReadFrame(reader); });
  }

  Result<v1::EventFrame> ReadFrame(store::Reader& reader) {
    if (!caller_.token_id.empty()) {
      MP_TRY(const std::optional<store::ApiTokenRecord> token, reader.FindApiToken(caller_.token_id));
      if (!token) return Error(ErrorCode::kUnauthenticated, "TOKEN_INVALID", "the token was revoked");
    }
    v1::EventFrame frame;
    MP_TRY(const store::EventHorizon horizon, reader.Horizon());
    const char* reason = epoch_ != horizon.epoch         ? "EPOCH_CHANGED"
                         : scanned_ > horizon.newest     ? "FROM_THE_FUTURE"
                         : scanned_ + 1 < horizon.oldest ? "TOO_OLD"
                                                         : nullptr;
    if (reason != nullptr) {
      v1::EventReset& reset = *frame.mutable_reset();
      reset.set_oldest(SyncToken(horizon.epoch, horizon.oldest));
      reset.set_newest(SyncToken(horizon.epoch, horizon.newest));
      reset.set_epoch(horizon.epoch);
      reset.set_reason(reason);
      return frame;
    }
    query_.after_seq = scanned_;
    MP_TRY(const std::vector<store::EventRecord> rows, reader.ListEvents(query_));
    for (const store::EventRecord& row : rows) *frame.add_events() = ToEvent(row, epoch_);
    scanned_ = rows.size() == kPage ? rows.back().seq : horizon.newest;
    if (!rows.empty()) announced_ = scanned_;
    return frame;
  }

  v1::EventFrame Silence() {
    v1::EventFrame frame;
    if (scanned_ == announced_) return frame;
    announced_ = scanned_;
    frame.set_bookmark(position());
    return frame;
  }

  const Core& core_;
  security::Caller caller_;
  store::EventQuery query_;
  std::uint64_t epoch_;
  std::uint64_t announced_;  ///< What the reader of the frames knows to have seen.
  std::uint64_t scanned_;    ///< What was looked at, hidden events included.
};

}  // namespace

Result<std::unique_ptr<Api::EventCursor>> OpenEventCursor(const Core& core, const CallContext& context,
                                                          const v1::WatchEventsRequest& request) {
  std::pair<std::uint64_t, std::uint64_t> since;
  if (request.since().empty()) {
    using Position = std::pair<std::uint64_t, std::uint64_t>;
    MP_TRY(since, ReadFrom<Position>(core, [](store::Reader& reader) -> Result<Position> {
             MP_TRY(const store::EventHorizon horizon, reader.Horizon());
             return Position(horizon.epoch, horizon.oldest == 0 ? horizon.newest : horizon.oldest - 1);
           }));
  } else {
    MP_TRY(since, ParseSyncToken(request.since()));
  }
  return std::unique_ptr<Api::EventCursor>(
      std::make_unique<Cursor>(core, context.caller, request, since.first, since.second));
}

}  // namespace meshplay::services
