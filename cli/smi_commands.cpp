#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/operations.h"
#include "cli/parameters.h"
#include "cli/run_options.h"

namespace meshplay::cli {
namespace {

using Json = nlohmann::ordered_json;

/// What the commands are told; kept alive by them.
struct SmiFlags {
  RunRequest run;
  std::vector<std::string> files;
  std::vector<std::string> mesh_types;
  std::vector<std::string> options;
  std::string access_version, specs_version, split_version;
  std::string mesh_version, form;
  bool headers_as_map = false;
  bool objects = false;
};

constexpr const char* kManifests =
    "Kubernetes manifests among the files are the cluster that is assumed: with a Namespace, Service, ServiceAccount\n"
    "or workload among them, Services that a split names and their ports are checked too.\n\n";
constexpr const char* kLintCodes =
    "Exit codes: 0 no ERROR (warnings may be), 2 an ERROR, no SMI object, or unreadable input, 7 not permitted,\n"
    "9 the server cannot be reached.\n";
constexpr const char* kConvertHelp =
    "Only SMI objects are written; Kubernetes manifests among the files are left out (PASSED_OVER).\n\n"
    "Exit codes: 0 every SMI object is written, 3 some, 4 none, because the version cannot say them,\n"
    "2 an invalid object, no SMI object, or unreadable input (valid objects are written all the same), 7 not "
    "permitted,\n"
    "9 the server cannot be reached.\n";
constexpr const char* kExplainCodes =
    "Exit codes: 0 FULL, 3 PARTIAL, 4 NONE (the worst of all meshes that answered), 2 an invalid object, no SMI\n"
    "object, unreadable input, or an option or version that every mesh refuses, 7 not permitted,\n"
    "9 the server cannot be reached or no mesh answered.\n";

void AddFiles(CLI::App& command, SmiFlags& flags) {
  command
      .add_option("-f,--file", flags.files,
                  "YAML or JSON file or a folder of such, - is standard input; may be given often")
      ->required();
}

const std::vector<Column>& FindingColumns() {
  static const std::vector<Column> columns = {{"DOCUMENT", "/document"}, {"OBJECT", "/name"}, {"SEVERITY", "/severity"},
                                              {"CODE", "/code"},         {"AT", "/pointer"},  {"SUMMARY", "/summary"}};
  return columns;
}

/// Findings with the name of their object: of a folder's many documents a number alone is hard to find.
Json WithNames(Json findings) {
  for (Json& finding : findings) {
    const std::string name = finding.value("/object/name"_json_pointer, std::string());
    if (name.empty()) continue;
    finding["name"] = finding.value("/object/kind"_json_pointer, std::string()) + " " +
                      finding.value("/object/namespace"_json_pointer, std::string()) + "/" + name;
  }
  return findings;
}

std::string PlaceOf(const Json& finding) {
  const std::string pointer = Cell(finding.value("pointer", Json()));
  return pointer.empty() ? "/" : pointer;
}

void ComplainOf(const Json& findings) {
  for (const Json& finding : findings) {
    std::cerr << "document " << Cell(finding.value("document", Json())) << ": "
              << Cell(finding.value("severity", Json())) << " " << Cell(finding.value("code", Json())) << " at "
              << PlaceOf(finding) << ": " << Cell(finding.value("summary", Json())) << "\n";
  }
}

bool HasErrors(const Json& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Json& finding) {
    return finding.value("severity", "") == "ERROR" && finding.value("code", "") != "NOT_REPRESENTABLE";
  });
}

/// The text of the files. That an empty folder holds no SMI object is for the server to say, like of any other input.
Result<std::string> ReadInput(const SmiFlags& flags) {
  MP_TRY(std::string text, ReadDocuments(flags.files));
  return text.empty() ? std::string("---\n") : text;
}

int Lint(Server& server, const SmiFlags& flags, Format format) {
  const auto text = ReadInput(flags);
  if (!text) return Fail(text.error());
  const auto answer = server.Post("/v1/smi:validate", {{"documents", *text}});
  if (!answer) return Fail(answer.error());
  if (format == Format::kTable) {
    PrintItems(WithNames(answer->value("findings", Json::array())), FindingColumns(), Format::kTable);
    std::cout << "documents: " << answer->value("documents", 0) << ", with SMI: " << answer->value("smi_documents", 0)
              << ", taken as the cluster: " << answer->value("facts_documents", 0) << "\n";
  } else {
    PrintItem(*answer, format);
  }
  return answer->value("valid", false) ? kDone : kUsage;
}

int Convert(Server& server, const SmiFlags& flags, Format format) {
  const auto text = ReadInput(flags);
  if (!text) return Fail(text.error());
  Json request = {{"documents", *text}};
  if (!flags.access_version.empty()) request["access_version"] = flags.access_version;
  if (!flags.specs_version.empty()) request["specs_version"] = flags.specs_version;
  if (!flags.split_version.empty()) request["split_version"] = flags.split_version;
  if (flags.headers_as_map) request["headers_as_map"] = true;
  const auto answer = server.Post("/v1/smi:convert", request);
  if (!answer) return Fail(answer.error());
  const Json findings = answer->value("findings", Json::array());
  if (format == Format::kTable) {
    std::cout << answer->value("documents", "");
    ComplainOf(findings);
  } else {
    PrintItem(*answer, format);
  }
  if (HasErrors(findings)) return kUsage;
  if (answer->value("complete", false)) return kDone;
  return answer->value("converted", 0) > 0 ? kPartial : kRefused;
}

/// The worst level of all meshes that answered. When none did, and one refused what it was asked, that is to be mended.
int WorstOf(const Json& meshes) {
  int worst = kDone;
  const bool answered = std::any_of(meshes.begin(), meshes.end(),
                                    [](const Json& mesh) { return mesh.value("status", "") == "ANSWERED"; });
  const bool refused = std::any_of(meshes.begin(), meshes.end(), [](const Json& mesh) {
    return mesh.value("/error/error_class"_json_pointer, std::string()) == "INVALID";
  });
  if (!answered) return refused ? kUsage : kUnreachable;
  for (const Json& mesh : meshes) {
    const std::string level = mesh.value("level", "");
    if (mesh.value("status", "") != "ANSWERED") continue;
    if (level == "NONE") return kRefused;
    if (level == "PARTIAL") worst = kPartial;
  }
  return worst;
}

void PrintExplanation(const Json& answer) {
  Json rows = Json::array();
  for (const Json& mesh : answer.value("meshes", Json::array())) {
    const Json reports = mesh.value("reports", Json::array());
    if (reports.empty()) {
      rows.push_back({{"mesh", mesh.value("mesh_type", "")},
                      {"level", mesh.value("status", "")},
                      {"why", mesh.value("/error/message"_json_pointer, std::string())}});
    }
    for (const Json& report : reports) {
      std::string codes;
      for (const Json& diagnostic : report.value("diagnostics", Json::array())) {
        codes += (codes.empty() ? "" : ", ") + diagnostic.value("code", "");
      }
      rows.push_back({{"mesh", mesh.value("mesh_type", "")},
                      {"object", report.value("/source/kind"_json_pointer, std::string()) + " " +
                                     report.value("/source/namespace"_json_pointer, std::string()) + "/" +
                                     report.value("/source/name"_json_pointer, std::string())},
                      {"level", report.value("level", "")},
                      {"codes", codes},
                      {"why", report.value("explanation", "")}});
    }
  }
  PrintItems(rows,
             {{"MESH", "/mesh"}, {"OBJECT", "/object"}, {"LEVEL", "/level"}, {"CODES", "/codes"}, {"WHY", "/why"}},
             Format::kTable);
}

int Explain(Server& server, const SmiFlags& flags, Format format) {
  const auto text = ReadInput(flags);
  if (!text) return Fail(text.error());
  Json request = {{"documents", *text}};
  if (!flags.mesh_types.empty()) request["mesh_types"] = flags.mesh_types;
  if (!flags.mesh_version.empty()) request["mesh_version"] = flags.mesh_version;
  if (!flags.form.empty()) request["form"] = flags.form;
  if (flags.objects) request["with_objects"] = true;
  for (const std::string& option : flags.options) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Fail(InvalidArgument("SMI_OPTION_INVALID", "--option takes name=value, not \"" + option + "\""));
    }
    request["options"][option.substr(0, equals)] = option.substr(equals + 1);
  }
  const auto answer = server.Post("/v1/smi:explain", request);
  if (!answer) return Fail(answer.error());
  if (format == Format::kTable) {
    PrintExplanation(*answer);
    ComplainOf(answer->value("findings", Json::array()));
    for (const Json& mesh : answer->value("meshes", Json::array())) {
      if (!flags.objects || mesh.value("objects", "").empty()) continue;
      std::cout << "\n# " << mesh.value("mesh_type", "") << "\n" << mesh.value("objects", "");
    }
  } else {
    PrintItem(*answer, format);
  }
  if (HasErrors(answer->value("findings", Json::array()))) return kUsage;
  return WorstOf(answer->value("meshes", Json::array()));
}

}  // namespace

void AddSmi(CLI::App& app, Session& session) {
  const auto flags = std::make_shared<SmiFlags>();
  auto* smi = app.add_subcommand("smi", "Service Mesh Interface documents");
  smi->require_subcommand(1);
  for (const std::string verb : {"apply", "delete"}) {
    auto* command =
        smi->add_subcommand(verb, verb == "apply" ? "Put documents into force on a mesh" : "Take them back");
    AddFiles(*command, *flags);
    AddRunOptions(*command, flags->run);
    command->callback([&session, flags, verb] {
      session.command = [&session, flags, verb](Server& server) {
        const auto text = ReadDocuments(flags->files);
        if (!text) return Fail(text.error());
        flags->run.type = "smi." + verb;
        flags->run.documents = *text;
        return RunOperation(server, flags->run, session.format());
      };
    });
  }
  const auto bind = [&session, flags](CLI::App& command, int (*run)(Server&, const SmiFlags&, Format)) {
    AddFiles(command, *flags);
    command.callback([&session, flags, run] {
      session.command = [&session, flags, run](Server& server) { return run(server, *flags, session.format()); };
    });
  };
  auto* lint = smi->add_subcommand("lint", "Check documents without applying them")->alias("validate");
  lint->footer(std::string(kManifests) + kLintCodes);
  bind(*lint, Lint);

  auto* convert =
      smi->add_subcommand("convert", "Write documents in other API versions; refuses what would lose or widen");
  convert->footer(kConvertHelp);
  convert->add_option("--access", flags->access_version, "v1alpha1 to v1alpha4; v1alpha3 when absent");
  convert->add_option("--specs", flags->specs_version, "v1alpha1 to v1alpha4; v1alpha4 when absent");
  convert->add_option("--split", flags->split_version, "v1alpha1 to v1alpha4; v1alpha4 when absent");
  convert->add_flag("--headers-as-map", flags->headers_as_map, "Headers of a match as one map");
  bind(*convert, Convert);

  auto* explain = smi->add_subcommand("explain", "What each mesh would make of documents, side by side");
  explain->footer(std::string(kManifests) + kExplainCodes);
  explain->add_option("--mesh-type", flags->mesh_types, "Only this mesh type; may be given often");
  explain->add_option("--option", flags->options, "Translation option NAME=VALUE; may be given often");
  explain->add_option("--mesh-version", flags->mesh_version, "Version of the mesh to write for");
  explain->add_option("--as", flags->form, "gamma: the generic Gateway API form");
  explain->add_flag("--objects", flags->objects, "Show the generated objects too");
  bind(*explain, Explain);
}

}  // namespace meshplay::cli
