#include "server/policy/diff.h"

#include <map>
#include <tuple>

#include "libs/base/yaml.h"

namespace meshplay::policy {
namespace {

using nlohmann::json;
using Identity = std::tuple<std::string, std::string, std::string, std::string>;  // group, kind, namespace, name

std::string TextAt(const json& object, const char* pointer) {
  const json::json_pointer at(pointer);
  if (!object.is_object() || !object.contains(at)) return {};
  const json& found = object.at(at);
  return found.is_string() ? found.get<std::string>() : std::string();
}

void Add(const json& document, const std::string& default_namespace, std::map<Identity, json>& objects) {
  if (document.is_object() && document.contains("items") && document.at("items").is_array()) {
    for (const json& item : document.at("items")) Add(item, default_namespace, objects);
    return;
  }
  const std::string api_version = TextAt(document, "/apiVersion");
  std::string name_space = TextAt(document, "/metadata/namespace");
  if (name_space.empty()) name_space = default_namespace;
  objects[{api_version.substr(0, api_version.find('/')), TextAt(document, "/kind"), name_space,
           TextAt(document, "/metadata/name")}] = document;
}

/// What was checked when the revision was made; what cannot be read any more counts as nothing.
std::map<Identity, json> ObjectsOf(const Spec& spec) {
  std::map<Identity, json> objects;
  const auto documents = ParseYaml(spec.documents);
  if (!documents) return objects;
  for (const YamlDocument& document : *documents) {
    Add(document.value, spec.namespace_name.empty() ? "default" : spec.namespace_name, objects);
  }
  return objects;
}

DocumentChange Change(const Identity& identity, const char* action, const json& before, const json& after) {
  DocumentChange change;
  change.api_version = TextAt(after.is_null() ? before : after, "/apiVersion");
  change.kind = std::get<1>(identity);
  change.namespace_name = std::get<2>(identity);
  change.name = std::get<3>(identity);
  change.action = action;
  change.before = before;
  change.after = after;
  if (!before.is_null() && !after.is_null()) change.patch = json::diff(before, after);
  return change;
}

}  // namespace

std::vector<DocumentChange> DiffDocuments(const Spec& from, const Spec& to) {
  const std::map<Identity, json> before = ObjectsOf(from);
  const std::map<Identity, json> after = ObjectsOf(to);
  std::map<Identity, DocumentChange> changes;
  for (const auto& [identity, object] : before) {
    const auto still = after.find(identity);
    if (still == after.end()) {
      changes[identity] = Change(identity, "REMOVED", object, nullptr);
    } else if (still->second != object) {
      changes[identity] = Change(identity, "CHANGED", object, still->second);
    }
  }
  for (const auto& [identity, object] : after) {
    if (before.count(identity) == 0) changes[identity] = Change(identity, "ADDED", nullptr, object);
  }
  std::vector<DocumentChange> list;
  for (auto& [identity, change] : changes) list.push_back(std::move(change));
  return list;
}

json DiffSettings(const Spec& from, const Spec& to) {
  return json::diff(SettingsToJson(from), SettingsToJson(to));
}

}  // namespace meshplay::policy
