#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "libs/base/result.h"

namespace meshplay::common {

/// Reads the parameter `documents`: Kubernetes objects as YAML or JSON text; lists are opened. Every object has
/// apiVersion, kind and metadata.name.
/// Errors: kInvalidArgument PARAMETERS_INVALID with a pointer into the parameters and the document's line.
Result<std::vector<nlohmann::json>> ReadDocuments(const std::string& text);

/// Gives namespaced objects without a namespace `name_space`, and takes it from cluster-wide ones. Kinds that the
/// cluster does not serve are left as they are. Errors: those of the client.
Status FillNamespaces(kube::Client& client, std::vector<nlohmann::json>& objects, const std::string& name_space,
                      const kube::Call& call);

}  // namespace meshplay::common
