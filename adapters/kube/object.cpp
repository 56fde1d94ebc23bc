#include "adapters/kube/object.h"
#include "libs/base/json_member.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace meshplay::kube {
namespace {

using nlohmann::json;

const json& Null() {
  static const json null;
  return null;
}

std::string Text(const json& value) {
  return value.is_string() ? value.get_ref<const std::string&>() : std::string();
}

std::string MetadataText(const json& object, std::string_view key) {
  return Text(Member(Member(object, "metadata"), key));
}

std::string Unescape(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1')) {
      out += token[++i] == '0' ? '~' : '/';
    } else {
      out += token[i];
    }
  }
  return out;
}

const json& Element(const json& array, const std::string& token) {
  if (token.empty() || token.size() > 9 || token.find_first_not_of("0123456789") != std::string::npos) return Null();
  if (token.size() > 1 && token[0] == '0') return Null();
  const std::size_t index = std::stoul(token);
  return index < array.size() ? array[index] : Null();
}

}  // namespace

std::string Gvk::ApiVersion() const {
  return group.empty() ? version : group + "/" + version;
}

Gvk MakeGvk(std::string_view api_version, std::string_view kind) {
  Gvk gvk;
  const auto slash = api_version.find('/');
  if (slash != std::string_view::npos) {
    gvk.group = api_version.substr(0, slash);
    api_version.remove_prefix(slash + 1);
  }
  gvk.version = api_version;
  gvk.kind = kind;
  return gvk;
}

std::string ObjectRef::ToString() const {
  return gvk.kind + " " + (name_space.empty() ? name : name_space + "/" + name);
}

Gvk GvkOf(const json& object) {
  return MakeGvk(Text(Member(object, "apiVersion")), Text(Member(object, "kind")));
}
ObjectRef RefOf(const json& object) {
  return {GvkOf(object), NamespaceOf(object), NameOf(object)};
}
std::string NameOf(const json& object) {
  return MetadataText(object, "name");
}
std::string NamespaceOf(const json& object) {
  return MetadataText(object, "namespace");
}
std::string UidOf(const json& object) {
  return MetadataText(object, "uid");
}
std::string ResourceVersionOf(const json& object) {
  return MetadataText(object, "resourceVersion");
}

std::string LabelOf(const json& object, std::string_view key) {
  return Text(Member(Member(Member(object, "metadata"), "labels"), key));
}

std::string AnnotationOf(const json& object, std::string_view key) {
  return Text(Member(Member(Member(object, "metadata"), "annotations"), key));
}

const json& ValueAt(const json& object, const std::string& pointer) {
  const json* value = &object;
  if (pointer.empty()) return *value;
  if (pointer[0] != '/') return Null();
  std::size_t begin = 1;
  while (true) {
    const std::size_t end = pointer.find('/', begin);
    const std::string token = Unescape(std::string_view(pointer).substr(begin, end - begin));
    value = value->is_array() ? &Element(*value, token) : &Member(*value, token);
    if (end == std::string::npos) return *value;
    begin = end + 1;
  }
}

std::string TextAt(const json& object, const std::string& pointer) {
  return Text(ValueAt(object, pointer));
}

long long NumberAt(const json& object, const std::string& pointer, long long fallback) {
  const json& value = ValueAt(object, pointer);
  if (value.is_number_unsigned()) {
    const auto number = value.get<unsigned long long>();
    return number > static_cast<unsigned long long>(std::numeric_limits<long long>::max())
               ? fallback
               : static_cast<long long>(number);
  }
  return value.is_number_integer() ? value.get<long long>() : fallback;
}

bool IsBeingDeleted(const json& object) {
  return !MetadataText(object, "deletionTimestamp").empty();
}

}  // namespace meshplay::kube
