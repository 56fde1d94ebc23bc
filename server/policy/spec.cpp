#include "server/policy/spec.h"

#include <nlohmann/json.hpp>

#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace meshplay::policy {
namespace {

using nlohmann::json;

json ToJson(const Selector& selector) {
  json out = json::object();
  if (selector.all) out["all"] = true;
  if (!selector.cluster.empty()) out["cluster"] = ToJson(selector.cluster);
  const auto put = [&out](const char* name, const std::vector<std::string>& list) {
    if (!list.empty()) out[name] = list;
  };
  put("clusters", selector.clusters);
  put("environments", selector.environments);
  put("mesh_types", selector.mesh_types);
  put("meshes", selector.meshes);
  return out;
}

std::string Text(const json& from, const char* name, const char* otherwise = "") {
  const auto found = from.is_object() ? from.find(name) : from.end();
  return found != from.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

std::int64_t Number(const json& from, const char* name, std::int64_t otherwise) {
  const auto found = from.is_object() ? from.find(name) : from.end();
  return found != from.end() && found->is_number_integer() ? found->get<std::int64_t>() : otherwise;
}

json Part(const json& from, const char* name) {
  const auto found = from.is_object() ? from.find(name) : from.end();
  return found != from.end() ? *found : json();
}

std::vector<std::string> Texts(const json& from, const char* name) {
  std::vector<std::string> texts;
  const json list = Part(from, name);
  for (const json& item : list) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::map<std::string, std::string> TextMap(const json& from, const char* name) {
  std::map<std::string, std::string> texts;
  const json object = Part(from, name);
  if (!object.is_object()) return texts;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) texts[key] = value.get<std::string>();
  }
  return texts;
}

Selector SelectorFromJson(const json& from) {
  Selector selector;
  const json all = Part(from, "all");
  selector.all = all.is_boolean() && all.get<bool>();
  selector.cluster = LabelSelectorFromJson(Part(from, "cluster"));
  selector.clusters = Texts(from, "clusters");
  selector.environments = Texts(from, "environments");
  selector.mesh_types = Texts(from, "mesh_types");
  selector.meshes = Texts(from, "meshes");
  return selector;
}

}  // namespace

json ToJson(const LabelSelector& selector) {
  json out = json::object();
  if (!selector.labels.empty()) out["labels"] = selector.labels;
  for (const LabelRequirement& one : selector.expressions) {
    out["expressions"].push_back({{"key", one.key}, {"operator", one.op}, {"values", one.values}});
  }
  return out;
}

LabelSelector LabelSelectorFromJson(const json& from) {
  LabelSelector selector;
  selector.labels = TextMap(from, "labels");
  const json expressions = Part(from, "expressions");
  for (const json& one : expressions) {
    selector.expressions.push_back({Text(one, "key"), Text(one, "operator"), Texts(one, "values")});
  }
  return selector;
}

json SettingsToJson(const Spec& spec) {
  json out = {{"target", ToJson(spec.target)},
              {"min_level", spec.min_level},
              {"settle_ms", spec.settle.count()},
              {"max_parallel", spec.max_parallel},
              {"on_drift", spec.on_drift == OnDrift::kRepair ? "REPAIR" : "REPORT"}};
  if (!spec.namespace_name.empty()) out["namespace"] = spec.namespace_name;
  if (!spec.options.empty()) out["options"] = spec.options;
  for (const Stage& stage : spec.stages) {
    out["stages"].push_back(
        {{"name", stage.name}, {"selector", ToJson(stage.selector)}, {"max_parallel", stage.max_parallel}});
  }
  return out;
}

Spec SpecFrom(const std::string& settings_json, std::string documents) {
  const json from = json::parse(settings_json, nullptr, false);
  Spec spec;
  spec.documents = std::move(documents);
  spec.namespace_name = Text(from, "namespace");
  spec.options = TextMap(from, "options");
  spec.target = SelectorFromJson(Part(from, "target"));
  spec.min_level = Text(from, "min_level", "PARTIAL");
  spec.settle = std::chrono::milliseconds(Number(from, "settle_ms", kDefaultSettle.count()));
  spec.max_parallel = static_cast<std::uint32_t>(Number(from, "max_parallel", kDefaultParallel));
  spec.on_drift = Text(from, "on_drift") == "REPAIR" ? OnDrift::kRepair : OnDrift::kReport;
  const json stages = Part(from, "stages");
  for (const json& one : stages) {
    spec.stages.push_back({Text(one, "name"), SelectorFromJson(Part(one, "selector")),
                           static_cast<std::uint32_t>(Number(one, "max_parallel", 0))});
  }
  return spec;
}

std::string DigestOf(const Spec& spec) {
  return Sha256Hex(CanonicalJson({{"settings", SettingsToJson(spec)}, {"documents", spec.documents}}));
}

}  // namespace meshplay::policy
