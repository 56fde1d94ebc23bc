#pragma once

#include <google/protobuf/descriptor.h>
#include <grpcpp/impl/codegen/service_type.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/bounded_pool.h"
#include "server/services/api.h"

namespace meshplay::rpc {

/// One proto service registered from its descriptor: each method takes and gives raw bytes, as generated code with
/// WithRawCallbackMethod does. So no method can be forgotten and none has code of its own.
class DescriptorService final : public grpc::Service {
 public:
  DescriptorService(services::Api& api, BoundedPool& workers, const std::atomic<bool>& stopping,
                    const std::vector<const google::protobuf::MethodDescriptor*>& methods);

 private:
  void AddUnary(int index, const google::protobuf::MethodDescriptor& method);
  void AddEventStream(int index);

  services::Api& api_;
  BoundedPool& workers_;
  const std::atomic<bool>& stopping_;
  const std::shared_ptr<std::atomic<std::size_t>> streams_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::vector<std::string> names_;  ///< "/meshplay.v1.Operations/GetOperation": gRPC keeps pointers to them.
};

}  // namespace meshplay::rpc
