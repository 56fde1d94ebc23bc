#include "server/services/internal/fingerprint.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "meshplay/api/annotations.pb.h"

namespace meshplay::services {

std::string RequestFingerprint(const google::protobuf::Message& request, const std::vector<std::string_view>& without) {
  const std::unique_ptr<google::protobuf::Message> copy(request.New());
  copy->CopyFrom(request);
  copy->DiscardUnknownFields();
  const google::protobuf::Descriptor& type = *copy->GetDescriptor();
  const google::protobuf::Reflection& reflection = *copy->GetReflection();
  for (const std::string_view name : without) {
    const auto* field = type.FindFieldByName(std::string(name));
    if (field != nullptr) reflection.ClearField(copy.get(), field);
  }
  for (int i = 0; i < type.field_count(); ++i) {
    const auto* field = type.field(i);
    if (!field->options().GetExtension(api::raw_json) || field->is_repeated()) continue;
    const auto parsed = ParseJson(reflection.GetString(*copy, field));
    if (parsed.has_value()) reflection.SetString(copy.get(), field, CanonicalJson(*parsed));
  }
  std::string bytes = type.full_name() + "\n";
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    copy->SerializeToCodedStream(&coded);
  }
  return Sha256Hex(bytes);
}

}  // namespace meshplay::services
