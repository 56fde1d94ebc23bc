#pragma once

#include <google/protobuf/descriptor.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace meshplay::rest {

/// One adapter manifest as the adapter executables print it with `capabilities` (Capabilities with proto field names).
using Manifest = nlohmann::json;

/// The OpenAPI 3.1 document of the API: every route with its description, errors and examples, every message, and the
/// parameter schema of each operation type in `manifests`. Pure; the same input gives the same bytes.
nlohmann::ordered_json BuildOpenApi(const std::vector<const google::protobuf::MethodDescriptor*>& methods,
                                    const std::vector<Manifest>& manifests, const std::string& version);

/// Every method of every service of package meshplay.v1, in proto order.
std::vector<const google::protobuf::MethodDescriptor*> PublicMethods();

}  // namespace meshplay::rest
