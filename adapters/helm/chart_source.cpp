#include <filesystem>

#include "adapters/helm/helm.h"
#include "adapters/helm/internal/charts.h"
#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/yaml.h"

namespace meshplay::helm {

namespace fs = std::filesystem;

namespace {

Error NoChart(const std::string& chart, const std::string& version) {
  return NotFound("CHART_NOT_FOUND", "the chart source has no chart " + chart + " " + version)
      .WithRemediation("Check the version and the adapter's --chart-source.");
}

Result<nlohmann::json> ReadChartYaml(const std::string& folder) {
  MP_TRY(const std::string text, ReadFile(folder + "/Chart.yaml", 256 * 1024));
  MP_TRY(auto documents, ParseYaml(text));
  if (documents.size() != 1 || !documents[0].value.is_object()) {
    return FailedPrecondition("CHART_BROKEN", "Chart.yaml is not one YAML object");
  }
  return std::move(documents[0].value);
}

}  // namespace

Result<ChartSource> ParseChartSource(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  ChartSource source;
  if (colon != std::string::npos) source.location = text.substr(colon + 1);
  if (kind == "repo" && source.location.starts_with("http")) {
    source.kind = ChartSource::Kind::kRepository;
  } else if (kind == "oci" && !source.location.empty()) {
    source.kind = ChartSource::Kind::kOci;
    if (!source.location.starts_with("oci://")) source.location = "oci://" + source.location;
  } else if (kind == "dir" && !source.location.empty()) {
    source.kind = ChartSource::Kind::kDirectory;
  } else if (kind == "bundle" && !source.location.empty()) {
    source.kind = ChartSource::Kind::kBundle;
  } else {
    return InvalidArgument("CHART_SOURCE_INVALID", "\"" + text + "\" is no chart source")
        .WithRemediation("Use repo:URL, oci:REFERENCE, dir:FOLDER or bundle:FILE.");
  }
  return source;
}

Result<std::string> FindChartFolder(const std::string& root, const std::string& chart, const std::string& version) {
  // DIR/<chart>-<version> wins over DIR/<chart>, so that a folder can hold several versions.
  for (const std::string& name : {chart + "-" + version, chart}) {
    const std::string folder = root + "/" + name;
    std::error_code error;
    if (!fs::is_regular_file(folder + "/Chart.yaml", error)) continue;
    MP_TRY(const nlohmann::json metadata, ReadChartYaml(folder));
    if (version.empty() || metadata.value("version", "") == version) return folder;
  }
  return NoChart(chart, version);
}

Result<nlohmann::json> ChartYamlOf(const std::string& folder) {
  return ReadChartYaml(folder);
}

Status CheckBundle(const std::string& folder) {
  MP_TRY(const std::string list, ReadFile(folder + "/SHA256SUMS", 4 * 1024 * 1024));
  std::size_t listed = 0;
  std::size_t start = 0;
  while (start < list.size()) {
    const std::size_t end = std::min(list.find('\n', start), list.size());
    const std::string line = list.substr(start, end - start);
    start = end + 1;
    if (line.empty()) continue;
    if (line.size() < 67 || line.find("..") != std::string::npos || line[66] == '/') {
      return FailedPrecondition("CHART_BROKEN", "SHA256SUMS of the bundle has a line that cannot be used");
    }
    const std::string name = line.substr(66);
    MP_TRY(const std::string content, ReadFile(folder + "/" + name));
    if (Sha256Hex(content) != line.substr(0, 64)) {
      return FailedPrecondition("CHART_BROKEN", "the bundle's file " + name + " differs from its checksum");
    }
    ++listed;
  }
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) files += entry.is_regular_file() ? 1 : 0;
  if (files != listed + 1) {
    return FailedPrecondition("CHART_BROKEN", "the bundle has files that its checksum list does not name");
  }
  return {};
}

}  // namespace meshplay::helm
