#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"

namespace meshplay::store {
class Store;
}
namespace meshplay::engine {
class Engine;
}
namespace meshplay::inventory {
class Inventory;
}
namespace meshplay::security {
class CertificateAuthority;
class Enrollment;
class Sealer;
}  // namespace meshplay::security

namespace meshplay::hub {

struct HubOptions {
  std::string listen = "127.0.0.1:0";                                  ///< "host:port"; port 0 takes a free one.
  std::vector<std::string> server_names = {"localhost", "127.0.0.1"};  ///< DNS names and addresses of the certificate.
  std::string server_instance = "meshplay";                            ///< Told to adapters, for diagnosis.
  std::chrono::milliseconds lease_ttl{30'000};  ///< Must equal EngineOptions::lease_ttl; heartbeat ttl/3, guard ttl/6.
  std::chrono::milliseconds step_timeout{10'000};            ///< Must equal EngineOptions::default_step_timeout.
  std::chrono::milliseconds hello_timeout{10'000};           ///< From the start of the stream to its first frame.
  std::chrono::milliseconds max_session_age{6 * 3'600'000};  ///< Then the session is asked to reconnect.
  std::uint32_t max_frame_bytes = 2 * 1024 * 1024;           ///< Of a control frame; at most 4 MiB.
  std::uint32_t max_updates_per_second = 10;                 ///< Told to adapters, per task.
  std::uint32_t max_unacked_updates = 64;                    ///< Told to adapters, per task.
  std::uint32_t max_nacks = 20;                              ///< Per minute; more ends the session.
  std::uint32_t max_queued_frames = 4'096;  ///< Outbound, per session; more ends the session (resumable).
  std::uint32_t inventory_batch = 500;      ///< Items of one commit.
  std::uint32_t inventory_credit = 2'000;   ///< Items that an adapter may send ahead.
  std::size_t threads = 4;
};

/// The door for adapters: enrolment, sessions, secrets, inventory streams; gRPC with mutual TLS on one port.
///
/// A caller without a client certificate may only Enroll; everyone else is the adapter that the one SPIFFE ID of its
/// certificate names. What arrives goes to the engine and the inventory in the order of each session; what the engine
/// sends leaves as frames. Nothing here is durable: a cut session resumes from the store.
/// Threads: any thread may call any method. Handlers run on a pool of the hub's own.
/// Ownership: keeps references to everything it is given; the engine must be stopped after the hub.
class Hub {
 public:
  /// Forgets the sessions of the last process, then listens.
  /// Errors: kInvalidArgument HUB_OPTIONS_INVALID; kUnavailable HUB_LISTEN_FAILED; those of the store and the CA.
  static Result<std::unique_ptr<Hub>> Start(HubOptions options, engine::Engine& engine, inventory::Inventory& inventory,
                                            security::Enrollment& enrollment,
                                            const security::CertificateAuthority& authority,
                                            const security::Sealer& sealer, store::Store& store, const Clock& clock);
  ~Hub();  ///< Stop.
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  int port() const;
  std::string address() const;  ///< "host:port", with the port that was taken.

  /// Refuses new sessions, asks the open ones to reconnect later, and returns when all are gone or `bound` is over.
  void Drain(std::chrono::milliseconds bound);
  /// Ends what is open (UNAVAILABLE) and joins all threads. Idempotent.
  void Stop();

  /// Asks one adapter to reconnect, or ends its session at once. False when it has none here. A revoked adapter's
  /// session ends by itself within a second.
  bool DrainAdapter(const std::string& adapter_id, const std::string& reason);
  bool CloseAdapter(const std::string& adapter_id, const std::string& reason);

  /// For /metrics: sessions, inventory_streams, frames_received, frames_sent, nacks_sent, sessions_opened,
  /// sessions_refused.
  std::vector<std::pair<std::string, std::uint64_t>> Counts() const;

 private:
  struct State;
  explicit Hub(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace meshplay::hub
