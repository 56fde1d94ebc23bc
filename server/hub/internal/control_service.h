#pragma once

#include "meshplay/adapter/v1/adapter.grpc.pb.h"
#include "server/hub/internal/context.h"

namespace meshplay::hub {

class ControlService final : public adapter::v1::AdapterControl::CallbackService {
 public:
  explicit ControlService(Context& context) : context_(context) {}
  grpc::ServerBidiReactor<adapter::v1::AdapterFrame, adapter::v1::ServerFrame>* Session(
      grpc::CallbackServerContext* call) override;

 private:
  Context& context_;
};

}  // namespace meshplay::hub
