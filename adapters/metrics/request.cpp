#include "adapters/metrics/request.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace meshplay::metrics {
namespace {

constexpr std::size_t kMaxNameBytes = 253;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

std::vector<std::string> Split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash != 0) parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

Error Unsupported(const std::string& resource) {
  return NotFound("METRICS_RESOURCE_UNKNOWN", "Unsupported resource: " + resource);
}

Result<Kind> KindNamed(const std::string& plural) {
  if (const auto kind = KindOfPlural(plural)) return *kind;
  return Unsupported(plural);
}

Result<std::string> Named(const std::string& name) {
  if (IsName(name)) return name;
  return InvalidArgument("METRICS_NAME_INVALID", "not the name of a Kubernetes object");
}

}  // namespace

std::string_view VersionName(Version version) {
  return version == Version::kV1Alpha1 ? "v1alpha1" : "v1alpha2";
}

Result<MetricsRequest> ParseRequest(std::string_view path, Version version) {
  using Form = MetricsRequest::Form;
  const std::vector<std::string> parts = Split(path);
  MetricsRequest request;
  request.version = version;
  if (parts.empty()) return request;
  request.form = Form::kList;
  if (parts.size() == 1) {
    MP_TRY(request.kind, KindNamed(parts[0]));
    return request;
  }
  if (parts[0] != "namespaces") return Unsupported(parts[0]);
  MP_TRY(request.name_space, Named(parts[1]));
  const bool of_namespace = parts.size() == 2 || (parts.size() == 3 && parts[2] == "edges");
  if (of_namespace) {
    request.name = request.name_space;
    request.form = parts.size() == 2 ? Form::kGet : Form::kEdges;
    return request;
  }
  MP_TRY(request.kind, KindNamed(parts[2]));
  if (request.kind == Kind::kNamespace) return Unsupported(parts[2]);
  if (parts.size() == 3) return request;
  MP_TRY(request.name, Named(parts[3]));
  request.form = Form::kGet;
  if (parts.size() == 4) return request;
  if (parts.size() > 5 || parts[4] != "edges") return Unsupported(parts[4]);
  request.form = Form::kEdges;
  return request;
}

std::chrono::seconds ParseWindow(std::string_view text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3},
                                                                   {"s", 1},     {"m", 60},    {"h", 3600}};
  if (text.empty() || text.size() > 64) return kDefaultWindow;
  double seconds = 0;
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || number < 0) return kDefaultWindow;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::size_t letters = std::min(text.find_first_of("0123456789."), text.size());
    const std::string_view unit = text.substr(0, letters);
    const auto* known =
        std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& u) { return u.first == unit; });
    if (known == std::end(kUnits)) return kDefaultWindow;
    seconds += number * known->second;
    text.remove_prefix(letters);
  }
  const double most = std::chrono::duration<double>(kMaxWindow).count();
  return std::chrono::seconds(static_cast<std::int64_t>(std::clamp(std::floor(seconds), 1.0, most)));
}

}  // namespace meshplay::metrics
