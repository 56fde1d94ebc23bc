#include "server/rpc/rpc_door.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <map>

#include "libs/base/files.h"
#include "libs/base/tls.h"
#include "server/rpc/internal/descriptor_service.h"

namespace meshplay::rpc {

struct RpcDoor::State {
  State(services::Api& api_in, RpcOptions given)
      : api(api_in), options(std::move(given)), workers("rpc", options.workers, options.worker_queue) {}

  services::Api& api;
  const RpcOptions options;
  BoundedPool workers;
  std::atomic<bool> stopping{false};
  std::vector<std::unique_ptr<DescriptorService>> services;
  std::unique_ptr<grpc::Server> server;
  std::string address;
};

namespace {

bool IsLoopback(const std::string& listen) {
  return listen.starts_with("127.") || listen.starts_with("localhost:") || listen.starts_with("[::1]:") ||
         listen.starts_with("unix:");
}

Result<std::shared_ptr<grpc::ServerCredentials>> Credentials(const RpcOptions& options) {
  if (options.certificate_path.empty() && options.key_path.empty()) {
    if (!IsLoopback(options.listen) && !options.allow_plaintext) {
      return InvalidArgument("PLAINTEXT_REFUSED", "gRPC without TLS is served on loopback addresses only")
          .WithRemediation("Give a certificate and key (rpc.certificate, rpc.key), or set rpc.allow_plaintext.");
    }
    return grpc::InsecureServerCredentials();
  }
  auto chain = ReadFile(options.certificate_path);
  auto key = ReadFile(options.key_path);
  if (!chain || !key || !ReadCertificate(*chain)) {
    return InvalidArgument("TLS_MATERIAL_INVALID", "the certificate or key of the gRPC door cannot be used");
  }
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  tls.pem_key_cert_pairs.push_back({std::move(*key), std::move(*chain)});
  return grpc::SslServerCredentials(tls);
}

}  // namespace

RpcDoor::RpcDoor(std::unique_ptr<State> state) : state_(std::move(state)) {}

RpcDoor::~RpcDoor() {
  Stop(std::chrono::seconds(1));
}

Result<std::unique_ptr<RpcDoor>> RpcDoor::Start(services::Api& api, RpcOptions options) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto state = std::make_unique<State>(api, std::move(options));
  MP_TRY(const auto credentials, Credentials(state->options));

  std::map<std::string, std::vector<const google::protobuf::MethodDescriptor*>> by_service;
  for (const auto* method : api.methods()) by_service[method->service()->full_name()].push_back(method);
  grpc::ServerBuilder builder;
  for (const auto& [name, methods] : by_service) {
    state->services.push_back(std::make_unique<DescriptorService>(api, state->workers, state->stopping, methods));
    builder.RegisterService(state->services.back().get());
  }
  int port = 0;
  builder.AddListeningPort(state->options.listen, credentials, &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
  builder.SetMaxReceiveMessageSize(static_cast<int>(state->options.max_message_bytes));
  state->server = builder.BuildAndStart();
  if (state->server == nullptr || port == 0) {
    return Unavailable("LISTEN_FAILED", "cannot listen on " + state->options.listen)
        .WithRemediation("Another process may use the port, or the certificate and key do not fit; see --grpc-listen.");
  }
  state->address = state->options.listen.substr(0, state->options.listen.rfind(':')) + ":" + std::to_string(port);
  return std::unique_ptr<RpcDoor>(new RpcDoor(std::move(state)));
}

std::string RpcDoor::address() const {
  return state_->address;
}

void RpcDoor::Stop(std::chrono::milliseconds bound) {
  if (state_->server == nullptr || state_->stopping.exchange(true)) return;
  if (auto* health = state_->server->GetHealthCheckService()) health->SetServingStatus(false);
  state_->server->Shutdown(std::chrono::system_clock::now() + bound);
  state_->workers.Drain();
  state_->server->Wait();
}

}  // namespace meshplay::rpc
