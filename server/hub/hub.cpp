#include "server/hub/hub.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "libs/base/log.h"
#include "server/hub/internal/context.h"
#include "server/hub/internal/control_service.h"
#include "server/hub/internal/data_service.h"
#include "server/hub/internal/enrollment_service.h"
#include "server/hub/internal/registry.h"
#include "server/hub/internal/server_identity.h"
#include "server/hub/internal/session.h"

namespace meshplay::hub {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPoolQueue = 65'536;
constexpr int kReceiveLimit = 4 * 1024 * 1024;
constexpr std::chrono::milliseconds kReconnectAfterDrain{1'000};

Status CheckOptions(const HubOptions& options) {
  const bool good = options.lease_ttl >= 300ms && options.hello_timeout > 0ms && options.threads >= 1 &&
                    options.max_frame_bytes >= 1024 && options.max_frame_bytes <= kReceiveLimit &&
                    options.inventory_batch >= 1 && options.inventory_batch <= 10'000 &&
                    options.inventory_credit >= options.inventory_batch && options.max_nacks >= 1;
  if (!good) return InvalidArgument("HUB_OPTIONS_INVALID", "an option of the hub is out of its range");
  return {};
}

}  // namespace

struct Hub::State {
  State(HubOptions given, engine::Engine& engine, inventory::Inventory& inventory, security::Enrollment& enrollment,
        const security::CertificateAuthority& authority, const security::Sealer& sealer, store::Store& store,
        const Clock& clock)
      : options(std::move(given)),
        pool("hub", options.threads, kPoolQueue),
        context{options, engine, inventory, enrollment, authority, sealer, store, clock, pool, registry, counters},
        enrollment_service(context),
        control_service(context),
        data_service(context) {}

  Status Listen();
  void Watch();
  void EndRevoked();

  const HubOptions options;
  Counters counters;
  Registry registry;
  BoundedPool pool;
  Context context;
  EnrollmentService enrollment_service;
  ControlService control_service;
  DataService data_service;
  std::unique_ptr<ServerIdentity> identity;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  std::uint64_t seen_event = 0;
  std::thread watcher;
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  bool stopped = false;
};

Status Hub::State::Listen() {
  MP_TRY(identity, ServerIdentity::Create(context.authority, options.server_names, context.clock));
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.listen, identity->Credentials(), &port);
  builder.RegisterService(&enrollment_service);
  builder.RegisterService(&control_service);
  builder.RegisterService(&data_service);
  builder.SetMaxReceiveMessageSize(kReceiveLimit);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 64);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 * 1024);
  server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return Unavailable("HUB_LISTEN_FAILED", "the hub cannot listen on " + options.listen)
        .WithRemediation("Is another server using the port?");
  }
  return {};
}

/// A revoked adapter's certificate stays valid for hours; its session must not.
void Hub::State::EndRevoked() {
  while (seen_event < context.store.NewestEventSeq()) {
    std::vector<store::EventRecord> events;
    store::EventQuery query;
    query.after_seq = seen_event;
    query.kind = "adapter.revoked";
    const std::uint64_t newest = context.store.NewestEventSeq();
    const auto read = [&](store::Reader& reader) -> Status {
      MP_TRY(events, reader.ListEvents(query));
      return {};
    };
    if (!context.store.Read(read)) return;
    for (const store::EventRecord& event : events) {
      const std::string adapter_id = event.subject.substr(event.subject.find('/') + 1);
      if (const auto session = context.registry.FindAdapter(adapter_id)) {
        session->End(Error(ErrorCode::kPermissionDenied, "ADAPTER_REVOKED", "the adapter was revoked"));
      }
    }
    seen_event = events.size() < query.limit ? newest : events.back().seq;
  }
}

void Hub::State::Watch() {
  const auto tick = std::clamp(std::min(options.lease_ttl / 8, options.hello_timeout / 4), 10ms, 500ms);
  BootTime last = context.clock.NowBoot();
  BootTime leases_count_from = last;
  std::unique_lock lock(mutex);
  while (!stopping) {
    wake.wait_for(lock, tick);
    lock.unlock();
    const BootTime now = context.clock.NowBoot();
    // After a pause of our own, adapters get the time to be heard before a lease is called over.
    if (now - last > options.lease_ttl / 2) leases_count_from = now + options.lease_ttl / 2;
    last = now;
    for (const std::shared_ptr<Session>& session : registry.All()) session->Tick(now, now >= leases_count_from);
    EndRevoked();
    if (const auto renewed = identity->RenewIfDue(); !renewed) {
      LogError("the hub's certificate could not be renewed", {{log_key::kReason, renewed.error().reason()}});
    }
    lock.lock();
  }
}

Hub::Hub(std::unique_ptr<State> state) : state_(std::move(state)) {}

Hub::~Hub() {
  Stop();
}

Result<std::unique_ptr<Hub>> Hub::Start(HubOptions options, engine::Engine& engine, inventory::Inventory& inventory,
                                        security::Enrollment& enrollment,
                                        const security::CertificateAuthority& authority, const security::Sealer& sealer,
                                        store::Store& store, const Clock& clock) {
  MP_CHECK(CheckOptions(options));
  MP_CHECK(inventory.ForgetSessions());
  auto state =
      std::make_unique<State>(std::move(options), engine, inventory, enrollment, authority, sealer, store, clock);
  state->seen_event = store.NewestEventSeq();
  MP_CHECK(state->Listen());
  state->watcher = std::thread([raw = state.get()] { raw->Watch(); });
  LogInfo("hub listens", {{"port", state->port}});
  return std::unique_ptr<Hub>(new Hub(std::move(state)));
}

std::string Hub::address() const {
  const std::string& listen = state_->options.listen;
  return listen.substr(0, listen.rfind(':') + 1) + std::to_string(state_->port);
}

int Hub::port() const {
  return state_->port;
}

void Hub::Drain(std::chrono::milliseconds bound) {
  state_->registry.BeginDrain();
  for (const std::shared_ptr<Session>& session : state_->registry.All()) {
    session->SendDrain("the server goes away", kReconnectAfterDrain);
  }
  state_->registry.WaitUntilEmpty(bound);
}

void Hub::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopped) return;
    state_->stopped = true;
  }
  state_->registry.BeginDrain();
  for (const std::shared_ptr<Session>& session : state_->registry.All()) {
    session->End(Unavailable("DRAINING", "the server goes away; connect again"));
  }
  state_->registry.WaitUntilEmpty(3s);
  state_->server->Shutdown(std::chrono::system_clock::now() + 200ms);
  state_->registry.WaitUntilEmpty(5s);
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  state_->watcher.join();
  state_->pool.Drain();
  state_->server.reset();
}

bool Hub::DrainAdapter(const std::string& adapter_id, const std::string& reason) {
  const auto session = state_->registry.FindAdapter(adapter_id);
  if (session == nullptr) return false;
  session->SendDrain(reason, kReconnectAfterDrain);
  return true;
}

bool Hub::CloseAdapter(const std::string& adapter_id, const std::string& reason) {
  const auto session = state_->registry.FindAdapter(adapter_id);
  if (session == nullptr) return false;
  session->End(Error(ErrorCode::kPermissionDenied, "SESSION_CLOSED", reason));
  return true;
}

std::vector<std::pair<std::string, std::uint64_t>> Hub::Counts() const {
  const Counters& counters = state_->counters;
  return {{"sessions", state_->registry.size()},
          {"inventory_streams", counters.inventory_streams.load()},
          {"frames_received", counters.frames_received.load()},
          {"frames_sent", counters.frames_sent.load()},
          {"nacks_sent", counters.nacks_sent.load()},
          {"sessions_opened", counters.sessions_opened.load()},
          {"sessions_refused", counters.sessions_refused.load()}};
}

}  // namespace meshplay::hub
