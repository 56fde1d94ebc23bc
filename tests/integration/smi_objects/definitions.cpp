#include "tests/integration/smi_objects/definitions.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include "libs/base/files.h"
#include "libs/base/yaml.h"

namespace meshplay::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace std::chrono_literals;

std::vector<json> DefinitionsBelow(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  std::vector<json> out;
  for (const std::string& file : files) {
    INFO(file);
    const auto text = ReadFile(file);
    REQUIRE(text.has_value());
    for (json& definition : DefinitionsIn(*text)) out.push_back(std::move(definition));
  }
  return out;
}

// Today's API wants the type of everything that has properties.
void GiveTypes(json& schema) {
  if (!schema.is_object()) return;
  if (schema.contains("properties")) {
    if (!schema.contains("type")) schema["type"] = "object";
    for (auto& [name, property] : schema["properties"].items()) GiveTypes(property);
  }
  for (const char* below : {"items", "additionalProperties"}) {
    if (schema.contains(below)) GiveTypes(schema[below]);
  }
}

json FromBeta(json definition) {
  json& spec = definition["spec"];
  json schema = spec.at("validation");
  GiveTypes(schema.at("openAPIV3Schema"));
  json versions = json::array();
  for (json version : spec.at("versions")) {
    if (!version.at("served")) continue;
    version["schema"] = schema;
    versions.push_back(std::move(version));
  }
  spec["versions"] = std::move(versions);
  for (const char* gone : {"version", "validation", "additionalPrinterColumns"}) spec.erase(gone);
  definition["apiVersion"] = "apiextensions.k8s.io/v1";
  return definition;
}

// Takes the versions of `reduced` in that the real definition does not serve.
void Complete(json& real, const json& reduced) {
  json& versions = real["spec"]["versions"];
  for (json version : reduced["spec"]["versions"]) {
    const bool known = std::any_of(versions.begin(), versions.end(),
                                   [&](const json& other) { return other["name"] == version["name"]; });
    INFO(real["metadata"]["name"] << " " << version["name"] << " is real: the reduced one is not needed");
    REQUIRE_FALSE(known);
    version["storage"] = false;
    versions.push_back(std::move(version));
  }
}

void CompareSchemas(const json& real, const json& reduced, const std::string& at, std::vector<std::string>& out) {
  if (real.value("type", "") != reduced.value("type", "")) out.push_back(at + ": another type");
  const json properties = reduced.value("properties", json::object()), known = real.value("properties", json::object());
  for (const auto& [name, schema] : properties.items()) {
    // Every object has these.
    if (at.ends_with(" ") && (name == "apiVersion" || name == "kind" || name == "metadata")) continue;
    if (known.contains(name)) {
      CompareSchemas(known[name], schema, at + "/" + name, out);
    } else {
      out.push_back(at + "/" + name + ": not a field");
    }
  }
  for (const char* below : {"items", "additionalProperties"}) {
    if (reduced.contains(below) && real.contains(below)) CompareSchemas(real[below], reduced[below], at + "[]", out);
  }
}

}  // namespace

ProcessOutcome RunProgram(std::vector<std::string> argv, std::string input) {
  ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.stdin_text = std::move(input);
  for (const char* name : {"PATH", "HOME", "MESHPLAY_CACHE_DIR", "XDG_CACHE_HOME", "GOPROXY"}) {
    if (const char* value = std::getenv(name)) spec.environment[name] = value;
  }
  spec.timeout = 600s;  // A judge may have to be built.
  auto outcome = RunProcess(spec);
  REQUIRE(outcome.has_value());
  return *outcome;
}

ProcessOutcome RunRig(std::vector<std::string> words) {
  words.insert(words.begin(), std::string(MESHPLAY_SOURCE_DIR) + "/tests/cluster/rig");
  return RunProgram(std::move(words));
}

std::vector<json> DefinitionsIn(const std::string& text) {
  YamlLimits limits;
  limits.max_bytes = 8 * 1024 * 1024;
  const auto documents = ParseYaml(text, limits);
  INFO((documents ? std::string() : documents.error().ToString()));
  REQUIRE(documents.has_value());
  std::vector<json> out;
  for (const YamlDocument& document : *documents) {
    if (document.value.value("kind", "") == "CustomResourceDefinition") out.push_back(document.value);
  }
  return out;
}

std::vector<json> RealDefinitions() {
  const ProcessOutcome sets = RunRig({"definitions"});
  INFO(sets.stderr_text);
  REQUIRE(sets.exit_code == 0);
  std::istringstream lines(sets.stdout_text);
  std::vector<json> out;
  for (std::string name, folder; lines >> name && std::getline(lines >> std::ws, folder);) {
    for (json& definition : DefinitionsBelow(folder)) {
      const bool beta = definition["apiVersion"] == "apiextensions.k8s.io/v1beta1";
      out.push_back(beta ? FromBeta(std::move(definition)) : std::move(definition));
    }
  }
  return out;
}

std::vector<json> AllDefinitions() {
  std::map<std::string, json> by_name;
  for (json& definition : RealDefinitions()) {
    const std::string name = definition["metadata"]["name"];
    by_name[name] = std::move(definition);
  }
  for (json& definition : DefinitionsBelow(std::string(MESHPLAY_SOURCE_DIR) + "/tests/charts/mesh-crds")) {
    const std::string name = definition["metadata"]["name"];
    if (by_name.count(name) != 0) {
      Complete(by_name[name], definition);
    } else {
      by_name[name] = std::move(definition);
    }
  }
  std::vector<json> out;
  for (auto& [name, definition] : by_name) out.push_back(std::move(definition));
  return out;
}

std::vector<std::string> StrangeTo(const json& real, const json& reduced) {
  std::vector<std::string> out;
  const json::json_pointer schema("/schema/openAPIV3Schema");
  for (const json& version : reduced["spec"]["versions"]) {
    const std::string at = reduced["metadata"]["name"].get<std::string>() + " " + version["name"].get<std::string>();
    const json& versions = real["spec"]["versions"];
    const auto same = std::find_if(versions.begin(), versions.end(),
                                   [&](const json& other) { return other["name"] == version["name"]; });
    if (same == versions.end()) {
      out.push_back(at + ": not a version");
    } else {
      CompareSchemas(same->at(schema), version.at(schema), at + " ", out);
    }
  }
  return out;
}

}  // namespace meshplay::test
