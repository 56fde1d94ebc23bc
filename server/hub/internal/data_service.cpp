#include "server/hub/internal/data_service.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "server/hub/convert_task.h"
#include "server/hub/internal/frame_check.h"
#include "server/hub/internal/identity.h"
#include "server/hub/internal/inventory_stream.h"
#include "server/hub/internal/registry.h"
#include "server/hub/internal/session.h"
#include "server/hub/internal/unary_call.h"
#include "server/security/secret_box.h"

namespace meshplay::hub {
namespace {

constexpr std::uint32_t kMaxRequestBytes = 128 * 1024;
constexpr std::chrono::minutes kUsableFor{10};

/// Who asks for secrets, proven: the adapter of the certificate, its open session, and an attempt that it holds now.
struct Holder {
  std::string adapter_id;
  store::OperationRecord operation;
};

template <class Request>
Result<Holder> CheckHolder(const Context& context, const grpc::CallbackServerContext& call, const Request& request) {
  Holder holder;
  MP_TRY(holder.adapter_id, PeerAdapterId(call, context.authority.trust_domain()));
  MP_CHECK(CheckFrame(request, kMaxRequestBytes));
  const auto session = context.registry.FindOpen(request.session_id());
  const bool own = session != nullptr && session->adapter_id() == holder.adapter_id;
  if (!own ||
      !context.engine.HoldsAttempt(request.session_id(), request.task_id(), request.attempt(), request.fence())) {
    return Error(ErrorCode::kPermissionDenied, "ATTEMPT_NOT_HELD", "this session does not hold the attempt")
        .WithRemediation("Secrets are handed out only while the attempt runs in the session that asks.");
  }
  std::optional<store::OperationRecord> operation;
  const auto read = [&](store::Reader& reader) -> Status {
    MP_TRY(operation, reader.FindOperation("", request.task_id()));
    return {};
  };
  MP_CHECK(context.store.Read(read));
  if (!operation) return NotFound("OPERATION_UNKNOWN", "there is no such operation");
  holder.operation = std::move(*operation);
  return holder;
}

std::string TargetSecretName(const store::OperationRecord& operation, const std::string& name) {
  return "target/" + operation.target_id + "/" + name;
}

Error SecretUnavailable(const std::string& name) {
  return FailedPrecondition("SECRET_UNAVAILABLE", "a secret that the operation needs is not there")
      .WithMetadata("logical_name", name)
      .WithRemediation("Store the secret under this name, then run the operation again.");
}

/// What the target's adapters stored comes first; secrets of people only when the operation type asks for them.
Result<store::SecretRecord> FindSecretOf(store::Reader& reader, const store::OperationRecord& operation,
                                         const std::string& name) {
  MP_TRY(auto own, reader.FindSecret(operation.tenant, TargetSecretName(operation, name)));
  if (own) return std::move(*own);
  const auto& required = operation.traits.required_secrets;
  if (std::find(required.begin(), required.end(), name) == required.end()) return SecretUnavailable(name);
  MP_TRY(auto shared, reader.FindSecret(operation.tenant, name));
  if (!shared) return SecretUnavailable(name);
  return std::move(*shared);
}

store::AuditRecord AuditOf(const Holder& holder, std::string action, std::string object, UnixMs now) {
  store::AuditRecord audit;
  audit.tenant = holder.operation.tenant;
  audit.principal = "adapter/" + holder.adapter_id;
  audit.action = std::move(action);
  audit.object = std::move(object);
  audit.decision = "allowed";
  audit.detail_json = CanonicalJson({{"operation", holder.operation.id}});
  audit.time_unix_ms = now;
  return audit;
}

}  // namespace

grpc::ServerUnaryReactor* DataService::ResolveSecrets(grpc::CallbackServerContext* call,
                                                      const adapter::v1::ResolveSecretsRequest* request,
                                                      adapter::v1::ResolveSecretsResponse* response) {
  return UnaryCall<adapter::v1::ResolveSecretsResponse>::Start(
      context_.pool, response, [this, call, request]() -> Result<adapter::v1::ResolveSecretsResponse> {
        MP_TRY(const Holder holder, CheckHolder(context_, *call, *request));
        adapter::v1::ResolveSecretsResponse answer;
        const auto work = [&](store::Transaction& unit) -> Status {
          answer.Clear();
          for (const std::string& name : request->logical_names()) {
            MP_TRY(const store::SecretRecord record, FindSecretOf(unit, holder.operation, name));
            MP_TRY(const auto data, security::UnsealSecret(context_.sealer, record.name, record.sealed));
            auto& item = *answer.add_items();
            item.set_logical_name(name);
            for (const auto& [key, value] : data) (*item.mutable_data())[key] = value;
            *item.mutable_usable_for() = ToProto(kUsableFor);
            MP_CHECK(unit.AddAudit(
                AuditOf(holder, "adapter.resolve_secret", "secret/" + record.name, context_.clock.NowUnixMs())));
          }
          return {};
        };
        MP_CHECK(context_.store.Write(work));
        return answer;
      });
}

grpc::ServerUnaryReactor* DataService::StoreSecret(grpc::CallbackServerContext* call,
                                                   const adapter::v1::StoreSecretRequest* request,
                                                   adapter::v1::SecretRef* response) {
  return UnaryCall<adapter::v1::SecretRef>::Start(
      context_.pool, response, [this, call, request]() -> Result<adapter::v1::SecretRef> {
        MP_TRY(const Holder holder, CheckHolder(context_, *call, *request));
        if (!IsResourceName(request->name()) || request->data().empty()) {
          return InvalidArgument("SECRET_INVALID", "a secret needs a name and at least one value")
              .WithViolation("/name", "lower-case letters, digits and dashes, at most 63");
        }
        store::SecretRecord record;
        record.tenant = holder.operation.tenant;
        record.name = TargetSecretName(holder.operation, request->name());
        record.version = NewUuidV7();
        record.created_unix_ms = context_.clock.NowUnixMs();
        std::map<std::string, std::string> data;
        for (const auto& [key, value] : request->data()) {
          data[key] = value;
          record.keys.push_back(key);
        }
        std::sort(record.keys.begin(), record.keys.end());
        record.sealed = security::SealSecret(context_.sealer, record.name, data);
        const auto work = [&](store::Transaction& unit) -> Status {
          MP_CHECK(unit.PutSecret(record));
          return unit.AddAudit(
              AuditOf(holder, "adapter.store_secret", "secret/" + record.name, record.created_unix_ms));
        };
        MP_CHECK(context_.store.Write(work));
        adapter::v1::SecretRef reference;
        reference.set_name(request->name());
        reference.set_version(record.version);
        reference.set_logical_name(request->name());
        return reference;
      });
}

grpc::ServerBidiReactor<adapter::v1::InventoryFrame, adapter::v1::InventoryReply>* DataService::SyncInventory(
    grpc::CallbackServerContext* call) {
  return InventoryStream::Start(context_, *call);
}

}  // namespace meshplay::hub
