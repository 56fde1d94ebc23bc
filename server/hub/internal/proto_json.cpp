#include "server/hub/internal/proto_json.h"

#include <google/protobuf/util/json_util.h>

namespace meshplay::hub {

Result<std::string> ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return InvalidArgument("FRAME_INVALID", "a message of the frame cannot be kept as JSON");
  return json;
}

}  // namespace meshplay::hub
