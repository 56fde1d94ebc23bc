#pragma once

#include "meshplay/adapter/v1/adapter.grpc.pb.h"
#include "server/hub/internal/context.h"

namespace meshplay::hub {

/// Secrets for the attempt that a session holds, and inventory streams.
class DataService final : public adapter::v1::AdapterData::CallbackService {
 public:
  explicit DataService(Context& context) : context_(context) {}
  grpc::ServerUnaryReactor* ResolveSecrets(grpc::CallbackServerContext* call,
                                           const adapter::v1::ResolveSecretsRequest* request,
                                           adapter::v1::ResolveSecretsResponse* response) override;
  grpc::ServerUnaryReactor* StoreSecret(grpc::CallbackServerContext* call,
                                        const adapter::v1::StoreSecretRequest* request,
                                        adapter::v1::SecretRef* response) override;
  grpc::ServerBidiReactor<adapter::v1::InventoryFrame, adapter::v1::InventoryReply>* SyncInventory(
      grpc::CallbackServerContext* call) override;

 private:
  Context& context_;
};

}  // namespace meshplay::hub
