#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "meshplay/v1/access.pb.h"
#include "server/security/roles.h"

namespace meshplay {
class Clock;
}
namespace meshplay::store {
class Store;
}
namespace meshplay::engine {
class Engine;
struct OperationRequest;
}  // namespace meshplay::engine
namespace meshplay::inventory {
class Inventory;
}
namespace meshplay::policy {
class Policies;
struct OperationWish;
}  // namespace meshplay::policy
namespace meshplay::security {
class TokenAuthority;
class Enrollment;
class CertificateAuthority;
class Sealer;
}  // namespace meshplay::security

namespace meshplay::services {

/// What a door knows of one call.
struct CallContext {
  security::Caller caller;
  std::string request_id;           ///< From the door; in logs, audit rows and error answers.
  std::string origin;               ///< "rest" or "grpc"
  std::function<bool()> cancelled;  ///< May be empty. Long waits ask it.
};

/// What the services stand on. References must outlive the Api.
struct Dependencies {
  store::Store& store;
  engine::Engine& engine;
  inventory::Inventory& inventory;
  policy::Policies& policies;
  security::TokenAuthority& tokens;
  security::Enrollment& enrollment;
  const security::CertificateAuthority& authority;
  const security::Sealer& sealer;
  const Clock& clock;
  std::string hub_address;  ///< What enroll.json tells adapters.
  std::string version;
  std::string git_sha;
  std::set<std::string> approval_categories = {};  ///< Operations of these categories wait for `:approve`: "UNINSTALL".
  double calls_per_second = 0;                     ///< Of one principal, with bursts of twice as many; 0: no limit.
};

/// The public API's methods, free of any door. Both doors find a method by its descriptor and call it here, so they
/// cannot differ.
///
/// Threads: any worker thread; calls block (a read, a group commit, or an asked-for wait), so never from an I/O thread
///          or a gRPC reaction.
class Api {
 public:
  explicit Api(Dependencies dependencies);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// Every method of every service of package meshplay.v1, in proto order. Start-up fails (std::logic_error) when one
  /// has no permission, no route or no implementation.
  const std::vector<const google::protobuf::MethodDescriptor*>& methods() const;

  /// Checks a bearer token ("" is nobody: Anonymous()). Errors: kUnauthenticated TOKEN_INVALID, TOKEN_EXPIRED.
  Result<security::Caller> Authenticate(std::string_view bearer);

  /// Whether the caller may call the method at all; Call asks it again. Doors ask before they read a body.
  /// Errors: kUnauthenticated TOKEN_MISSING, kPermissionDenied PERMISSION_DENIED (audited).
  Status Authorise(const google::protobuf::MethodDescriptor& method, const CallContext& context);

  /// Runs one unary method: authorises by the method's permission option (kUnauthenticated TOKEN_MISSING,
  /// kPermissionDenied PERMISSION_DENIED, audited; kResourceExhausted RATE_LIMITED), checks the request (required
  /// fields, lengths, UTF-8, raw JSON fields), calls the service, writes the audit row of a mutating method in the same
  /// unit as its change. The answer is of the method's output type.
  Result<std::unique_ptr<google::protobuf::Message>> Call(const google::protobuf::MethodDescriptor& method,
                                                          const CallContext& context,
                                                          const google::protobuf::Message& request);

  /// A reader of events for WatchEvents (both doors). Not shared between threads.
  class EventCursor {
   public:
    virtual ~EventCursor() = default;
    /// The next frame: events (at most 500, as soon as there are some), a bookmark when nothing that passes the filter
    /// came for `wait` and the position moved, a reset (then the stream must end), or an empty frame after `wait`.
    virtual Result<v1::EventFrame> Next(std::chrono::milliseconds wait) = 0;
    virtual std::string position() const = 0;  ///< Sync token after the last frame: "<epoch>.<seq>".
  };
  /// Authorises and opens. Errors: as Call; kInvalidArgument SYNC_TOKEN_INVALID. An expired, foreign or future token
  /// is a first frame with a reset.
  Result<std::unique_ptr<EventCursor>> OpenEvents(const CallContext& context, const v1::WatchEventsRequest& request);

  /// What a policy asks of a mesh, as an operation that the engine takes. Errors: as Operations.CreateOperation.
  Result<engine::OperationRequest> PreparePolicyOperation(const policy::OperationWish& wish);

  /// Number of the newest event, and a wait for a newer one: false when the time is over or the store has stopped.
  std::uint64_t NewestEventSeq() const;
  bool WaitForEvents(std::uint64_t seq, std::chrono::milliseconds wait);

  /// For /readyz: empty when ready, else why not.
  std::vector<std::string> NotReadyReasons() const;
  /// Doors close: from now on NotReadyReasons() says "stopping" and mutating methods answer kUnavailable STOPPING.
  void BeginStop();
  /// Gauges for /metrics by name and one label value.
  struct Gauge {
    std::string name, help, label, label_value;
    double value = 0;
  };
  std::vector<Gauge> Gauges() const;

 private:
  struct Services;
  std::unique_ptr<Services> services_;
};

}  // namespace meshplay::services
