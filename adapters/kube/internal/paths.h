#pragma once

#include <string>
#include <utility>
#include <vector>

#include "adapters/kube/client.h"

namespace meshplay::kube {

/// Errors: kInvalidArgument OBJECT_NAME_INVALID for names that could not be one path segment.
Status CheckPathName(const std::string& name);

/// "/apis/apps/v1/namespaces/shop/deployments". An empty namespace means all (or a cluster-wide kind).
std::string ResourcePath(const ResourceType& type, const std::string& name_space);

/// "?a=b&c=d" with escaped values; pairs with an empty value are left out; empty when nothing is left.
std::string Query(const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace meshplay::kube
