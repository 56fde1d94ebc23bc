#include "adapters/helm/helm.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "adapters/helm/internal/charts.h"
#include "adapters/helm/internal/helm_errors.h"
#include "libs/base/files.h"
#include "libs/base/json.h"
#include "libs/base/json_member.h"
#include "libs/base/process.h"
#include "libs/base/tar.h"
#include "libs/base/yaml.h"

namespace meshplay::helm {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kReadTimeout{30'000};

/// revision is a string in `list` and a number in `history` (helm 4).
int NumberOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return 0;
  if (found->is_number_integer()) return found->get<int>();
  return found->is_string() ? std::atoi(found->get<std::string>().c_str()) : 0;
}

Release ReleaseOf(const nlohmann::json& row) {
  Release release;
  release.name = MemberText(row, "name");
  release.name_space = MemberText(row, "namespace");
  release.status = MemberText(row, "status");
  release.revision = NumberOf(row, "revision");
  release.chart = MemberText(row, "chart");
  release.app_version = MemberText(row, "app_version");
  // "istiod-1.31.0-rc.0": the version begins at the first dash that a digit follows.
  for (std::size_t i = 0; i + 1 < release.chart.size(); ++i) {
    if (release.chart[i] == '-' && std::isdigit(static_cast<unsigned char>(release.chart[i + 1])) != 0) {
      release.chart_version = release.chart.substr(i + 1);
      break;
    }
  }
  return release;
}

/// A values file that is gone when this object is.
class ValuesFile {
 public:
  static Result<ValuesFile> Write(const nlohmann::json& values) {
    MP_TRY(TemporaryDirectory folder, TemporaryDirectory::Create("meshplay-values-"));
    MP_CHECK(WriteFileAtomically(folder.path() + "/values.json", DumpJson(values), 0600));
    return ValuesFile(std::move(folder));
  }
  std::string path() const { return folder_.path() + "/values.json"; }

 private:
  explicit ValuesFile(TemporaryDirectory folder) : folder_(std::move(folder)) {}
  TemporaryDirectory folder_;
};

/// One helm run: arguments after the program name.
Result<ProcessOutcome> Run(const HelmOptions& options, std::vector<std::string> arguments,
                           std::chrono::milliseconds timeout, const std::function<bool()>& should_stop) {
  ProcessSpec spec;
  spec.argv.push_back(options.program);
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  if (!options.kubeconfig_path.empty()) {
    spec.argv.insert(spec.argv.end(), {"--kubeconfig", options.kubeconfig_path});
    if (!options.context.empty()) spec.argv.insert(spec.argv.end(), {"--kube-context", options.context});
  }
  for (const char* name : {"PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "KUBERNETES_SERVICE_HOST",
                           "KUBERNETES_SERVICE_PORT", "HTTPS_PROXY", "NO_PROXY"}) {
    if (const char* value = std::getenv(name)) spec.environment[name] = value;
  }
  spec.environment["HELM_CACHE_HOME"] = options.work_directory + "/helm/cache";
  spec.environment["HELM_CONFIG_HOME"] = options.work_directory + "/helm/config";
  spec.environment["HELM_DATA_HOME"] = options.work_directory + "/helm/data";
  spec.timeout = timeout;
  spec.kill_after = std::chrono::milliseconds(10'000);  // helm needs a moment to mark the release failed
  auto outcome = RunProcess(spec, should_stop);
  if (!outcome && outcome.error().reason() == "PROGRAM_NOT_FOUND") {
    return FailedPrecondition("HELM_MISSING", "there is no helm program where this adapter looks for it")
        .WithRemediation("Install helm 4, or name it with --helm.");
  }
  return outcome;
}

Status RunChecked(const HelmOptions& options, std::vector<std::string> arguments, std::chrono::milliseconds timeout,
                  const std::function<bool()>& should_stop, const std::string& doing, std::string* output = nullptr) {
  MP_TRY(const ProcessOutcome outcome, Run(options, std::move(arguments), timeout, should_stop));
  if (outcome.exit_code != 0 || outcome.timed_out || outcome.cancelled) return ErrorOf(outcome, doing);
  if (output != nullptr) *output = outcome.stdout_text;
  return {};
}

std::string Named(const ReleaseName& release) {
  return release.name_space + "/" + release.name;
}

/// Chart arguments of one call and, for a bundle, the folder that must live as long as the call.
struct ChartArguments {
  std::vector<std::string> arguments;
  std::optional<TemporaryDirectory> unpacked;
};

Result<ChartArguments> ArgumentsOf(const ChartSource& source, const std::string& chart, const std::string& version) {
  ChartArguments result;
  switch (source.kind) {
    case ChartSource::Kind::kRepository:
      result.arguments = {chart, "--repo", source.location, "--version", version};
      return result;
    case ChartSource::Kind::kOci:
      result.arguments = {source.location + "/" + chart, "--version", version};
      return result;
    case ChartSource::Kind::kDirectory: {
      MP_TRY(const std::string folder, FindChartFolder(source.location, chart, version));
      result.arguments = {folder};
      return result;
    }
    case ChartSource::Kind::kBundle: {
      MP_TRY(TemporaryDirectory folder, TemporaryDirectory::Create("meshplay-bundle-"));
      MP_TRY(const std::string archive, ReadFile(source.location, 64 * 1024 * 1024));
      MP_CHECK(ExtractTarGz(archive, folder.path()));
      MP_CHECK(CheckBundle(folder.path()));
      MP_TRY(const std::string chart_folder, FindChartFolder(folder.path(), chart, version));
      result.arguments = {chart_folder};
      result.unpacked = std::move(folder);
      return result;
    }
  }
  return InvalidArgument("CHART_SOURCE_INVALID", "unknown kind of chart source");
}

}  // namespace

Helm::Helm(HelmOptions options) : options_(std::move(options)) {
  const Status made = MakeDirectory(options_.work_directory + "/helm", 0700);
  (void)made;  // helm itself says what it cannot write
}

Result<std::string> Helm::Version() {
  HelmOptions bare = options_;
  bare.kubeconfig_path.clear();
  std::string output;
  MP_CHECK(RunChecked(bare, {"version", "--template", "{{.Version}}"}, kReadTimeout, {}, "ask helm for its version",
                      &output));
  if (!output.starts_with("v4")) {
    return FailedPrecondition("HELM_TOO_OLD", "helm " + output.substr(0, 32) + " is not helm 4")
        .WithRemediation("Install helm 4, or name it with --helm.");
  }
  return output;
}

Result<std::vector<Release>> Helm::List(const std::string& name_space) {
  std::vector<std::string> arguments = {"list", "-o", "json", "--max", "1000"};
  if (name_space.empty()) {
    arguments.push_back("-A");
  } else {
    arguments.insert(arguments.end(), {"-n", name_space});
  }
  std::string output;
  MP_CHECK(RunChecked(options_, arguments, kReadTimeout, {}, "list releases", &output));
  JsonLimits limits;
  limits.max_bytes = 16 * 1024 * 1024;
  MP_TRY(const nlohmann::json rows, ParseJson(output, limits));
  std::vector<Release> releases;
  for (const auto& row : rows) {
    if (row.is_object()) releases.push_back(ReleaseOf(row));
  }
  return releases;
}

Result<std::optional<Release>> Helm::Find(const ReleaseName& release) {
  MP_TRY(std::vector<Release> releases, List(release.name_space));
  for (Release& candidate : releases) {
    if (candidate.name == release.name) return std::optional<Release>(std::move(candidate));
  }
  return std::optional<Release>();
}

Result<Release> Helm::Apply(const ChartRequest& request, const std::function<bool()>& should_stop) {
  MP_TRY(const std::string recovered, Recover(request.release, should_stop));
  MP_TRY(const std::optional<Release> existing, Find(request.release));
  MP_TRY(const ChartArguments chart, ArgumentsOf(options_.source, request.chart, request.version));
  MP_TRY(const ValuesFile values, ValuesFile::Write(request.values));
  std::vector<std::string> arguments = {existing ? "upgrade" : "install", request.release.name};
  arguments.insert(arguments.end(), chart.arguments.begin(), chart.arguments.end());
  arguments.insert(arguments.end(), {"-n", request.release.name_space, "-f", values.path(), "-o", "json"});
  if (existing) arguments.push_back("--reset-values");
  if (!existing && request.create_namespace) arguments.push_back("--create-namespace");
  if (request.dry_run_server) arguments.push_back("--dry-run=server");
  const std::string doing = (existing ? "upgrade " : "install ") + Named(request.release);
  MP_CHECK(RunChecked(options_, arguments, options_.call_timeout, should_stop, doing));
  if (request.dry_run_server) return Release{};
  MP_TRY(std::optional<Release> now, Find(request.release));
  if (!now) return Internal("HELM_FAILED", doing + ": helm said it was done but there is no such release");
  return std::move(*now);
}

Status Helm::Uninstall(const ReleaseName& release, const std::function<bool()>& should_stop) {
  return RunChecked(options_, {"uninstall", release.name, "-n", release.name_space, "--ignore-not-found"},
                    options_.call_timeout, should_stop, "uninstall " + Named(release));
}

Result<std::string> Helm::Recover(const ReleaseName& release, const std::function<bool()>& should_stop) {
  MP_TRY(const std::optional<Release> existing, Find(release));
  if (!existing) return std::string();
  const std::string& status = existing->status;
  if (status == "pending-install" || status == "uninstalling") {
    // A first install that was cut off has nothing to go back to, and an uninstall only forward.
    MP_CHECK(Uninstall(release, should_stop));
    return "removed the release " + Named(release) + " that an interrupted run left in status " + status;
  }
  if (status == "pending-upgrade" || status == "pending-rollback") {
    std::string output;
    MP_CHECK(RunChecked(options_, {"history", release.name, "-n", release.name_space, "-o", "json"}, kReadTimeout, {},
                        "read the history of " + Named(release), &output));
    MP_TRY(const nlohmann::json rows, ParseJson(output));
    int last_good = 0;
    for (const auto& row : rows) {
      const std::string state = MemberText(row, "status");
      if (state == "deployed" || state == "superseded") last_good = std::max(last_good, NumberOf(row, "revision"));
    }
    if (last_good == 0) {
      MP_CHECK(Uninstall(release, should_stop));
      return "removed the release " + Named(release) + " that never was deployed";
    }
    MP_CHECK(RunChecked(options_, {"rollback", release.name, std::to_string(last_good), "-n", release.name_space},
                        options_.call_timeout, should_stop, "roll back " + Named(release)));
    return "rolled " + Named(release) + " back to revision " + std::to_string(last_good) + " after an interrupted run";
  }
  return std::string();
}

Result<std::vector<nlohmann::json>> Helm::Template(const ChartRequest& request, const std::string& kube_version,
                                                   bool is_upgrade) {
  MP_TRY(const ChartArguments chart, ArgumentsOf(options_.source, request.chart, request.version));
  MP_TRY(const ValuesFile values, ValuesFile::Write(request.values));
  HelmOptions offline = options_;
  offline.kubeconfig_path.clear();
  std::vector<std::string> arguments = {"template", request.release.name};
  arguments.insert(arguments.end(), chart.arguments.begin(), chart.arguments.end());
  arguments.insert(arguments.end(), {"-n", request.release.name_space, "-f", values.path(), "--include-crds"});
  if (!kube_version.empty()) arguments.insert(arguments.end(), {"--kube-version", kube_version});
  if (is_upgrade) arguments.push_back("--is-upgrade");
  std::string output;
  MP_CHECK(RunChecked(offline, arguments, std::chrono::milliseconds(60'000), {}, "render " + request.chart, &output));
  YamlLimits limits;
  limits.max_bytes = 16 * 1024 * 1024;
  limits.max_values = 2'000'000;
  MP_TRY(std::vector<YamlDocument> documents, ParseYaml(output, limits));
  std::vector<nlohmann::json> objects;
  for (YamlDocument& document : documents) {
    if (document.value.is_object() && document.value.contains("kind")) objects.push_back(std::move(document.value));
  }
  return objects;
}

Result<nlohmann::json> Helm::ChartMetadata(const std::string& chart, const std::string& version) {
  MP_TRY(const ChartArguments found, ArgumentsOf(options_.source, chart, version));
  if (options_.source.kind == ChartSource::Kind::kDirectory || options_.source.kind == ChartSource::Kind::kBundle) {
    return ChartYamlOf(found.arguments.front());
  }
  HelmOptions offline = options_;
  offline.kubeconfig_path.clear();
  std::vector<std::string> arguments = {"show", "chart"};
  arguments.insert(arguments.end(), found.arguments.begin(), found.arguments.end());
  std::string output;
  MP_CHECK(RunChecked(offline, arguments, std::chrono::milliseconds(60'000), {}, "read the chart " + chart, &output));
  MP_TRY(std::vector<YamlDocument> documents, ParseYaml(output));
  if (documents.size() != 1) return FailedPrecondition("CHART_BROKEN", "Chart.yaml is not one YAML object");
  return std::move(documents[0].value);
}

}  // namespace meshplay::helm
