#include "adapters/kube/internal/paths.h"

#include "libs/http/url.h"

namespace meshplay::kube {

Status CheckPathName(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.size() > 253 ||
      name.find_first_of("/%") != std::string::npos) {
    return InvalidArgument("OBJECT_NAME_INVALID",
                           "a name must have 1 to 253 characters, no '/' or '%', and not be '.' or '..'");
  }
  return {};
}

std::string ResourcePath(const ResourceType& type, const std::string& name_space) {
  std::string path = type.gvk.group.empty() ? "/api/" : "/apis/" + http::PercentEncode(type.gvk.group) + "/";
  path += http::PercentEncode(type.gvk.version);
  if (type.namespaced && !name_space.empty()) path += "/namespaces/" + http::PercentEncode(name_space);
  return path + "/" + http::PercentEncode(type.plural);
}

std::string Query(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out;
  for (const auto& [key, value] : pairs) {
    if (value.empty()) continue;
    out += (out.empty() ? "?" : "&") + key + "=" + http::PercentEncode(value);
  }
  return out;
}

}  // namespace meshplay::kube
