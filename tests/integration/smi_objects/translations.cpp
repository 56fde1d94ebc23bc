#include "tests/integration/smi_objects/translations.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "libs/base/files.h"
#include "libs/base/process.h"
#include "libs/base/yaml.h"
#include "tests/integration/smi_objects/limits.h"

namespace meshplay::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const char* const kNativeMeshes[] = {"nginx-service-mesh", "osm", "traefik-mesh"};

std::vector<json> CasesOf(const std::string& file) {
  const auto text = ReadFile(std::string(MESHPLAY_SOURCE_DIR) + "/tests/testdata/smi/" + file);
  INFO(file);
  REQUIRE(text.has_value());
  const auto documents = ParseYaml(*text);
  REQUIRE(documents.has_value());
  return documents->at(0).value.get<std::vector<json>>();
}

std::string InputOf(const json& c) {
  std::string input;
  for (const char* key : {"documents", "cluster"}) {
    const json list = c.value(key, json::array());
    for (const json& document : list) input += "---\n" + document.dump() + "\n";
  }
  return input;
}

// The generic form takes the options that mean the same everywhere, and its own.
bool IsOptionOfGamma(const std::string& name) {
  return name.find('.') == std::string::npos || name.starts_with("gamma.");
}

Translation Translate(const Translator& translator, const json& c, const std::string& file, bool as_gamma,
                      const std::string& folder) {
  Translation out;
  out.name =
      translator.mesh + (as_gamma ? " --as gamma" : "") + ", case \"" + c["name"].get<std::string>() + "\" of " + file;
  REQUIRE(WriteFileAtomically(folder + "/in.yaml", InputOf(c), 0600).has_value());
  ProcessSpec spec;
  spec.argv = translator.command;
  for (const std::string& word : {std::string("-f"), folder + "/in.yaml", std::string("-n"), std::string("shop")}) {
    spec.argv.push_back(word);
  }
  if (as_gamma) spec.argv.insert(spec.argv.end(), {"--as", "gamma"});
  const std::string version = c.value("mesh_version", "");
  if (!version.empty()) spec.argv.insert(spec.argv.end(), {"--mesh-version", version});
  const json options = c.value("options", json::object());
  for (const auto& [name, value] : options.items()) {
    if (as_gamma && !IsOptionOfGamma(name)) continue;
    spec.argv.insert(spec.argv.end(), {"--option", name + "=" + value.get<std::string>()});
  }
  const auto outcome = RunProcess(spec);
  INFO(out.name);
  REQUIRE(outcome.has_value());
  INFO(outcome->stderr_text);
  const json report = json::parse(outcome->stderr_text, nullptr, false);
  REQUIRE(report.is_array());
  const auto documents = ParseYaml(outcome->stdout_text);
  REQUIRE(documents.has_value());
  for (const YamlDocument& document : *documents) out.objects.push_back(document.value);
  return out;
}

}  // namespace

std::vector<Translator> Translators() {
  std::vector<Translator> out;
  const auto add = [&](const std::string& adapter, const std::string& mesh) {
    const std::string program = std::string(MESHPLAY_BINARY_DIR) + "/bin/meshplay-adapter-" + adapter;
    INFO(program << " is not built, though " << adapter << " has an emitter");
    REQUIRE(fs::exists(program));
    out.push_back({mesh, {program, "translate"}});
    if (adapter != mesh) out.back().command.insert(out.back().command.end(), {"--mesh", mesh});
  };
  for (const auto& entry : fs::directory_iterator(std::string(MESHPLAY_SOURCE_DIR) + "/adapters")) {
    const std::string adapter = entry.path().filename().string();
    if (!fs::exists(entry.path() / "emitter") || !fs::exists(entry.path() / "main.cpp")) continue;
    if (adapter != "legacy") {
      add(adapter, adapter);
      continue;
    }
    for (const char* mesh : kNativeMeshes) add(adapter, mesh);
  }
  std::sort(out.begin(), out.end(), [](const Translator& a, const Translator& b) { return a.mesh < b.mesh; });
  return out;
}

std::vector<Translation> TranslateAll(const Translator& translator) {
  auto folder = TemporaryDirectory::Create("meshplay-smi-objects-");
  REQUIRE(folder.has_value());
  std::vector<Translation> out;
  const std::string own = translator.mesh + ".yaml";
  const std::vector<json> cases = CasesOf(own);
  for (const bool as_gamma : {false, true}) {
    for (const json& c : cases) out.push_back(Translate(translator, c, own, as_gamma, folder->path()));
  }
  const std::string ambient = translator.mesh + "-ambient.yaml";
  if (fs::exists(std::string(MESHPLAY_SOURCE_DIR) + "/tests/testdata/smi/" + ambient)) {
    for (const json& c : CasesOf(ambient)) out.push_back(Translate(translator, c, ambient, false, folder->path()));
  }
  for (const json& c : CasesOf("gamma.yaml")) {
    out.push_back(Translate(translator, c, "gamma.yaml", true, folder->path()));
  }
  for (const json& c : LimitCases()) {
    for (const bool as_gamma : {false, true}) {
      out.push_back(Translate(translator, c, "the limits", as_gamma, folder->path()));
    }
  }
  return out;
}

}  // namespace meshplay::test
