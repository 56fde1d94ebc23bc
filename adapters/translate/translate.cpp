#include "adapters/translate/translate.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "adapters/translate/input.h"
#include "adapters/translate/mesh_version.h"
#include "libs/base/files.h"
#include "libs/base/yaml.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "libs/smi/report.h"
#include "libs/smi/validate.h"

namespace meshplay::translate {
namespace {

using nlohmann::json;

struct Flags {
  std::vector<std::string> files;
  std::string mesh_version;
  std::vector<std::string> options;
  std::string report = "json";
  std::string report_file;
  std::string as;
  std::string namespace_name = "default";
  bool verbose = false;
  bool has_version = false;
};

constexpr const char* kFooter =
    "Options of every mesh, default first: allowWidening=false|true, mode=scoped|strict, pathAnchor=spec|full,\n"
    "lenientDots=false|true, allowMissing=false|true, selfReference=warn|reject, trustDomain=cluster.local,\n"
    "clusterDomain=cluster.local. docs/smi-diagnostics.md lists those of single meshes too.\n\n"
    "Exit codes: 0 FULL, 3 PARTIAL, 4 NONE, 2 invalid input, 1 failure of the program; of several objects the worst,\n"
    "in the order 2, 4, 3, 0.\n";

void WriteError(const Error& error, bool as_text, std::ostream& err) {
  if (as_text) {
    err << "error: " << error.ToString() << "\n";
    if (!error.remediation().empty()) err << error.remediation() << "\n";
    return;
  }
  json body = {{"code", ErrorCodeName(error.code())}, {"reason", error.reason()}, {"message", error.message()}};
  if (!error.remediation().empty()) body["remediation"] = error.remediation();
  err << json{{"error", std::move(body)}}.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
}

Result<OptionMap> ReadOptions(const std::vector<std::string>& options) {
  OptionMap out;
  for (const std::string& option : options) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument("SMI_OPTION_INVALID", "--option takes name=value, not \"" + option + "\"");
    }
    out[option.substr(0, equals)] = option.substr(equals + 1);
  }
  return out;
}

std::string ReportText(const std::vector<smi::SmiReport>& reports) {
  std::string out;
  for (const smi::SmiReport& report : reports) {
    out += std::string(smi::SupportLevelName(report.level)) + " " + report.source.Text() + ": " + report.explanation +
           "\n";
    for (const smi::Diagnostic& diagnostic : report.diagnostics) {
      out += "  " + std::string(smi::SeverityName(diagnostic.severity)) + " " + diagnostic.code + " at " +
             (diagnostic.pointer.empty() ? "/" : diagnostic.pointer) + ": " + diagnostic.message + "\n";
    }
    for (const smi::ObjectKey& key : report.generated) out += "  makes " + key.Text() + "\n";
  }
  return out;
}

// A mesh that refuses a valid object reports NONE; only what the rules of SMI refuse is invalid input.
bool IsInvalid(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const OptionMap& options) {
  const auto self = options.find("selfReference");
  const bool reject = self != options.end() && self->second == "reject";
  const smi::FactsIndex index(facts);
  return smi::HasErrors(smi::Validate(set, &index, {reject ? smi::SelfReference::kReject : smi::SelfReference::kWarn}));
}

int CodeOf(smi::SupportLevel level) {
  switch (level) {
    case smi::SupportLevel::kFull:
      return kExitFull;
    case smi::SupportLevel::kPartial:
      return kExitPartial;
    case smi::SupportLevel::kNone:
      break;
  }
  return kExitNone;
}

// Writes to what the name stands for: a pipe takes the text as it comes, and of a link its file is replaced.
Status WriteReport(const std::string& path, const std::string& report) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status)) {
    std::ofstream file(path);
    file << report << std::flush;
    return file ? Status() : Internal("TRANSLATE_OUTPUT_FAILED", path + ": the report cannot be written");
  }
  const fs::path real = fs::canonical(path, ignored);
  auto written = WriteFileAtomically(real.empty() ? path : real.string(), report, 0644);
  if (!written) return std::move(written).error().Doing(path);
  return {};
}

Result<int> Run(const TranslateEmitter& emitter, const Flags& flags, std::ostream& out, std::ostream& err) {
  MP_TRY(const OptionMap options, ReadOptions(flags.options));
  if (flags.has_version && flags.mesh_version.empty()) {
    return InvalidArgument("MESH_VERSION_INVALID", "--mesh-version is empty");
  }
  MP_CHECK(CheckMeshVersion(flags.mesh_version, emitter.name, emitter.oldest_version));
  MP_TRY(const Input input, ReadInput(flags.files));
  if (flags.verbose) {
    err << "read " << input.smi.size() << " SMI documents and " << input.cluster.size() << " other objects\n";
  }
  const smi::DocumentSet set = smi::ParseDocuments(input.smi, {flags.namespace_name});
  smi::ClusterFacts facts = facts::FactsFromObjects(input.cluster, {flags.namespace_name});
  facts.mesh_version = flags.mesh_version;
  MP_TRY(const Emission emission, emitter.emit(set, facts, options));

  const std::string report =
      flags.report == "text" ? ReportText(emission.reports)
                             : smi::ToJson(emission.reports).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  // The file first: when it cannot be written, nothing was said yet.
  if (!flags.report_file.empty()) MP_CHECK(WriteReport(flags.report_file, report));
  for (const json& object : emission.objects) out << "---\n" << ToYaml(object);
  out.flush();
  if (!out) return Internal("TRANSLATE_OUTPUT_FAILED", "the objects cannot be written");
  if (flags.report_file.empty()) err << report;
  if (flags.verbose) err << emitter.name << ": " << emission.objects.size() << " objects\n";
  if (IsInvalid(set, facts, options)) return static_cast<int>(kExitInvalid);
  return CodeOf(smi::WorstLevel(emission.reports));
}

}  // namespace

int RunTranslate(const std::vector<TranslateEmitter>& emitters, const std::vector<std::string>& arguments,
                 std::ostream& out, std::ostream& err) {
  Flags flags;
  try {
    CLI::App app{"Translates SMI documents to objects of the mesh, without a cluster.", "translate"};
    app.footer(kFooter);
    app.add_option("-f,--file", flags.files, "YAML or JSON file or folder, - for stdin; repeat for several")
        ->required();
    const CLI::Option* version =
        app.add_option("--mesh-version", flags.mesh_version, "Version of the mesh to write for, such as 1.28.3");
    app.add_option("--option", flags.options, "Translation option NAME=VALUE; repeat for several");
    app.add_option("--report", flags.report, "json or text")->check(CLI::IsMember({"json", "text"}));
    app.add_option("--report-file", flags.report_file, "File for the report instead of stderr")
        ->check([](const std::string& path) { return path.empty() ? "the name is empty" : ""; });
    std::vector<std::string> names;
    for (const TranslateEmitter& emitter : emitters) names.push_back(emitter.name);
    app.add_option("--as", flags.as, "The form to write (default: the mesh's own)")->check(CLI::IsMember(names));
    app.add_option("-n,--namespace", flags.namespace_name, "Namespace of objects that name none (default: default)");
    app.add_flag("-v,--verbose", flags.verbose, "Say on stderr what is read and written");
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app.parse(reversed);
    } catch (const CLI::CallForHelp&) {
      out << app.help();
      return kExitFull;
    } catch (const CLI::ParseError& error) {
      WriteError(InvalidArgument("TRANSLATE_ARGUMENTS_INVALID", error.what()), flags.report == "text", err);
      return kExitInvalid;
    }
    flags.has_version = version->count() != 0;
    const auto wanted = std::find_if(emitters.begin(), emitters.end(),
                                     [&](const TranslateEmitter& emitter) { return emitter.name == flags.as; });
    const auto code = Run(wanted == emitters.end() ? emitters.front() : *wanted, flags, out, err);
    if (code.has_value()) return *code;
    WriteError(code.error(), flags.report == "text", err);
    return code.error().code() == ErrorCode::kInternal ? kExitInternal : kExitInvalid;
  } catch (const std::exception& failure) {
    WriteError(Internal("TRANSLATE_FAILED", failure.what()), flags.report == "text", err);
    return kExitInternal;
  }
}

int RefuseTranslate(const Error& error, std::ostream& err) {
  WriteError(error, false, err);
  return kExitInvalid;
}

int RunTranslate(const std::vector<TranslateEmitter>& emitters, int argc, const char* const* argv) {
  return RunTranslate(emitters, std::vector<std::string>(argv + std::min(argc, 1), argv + argc), std::cout, std::cerr);
}

}  // namespace meshplay::translate
