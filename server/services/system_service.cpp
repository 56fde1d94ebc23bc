#include <google/protobuf/util/time_util.h>

#include "server/services/convert_common.h"
#include "server/services/internal/method_table.h"

namespace meshplay::services {
namespace {

Result<v1::VersionResponse> GetVersion(const Core& core, const CallContext& /*context*/, const v1::GetVersionRequest&) {
  v1::VersionResponse response;
  response.set_version(core.deps.version);
  response.set_git_sha(core.deps.git_sha);
  response.set_api("meshplay.v1");
  response.set_started(google::protobuf::util::TimeUtil::ToString(ToTimestamp(core.started_unix_ms)));
  return response;
}

}  // namespace

void AddSystem(MethodTable& table) {
  table.Add("System.GetVersion", GetVersion);
}

}  // namespace meshplay::services
