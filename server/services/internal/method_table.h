#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/services/internal/core.h"

namespace meshplay::services {

/// Method descriptor -> function. Filled when the server starts, constant afterwards.
class MethodTable {
 public:
  using Handler = std::function<Result<std::unique_ptr<google::protobuf::Message>>(const CallContext&,
                                                                                   const google::protobuf::Message&)>;
  explicit MethodTable(const Core& core) : core_(core) {}

  /// `name` is "Service.Method" of package meshplay.v1. std::logic_error when it does not exist or the types differ.
  template <class Request, class Response>
  void Add(std::string_view name, Result<Response> (*function)(const Core&, const CallContext&, const Request&)) {
    const google::protobuf::MethodDescriptor* method = Find(name);
    if (method->input_type() != Request::descriptor() || method->output_type() != Response::descriptor()) {
      throw std::logic_error("types of " + std::string(name) + " differ from its declaration");
    }
    Handler handler = [this, function](const CallContext& context, const google::protobuf::Message& request)
        -> Result<std::unique_ptr<google::protobuf::Message>> {
      const auto* typed = dynamic_cast<const Request*>(&request);
      if (typed == nullptr) return Internal("INTERNAL_BUG", "the request has another type than the method's");
      MP_TRY(Response response, function(core_, context, *typed));
      return std::unique_ptr<google::protobuf::Message>(std::make_unique<Response>(std::move(response)));
    };
    handlers_[method] = std::move(handler);
  }
  /// A method whose answer is a stream that the doors read another way.
  void AddStream(std::string_view name);

  const Handler* FindHandler(const google::protobuf::MethodDescriptor& method) const;

  /// Every method of the package in proto order. std::logic_error when one has no function, route, permission or doc.
  std::vector<const google::protobuf::MethodDescriptor*> Complete() const;

 private:
  static const google::protobuf::MethodDescriptor* Find(std::string_view name);

  const Core& core_;
  std::map<const google::protobuf::MethodDescriptor*, Handler> handlers_;
};

// One function a proto service, each in <service>_service.cpp.
void AddClusters(MethodTable& table);
void AddTargets(MethodTable& table);
void AddAdapters(MethodTable& table);
void AddOperations(MethodTable& table);
void AddMeshes(MethodTable& table);
void AddObjects(MethodTable& table);
void AddPolicies(MethodTable& table);
void AddEnvironments(MethodTable& table);
void AddEvents(MethodTable& table);
void AddAccess(MethodTable& table);
void AddSecrets(MethodTable& table);
void AddSmi(MethodTable& table);
void AddConformance(MethodTable& table);
void AddSystem(MethodTable& table);

}  // namespace meshplay::services
