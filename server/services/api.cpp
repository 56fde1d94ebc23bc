#include "server/services/api.h"

#include <nlohmann/json.hpp>

#include "libs/base/log.h"
#include "meshplay/api/annotations.pb.h"
#include "server/services/internal/core.h"
#include "server/services/internal/event_cursor.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/policy_operation.h"
#include "server/services/internal/rate_limit.h"
#include "server/services/internal/request_checks.h"

namespace meshplay::services {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr std::uint32_t kCountPage = 1000;
constexpr std::uint32_t kCountMeshes = 10'000;

security::Permission PermissionOf(const MethodDescriptor& method) {
  // The numbers of the two enums are the same by contract (a test compares the names).
  return static_cast<security::Permission>(method.options().GetExtension(api::permission));
}

bool Changes(const MethodDescriptor& method) {
  switch (PermissionOf(method)) {
    case security::Permission::kOperate:
    case security::Permission::kAdminister:
    case security::Permission::kManageAccess:
    case security::Permission::kApprove:
      return method.options().GetExtension(api::route).method() != "GET";
    case security::Permission::kUnspecified:
    case security::Permission::kPublic:
    case security::Permission::kAuthenticated:
    case security::Permission::kRead:
    case security::Permission::kReadAudit:
      return false;
  }
  return false;
}

/// Meshes of policies by state, and what policies did since the start.
void AddPolicyGauges(const Core& core, std::vector<Api::Gauge>& gauges) {
  std::map<std::string, std::uint64_t> states;
  std::uint64_t policies = 0;
  const Status read = core.deps.store.Read([&](store::Reader& reader) -> Status {
    MP_TRY(const auto rows, reader.ListPolicies(std::string(security::kDefaultTenant), "", kCountPage));
    policies = rows.size();
    for (const store::PolicyRecord& row : rows) {
      MP_TRY(const auto meshes, reader.ListPolicyMeshes(row.uid, "", kCountMeshes));
      for (const store::PolicyMeshRecord& mesh : meshes) ++states[mesh.state];
    }
    return {};
  });
  if (!read.has_value()) return;
  gauges.push_back({"meshplay_policies", "Policies", "", "", static_cast<double>(policies)});
  for (const auto& [state, count] : states) {
    gauges.push_back(
        {"meshplay_policy_meshes", "Meshes of policies by state", "state", state, static_cast<double>(count)});
  }
  const auto counters = core.deps.policies.Counters();
  for (const auto& [name, count] : counters) {
    gauges.push_back(
        {"meshplay_policy_actions", "What policies did since the start", "action", name, static_cast<double>(count)});
  }
}

std::string ActionOf(const MethodDescriptor& method) {
  return method.service()->name() + "." + method.name();
}

}  // namespace

struct Api::Services {
  explicit Services(Dependencies dependencies)
      : core(std::move(dependencies)), limit(core.deps.clock, core.deps.calls_per_second), table(core) {
    AddClusters(table);
    AddTargets(table);
    AddAdapters(table);
    AddOperations(table);
    AddMeshes(table);
    AddObjects(table);
    AddPolicies(table);
    AddEnvironments(table);
    AddEvents(table);
    AddAccess(table);
    AddSecrets(table);
    AddSmi(table);
    AddConformance(table);
    AddSystem(table);
    methods = table.Complete();
  }

  Status Authorise(const MethodDescriptor& method, const CallContext& context) const {
    const security::Permission permission = PermissionOf(method);
    if (permission == security::Permission::kPublic) return {};
    if (context.caller.token_id.empty() && context.caller.roles.empty()) {
      return Error(ErrorCode::kUnauthenticated, "TOKEN_MISSING", "a token is needed")
          .WithRemediation("Send Authorization: Bearer TOKEN.");
    }
    if (security::Allows(context.caller.roles, permission)) return {};
    const store::AuditRecord audit = AuditOf(core, context, ActionOf(method), method.full_name(), "denied",
                                             {{"permission", security::PermissionName(permission)}});
    const Status written = core.deps.store.Write([&audit](store::Transaction& tx) { return tx.AddAudit(audit); });
    if (!written.has_value()) {
      LogWarning("a refusal is missing in the audit log", {{log_key::kReason, written.error().reason()},
                                                           {log_key::kPrincipal, context.caller.principal},
                                                           {log_key::kRequestId, context.request_id}});
    }
    return Error(ErrorCode::kPermissionDenied, "PERMISSION_DENIED", "the caller's roles do not allow this")
        .WithMetadata("permission", std::string(security::PermissionName(permission)))
        .WithRemediation("Ask for a token with a role that has this permission; GET /v1/roles lists them.");
  }

  Result<std::unique_ptr<Message>> Call(const MethodDescriptor& method, const CallContext& context,
                                        const Message& request) const {
    const MethodTable::Handler* handler = table.FindHandler(method);
    if (handler == nullptr) {
      return Error(ErrorCode::kUnimplemented, "METHOD_UNKNOWN", "this server does not have the method");
    }
    MP_CHECK(Authorise(method, context));
    MP_CHECK(limit.Take(context.caller.principal));
    if (core.stopping && Changes(method)) {
      return Unavailable("STOPPING", "the server is shutting down").WithRetryAfter(std::chrono::milliseconds(1'000));
    }
    MP_CHECK(CheckRequest(request));
    return (*handler)(context, request);
  }

  Core core;
  mutable RateLimit limit;
  MethodTable table;
  std::vector<const MethodDescriptor*> methods;
};

Api::Api(Dependencies dependencies) : services_(std::make_unique<Services>(std::move(dependencies))) {}
Api::~Api() = default;

const std::vector<const MethodDescriptor*>& Api::methods() const {
  return services_->methods;
}

Result<security::Caller> Api::Authenticate(std::string_view bearer) {
  if (bearer.empty()) return security::Anonymous();
  return services_->core.deps.tokens.Verify(bearer);
}

Status Api::Authorise(const MethodDescriptor& method, const CallContext& context) {
  return services_->Authorise(method, context);
}

Result<engine::OperationRequest> Api::PreparePolicyOperation(const policy::OperationWish& wish) {
  return services::PreparePolicyOperation(services_->core, wish);
}

std::uint64_t Api::NewestEventSeq() const {
  return services_->core.deps.store.NewestEventSeq();
}

bool Api::WaitForEvents(std::uint64_t seq, std::chrono::milliseconds wait) {
  return services_->core.deps.store.WaitForEvents(seq, wait);
}

Result<std::unique_ptr<Message>> Api::Call(const MethodDescriptor& method, const CallContext& context,
                                           const Message& request) {
  try {
    return services_->Call(method, context, request);
  } catch (const std::exception& fault) {
    LogError(
        "a method threw",
        {{"method", method.full_name()}, {log_key::kRequestId, context.request_id}, {log_key::kError, fault.what()}});
  } catch (...) {
    LogError("a method threw", {{"method", method.full_name()}, {log_key::kRequestId, context.request_id}});
  }
  return Internal("INTERNAL_BUG", "the server has a fault of its own").WithMetadata("request_id", context.request_id);
}

Result<std::unique_ptr<Api::EventCursor>> Api::OpenEvents(const CallContext& context,
                                                          const v1::WatchEventsRequest& request) {
  const MethodDescriptor* method =
      request.GetDescriptor()->file()->FindServiceByName("Events")->FindMethodByName("WatchEvents");
  MP_CHECK(services_->Authorise(*method, context));
  MP_CHECK(CheckRequest(request));
  return OpenEventCursor(services_->core, context, request);
}

std::vector<std::string> Api::NotReadyReasons() const {
  std::vector<std::string> reasons;
  if (services_->core.stopping) reasons.emplace_back("stopping");
  switch (services_->core.deps.store.Health()) {
    case store::StoreHealth::kOk:
    case store::StoreHealth::kReadOnly:  // Reads and streams go on: the answer to a change says STORAGE_FULL.
      break;
    case store::StoreHealth::kFailed:
      reasons.emplace_back("store failed");
      return reasons;
  }
  if (services_->core.deps.store.IsChecking()) reasons.emplace_back("checking the database after an unclean stop");
  const Status read = services_->core.deps.store.Read([](store::Reader& reader) -> Status {
    MP_TRY([[maybe_unused]] const store::EventHorizon horizon, reader.Horizon());
    return {};
  });
  if (!read.has_value()) reasons.emplace_back("store does not answer");
  return reasons;
}

void Api::BeginStop() {
  services_->core.stopping = true;
}

std::vector<Api::Gauge> Api::Gauges() const {
  std::vector<Gauge> gauges;
  for (const auto& [state, count] : services_->core.deps.engine.Counts()) {
    gauges.push_back({"meshplay_operations", "Operations by state", "state", state, static_cast<double>(count)});
  }
  std::uint64_t connected = 0;
  std::uint64_t enrolled = 0;
  const Status read = services_->core.deps.store.Read([&](store::Reader& reader) -> Status {
    std::string after;
    for (bool more = true; more;) {
      MP_TRY(const std::vector<store::AdapterRecord> rows,
             reader.ListAdapters(std::string(security::kDefaultTenant), "", after, kCountPage));
      for (const store::AdapterRecord& row : rows) {
        if (row.state != "REVOKED") ++enrolled;
        if (row.connected) ++connected;
      }
      more = rows.size() == kCountPage;
      if (more) after = rows.back().id;
    }
    return {};
  });
  if (read.has_value()) {
    gauges.push_back({"meshplay_adapters", "Adapters by state", "state", "enrolled", static_cast<double>(enrolled)});
    gauges.push_back({"meshplay_adapters", "Adapters by state", "state", "connected", static_cast<double>(connected)});
  }
  AddPolicyGauges(services_->core, gauges);
  const auto newest = static_cast<double>(services_->core.deps.store.NewestEventSeq());
  gauges.push_back({"meshplay_event_newest_seq", "Number of the newest event", "", "", newest});
  const bool writable = services_->core.deps.store.Health() == store::StoreHealth::kOk;
  gauges.push_back({"meshplay_store_writable", "1 while the store takes writes", "", "", writable ? 1.0 : 0.0});
  return gauges;
}

}  // namespace meshplay::services
