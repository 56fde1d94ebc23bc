#include "adapters/common/ownership.h"

#include <algorithm>
#include <cctype>

#include "adapters/kube/object.h"
#include "libs/base/ids.h"

namespace meshplay::common {
namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kHash = 8;

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsLabelValue(std::string_view text) {
  if (text.empty() || text.size() > kMaxLabel) return false;
  if (!IsLetterOrDigit(text.front()) || !IsLetterOrDigit(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

void SetOwnership(nlohmann::json& object, const std::string& owner, const std::string& mesh_type) {
  nlohmann::json& labels = object["metadata"]["labels"];
  labels[kManagedByLabel] = kManagedByValue;
  labels[kOwnerLabel] = owner;
  labels[kMeshLabel] = mesh_type;
}

std::string OwnerOf(const nlohmann::json& object) {
  if (kube::LabelOf(object, kManagedByLabel) != kManagedByValue) return {};
  return kube::LabelOf(object, kOwnerLabel);
}

std::string OwnerSelector(const std::string& owner, const std::string& mesh_type) {
  return std::string(kOwnerLabel) + "=" + owner + "," + kMeshLabel + "=" + mesh_type;
}

bool IsOurs(const nlohmann::json& object, const std::string& mesh_type) {
  return !OwnerOf(object).empty() && kube::LabelOf(object, kMeshLabel) == mesh_type;
}

std::string LabelValue(std::string_view text) {
  if (IsLabelValue(text)) return std::string(text);
  std::string value;
  for (const char c : text.substr(0, kMaxLabel - kHash - 1)) value += IsLetterOrDigit(c) ? c : '-';
  const std::size_t first = value.find_first_not_of('-');
  value = first == std::string::npos ? "x" : value.substr(first);
  return value + "-" + Sha256Hex(text).substr(0, kHash);
}

nlohmann::json NamespaceObject(const std::string& name, const std::string& owner, const std::string& mesh_type) {
  nlohmann::json object = {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
  SetOwnership(object, owner, mesh_type);
  return object;
}

}  // namespace meshplay::common
