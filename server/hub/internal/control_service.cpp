#include "server/hub/internal/control_service.h"

#include "server/hub/internal/session.h"

namespace meshplay::hub {

grpc::ServerBidiReactor<adapter::v1::AdapterFrame, adapter::v1::ServerFrame>* ControlService::Session(
    grpc::CallbackServerContext* call) {
  return hub::Session::Start(context_, *call);
}

}  // namespace meshplay::hub
