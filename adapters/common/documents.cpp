#include "adapters/common/documents.h"

#include "libs/base/yaml.h"

namespace meshplay::common {
namespace {

using nlohmann::json;

Error Faulty(const YamlDocument& document, const std::string& detail) {
  return InvalidArgument("PARAMETERS_INVALID", "the document in line " + std::to_string(document.line) + " " + detail)
      .WithViolation("/documents", "line " + std::to_string(document.line) + ": " + detail);
}

Status Add(const YamlDocument& document, const json& object, std::vector<json>& out) {
  if (!object.is_object()) return Faulty(document, "is no Kubernetes object");
  const kube::ObjectRef ref = kube::RefOf(object);
  if (ref.gvk.version.empty() || ref.gvk.kind.empty()) return Faulty(document, "has no apiVersion or no kind");
  const json& items = kube::ValueAt(object, "/items");
  if (ref.gvk.kind.ends_with("List") && items.is_array()) {
    for (const json& item : items) {
      if (kube::GvkOf(item).kind.ends_with("List")) return Faulty(document, "holds a list in a list");
      MP_CHECK(Add(document, item, out));
    }
    return {};
  }
  if (ref.name.empty()) return Faulty(document, "has no metadata.name");
  out.push_back(object);
  return {};
}

}  // namespace

Result<std::vector<json>> ReadDocuments(const std::string& text) {
  const auto documents = ParseYaml(text);
  if (!documents) {
    return InvalidArgument("PARAMETERS_INVALID", documents.error().message())
        .WithViolation("/documents", documents.error().message());
  }
  std::vector<json> objects;
  for (const YamlDocument& document : *documents) MP_CHECK(Add(document, document.value, objects));
  if (objects.empty()) {
    return InvalidArgument("PARAMETERS_INVALID", "there is no document").WithViolation("/documents", "it is empty");
  }
  return objects;
}

Status FillNamespaces(kube::Client& client, std::vector<json>& objects, const std::string& name_space,
                      const kube::Call& call) {
  for (json& object : objects) {
    const auto type = client.Resolve(kube::GvkOf(object), call);
    if (!type) {
      if (type.error().reason() != "KIND_UNKNOWN") return type.error();
      continue;
    }
    if (!type->namespaced) {
      object["metadata"].erase("namespace");
    } else if (kube::NamespaceOf(object).empty()) {
      object["metadata"]["namespace"] = name_space;
    }
  }
  return {};
}

}  // namespace meshplay::common
