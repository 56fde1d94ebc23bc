#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace meshplay::kube {

/// Names a kind as manifests do. `group` is empty for the core group.
struct Gvk {
  std::string group;
  std::string version;
  std::string kind;
  std::string ApiVersion() const;  ///< "apps/v1" or "v1".
  bool operator==(const Gvk&) const = default;
  auto operator<=>(const Gvk&) const = default;
};

/// "apps/v1" and "Deployment"; text without a slash is a version of the core group.
Gvk MakeGvk(std::string_view api_version, std::string_view kind);

/// Names one object. `name_space` is empty for cluster-wide kinds.
struct ObjectRef {
  Gvk gvk;
  std::string name_space;
  std::string name;
  std::string ToString() const;  ///< "Deployment istio-system/istiod"; for people.
  bool operator==(const ObjectRef&) const = default;
  auto operator<=>(const ObjectRef&) const = default;
};

// Readers of objects. Objects come from API servers and manifests, so a missing or wrongly typed field reads as empty;
// none of these throws. Threads: any.
Gvk GvkOf(const nlohmann::json& object);
ObjectRef RefOf(const nlohmann::json& object);
std::string NameOf(const nlohmann::json& object);
std::string NamespaceOf(const nlohmann::json& object);
std::string UidOf(const nlohmann::json& object);
std::string ResourceVersionOf(const nlohmann::json& object);
std::string LabelOf(const nlohmann::json& object, std::string_view key);
std::string AnnotationOf(const nlohmann::json& object, std::string_view key);

/// The text at an RFC 6901 pointer such as "/spec/type"; empty when it is absent or no string.
std::string TextAt(const nlohmann::json& object, const std::string& pointer);
/// The number at a pointer; `fallback` when it is absent or no integer.
long long NumberAt(const nlohmann::json& object, const std::string& pointer, long long fallback = 0);
/// The value at a pointer, or a shared null.
const nlohmann::json& ValueAt(const nlohmann::json& object, const std::string& pointer);
/// True while the object waits for finalizers.
bool IsBeingDeleted(const nlohmann::json& object);

}  // namespace meshplay::kube
