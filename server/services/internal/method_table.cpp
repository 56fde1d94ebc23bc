#include "server/services/internal/method_table.h"

#include "meshplay/api/annotations.pb.h"
#include "server/services/api_files.h"

namespace meshplay::services {
namespace {

void CheckOptions(const google::protobuf::MethodDescriptor& method) {
  const auto& options = method.options();
  const std::string name = method.full_name();
  if (!options.HasExtension(api::route)) throw std::logic_error(name + " has no route");
  if (options.GetExtension(api::permission) == api::PERMISSION_UNSPECIFIED) {
    throw std::logic_error(name + " has no permission");
  }
  if (options.GetExtension(api::doc).summary().empty()) throw std::logic_error(name + " has no summary");
}

}  // namespace

const google::protobuf::MethodDescriptor* MethodTable::Find(std::string_view name) {
  const std::string full = "meshplay.v1." + std::string(name);
  for (const auto* file : ApiFiles()) {
    const auto* method = file->pool()->FindMethodByName(full);
    if (method != nullptr) return method;
  }
  throw std::logic_error("there is no method " + full);
}

void MethodTable::AddStream(std::string_view name) {
  handlers_[Find(name)] = [](const CallContext&,
                             const google::protobuf::Message&) -> Result<std::unique_ptr<google::protobuf::Message>> {
    return Error(ErrorCode::kUnimplemented, "METHOD_STREAMS", "the method answers with a stream");
  };
}

const MethodTable::Handler* MethodTable::FindHandler(const google::protobuf::MethodDescriptor& method) const {
  const auto found = handlers_.find(&method);
  return found == handlers_.end() ? nullptr : &found->second;
}

std::vector<const google::protobuf::MethodDescriptor*> MethodTable::Complete() const {
  std::vector<const google::protobuf::MethodDescriptor*> methods;
  for (const auto* file : ApiFiles()) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const auto* method = file->service(s)->method(m);
        CheckOptions(*method);
        if (FindHandler(*method) == nullptr) throw std::logic_error(method->full_name() + " has no implementation");
        methods.push_back(method);
      }
    }
  }
  return methods;
}

}  // namespace meshplay::services
