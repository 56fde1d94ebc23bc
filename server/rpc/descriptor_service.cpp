#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>

#include <algorithm>
#include <cctype>

#include "libs/base/ids.h"
#include "libs/base/log.h"
#include "meshplay/api/annotations.pb.h"
#include "server/rpc/internal/descriptor_service.h"
#include "server/rpc/internal/event_stream.h"
#include "server/rpc/status.h"

namespace meshplay::rpc {

namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using grpc::ByteBuffer;
using grpc::internal::CallbackServerStreamingHandler;
using grpc::internal::CallbackUnaryHandler;
using grpc::internal::RpcMethod;
using grpc::internal::RpcServiceMethod;

constexpr std::size_t kMaximumStreams = 256;  ///< Each has a thread.

std::string MetadataOf(const grpc::CallbackServerContext& context, const char* key) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : std::string(found->second.data(), found->second.size());
}

std::string BearerOf(const grpc::CallbackServerContext& context) {
  const std::string value = MetadataOf(context, "authorization");
  if (value.empty()) return {};
  return value.size() > 7 && (value.starts_with("Bearer ") || value.starts_with("bearer ")) ? value.substr(7)
                                                                                            : "malformed";
}

/// The caller's request id or a new one; told back in the initial metadata.
std::string RequestIdOf(grpc::CallbackServerContext& context) {
  std::string id = MetadataOf(context, "x-request-id");
  const bool usable = !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (!usable) id = NewUuidV4();
  context.AddInitialMetadata("x-request-id", id);
  return id;
}

Result<std::string> Text(const ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) return InvalidArgument("REQUEST_INVALID", "the request could not be read");
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

Result<services::CallContext> ContextOf(services::Api& api, const grpc::CallbackServerContext& context,
                                        const std::string& request_id) {
  MP_TRY(security::Caller caller, api.Authenticate(BearerOf(context)));
  return services::CallContext{std::move(caller), request_id, "grpc", {}};
}

/// Finishes one unary call from a worker. Owned by gRPC: deletes itself in OnDone.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  void OnDone() override { delete this; }
  void OnCancel() override { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

 private:
  std::atomic<bool> cancelled_{false};
};

Result<ByteBuffer> RunUnary(services::Api& api, const MethodDescriptor& method,
                            const grpc::CallbackServerContext& context, const std::string& request_bytes,
                            const std::string& request_id, const UnaryCall& call) {
  MP_TRY(services::CallContext call_context, ContextOf(api, context, request_id));
  MP_CHECK(api.Authorise(method, call_context));
  call_context.cancelled = [&call] { return call.cancelled(); };
  const std::unique_ptr<Message> request(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(method.input_type())->New());
  if (!request->ParseFromString(request_bytes)) {
    return InvalidArgument("REQUEST_INVALID", "the request is no valid " + method.input_type()->name());
  }
  MP_TRY(const auto answer, api.Call(method, call_context, *request));
  const std::string bytes = answer->SerializeAsString();
  grpc::Slice slice(bytes);
  return ByteBuffer(&slice, 1);
}

}  // namespace

DescriptorService::DescriptorService(services::Api& api, BoundedPool& workers, const std::atomic<bool>& stopping,
                                     const std::vector<const MethodDescriptor*>& methods)
    : api_(api), workers_(workers), stopping_(stopping) {
  for (const MethodDescriptor* method : methods) {
    names_.push_back("/" + method->service()->full_name() + "/" + method->name());
  }
  for (std::size_t i = 0; i < methods.size(); ++i) {
    const auto type = methods[i]->server_streaming() ? RpcMethod::SERVER_STREAMING : RpcMethod::NORMAL_RPC;
    AddMethod(new RpcServiceMethod(names_[i].c_str(), type, nullptr));  // the base class owns it
    if (methods[i]->server_streaming()) {
      AddEventStream(static_cast<int>(i));
    } else {
      AddUnary(static_cast<int>(i), *methods[i]);
    }
  }
}

void DescriptorService::AddUnary(int index, const MethodDescriptor& method) {
  const auto handler = [this, &method](grpc::CallbackServerContext* context, const ByteBuffer* request,
                                       ByteBuffer* response) -> grpc::ServerUnaryReactor* {
    auto* call = new UnaryCall;
    const std::string request_id = RequestIdOf(*context);
    const auto bytes = Text(*request);
    if (!bytes) {
      call->Finish(ToGrpcStatus(bytes.error(), request_id));
      return call;
    }
    const bool posted = workers_.TryPost([this, &method, context, response, call, request_id, bytes = *bytes] {
      if (call->cancelled()) {  // its deadline passed in the queue
        call->Finish(grpc::Status::CANCELLED);
        return;
      }
      grpc::Status status;
      try {
        auto answer = RunUnary(api_, method, *context, bytes, request_id, *call);
        if (answer) {
          *response = std::move(*answer);
        } else {
          status = ToGrpcStatus(answer.error(), request_id);
        }
      } catch (const std::exception& fault) {
        LogError("call ended by an exception", {{log_key::kError, fault.what()}, {log_key::kRequestId, request_id}});
        status = ToGrpcStatus(Internal("INTERNAL_BUG", "the server made a mistake"), request_id);
      }
      call->Finish(status);
    });
    if (!posted) {
      const Error busy(ErrorCode::kUnavailable, "OVERLOADED", "too many calls are waiting");
      call->Finish(ToGrpcStatus(busy, request_id));
    }
    return call;
  };
  MarkMethodRawCallback(index, new CallbackUnaryHandler<ByteBuffer, ByteBuffer>(handler));
}

void DescriptorService::AddEventStream(int index) {
  const auto handler = [this](grpc::CallbackServerContext* context,
                              const ByteBuffer* request) -> grpc::ServerWriteReactor<ByteBuffer>* {
    const std::string request_id = RequestIdOf(*context);
    auto* stream = new EventStream(stopping_);
    const auto bytes = Text(*request);
    v1::WatchEventsRequest wanted;
    if (!bytes || !wanted.ParseFromString(*bytes)) {
      stream->Refuse(
          ToGrpcStatus(InvalidArgument("REQUEST_INVALID", "the request is no valid WatchEventsRequest"), request_id));
      return stream;
    }
    if (streams_->fetch_add(1) >= kMaximumStreams) {
      streams_->fetch_sub(1);
      const Error full(ErrorCode::kResourceExhausted, "TOO_MANY_STREAMS", "too many event streams are open");
      stream->Refuse(ToGrpcStatus(full, request_id));
      return stream;
    }
    const auto open = [this, context, request_id, wanted](
                          services::CallContext& call_context) -> Result<std::unique_ptr<services::Api::EventCursor>> {
      MP_TRY(call_context, ContextOf(api_, *context, request_id));
      return api_.OpenEvents(call_context, wanted);
    };
    stream->Open(open, request_id, streams_);
    return stream;
  };
  MarkMethodRawCallback(index, new CallbackServerStreamingHandler<ByteBuffer, ByteBuffer>(handler));
}

}  // namespace meshplay::rpc
