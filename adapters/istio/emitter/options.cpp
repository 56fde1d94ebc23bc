#include "adapters/istio/emitter/options.h"

#include <algorithm>

namespace meshplay::istio {
namespace {

Error Invalid(std::string_view name, std::string_view wanted) {
  return InvalidArgument("SMI_OPTION_INVALID", "option " + std::string(name) + " must be " + std::string(wanted));
}

Status SetFlag(bool& flag, std::string_view name, std::string_view value) {
  if (value != "true" && value != "false") return Invalid(name, "true or false");
  flag = value == "true";
  return {};
}

bool IsLabelValue(std::string_view text) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (text.empty() || text.size() > 63 || !alphanumeric(text.front()) || !alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

bool IsDomain(std::string_view text) {
  return text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
         });
}

}  // namespace

Status SetOption(EmitOptions& options, std::string_view name, std::string_view value) {
  if (name == "allowWidening") return SetFlag(options.allow_widening, name, value);
  if (name == "lenientDots") return SetFlag(options.lenient_dots, name, value);
  if (name == "allowMissing") return SetFlag(options.allow_missing, name, value);
  if (name == "istio.mtls") return SetFlag(options.mtls, name, value);
  if (name == "mode") {
    if (value != "scoped" && value != "strict") return Invalid(name, "scoped or strict");
    options.mode = value == "strict" ? BaselineMode::kStrict : BaselineMode::kScoped;
    return {};
  }
  if (name == "pathAnchor") {
    if (value != "spec" && value != "full") return Invalid(name, "spec or full");
    options.path_anchor = value == "full" ? smi::PathAnchor::kFull : smi::PathAnchor::kSpec;
    return {};
  }
  if (name == "selfReference") {
    if (value != "warn" && value != "reject") return Invalid(name, "warn or reject");
    options.self_reference = value == "reject" ? smi::SelfReference::kReject : smi::SelfReference::kWarn;
    return {};
  }
  if (name == "trustDomain" || name == "clusterDomain") {
    if (!IsDomain(value)) return Invalid(name, "a domain name");
    (name == "trustDomain" ? options.trust_domain : options.cluster_domain) = std::string(value);
    return {};
  }
  if (name == "istio.dataplane" || name == "istio.envoyFilter") {
    const bool is_default = value == (name == "istio.dataplane" ? "sidecar" : "false");
    if (is_default) return {};
    return Error(ErrorCode::kUnimplemented, "SMI_OPTION_UNSUPPORTED",
                 "option " + std::string(name) + "=" + std::string(value) + " is not supported");
  }
  return InvalidArgument("SMI_OPTION_UNKNOWN", "there is no option \"" + std::string(name) + "\" for Istio");
}

Status CheckOptions(const EmitOptions& options) {
  if (!IsLabelValue(options.owner)) return Invalid("owner", "a label value of 1 to 63 characters");
  if (!IsDomain(options.trust_domain)) return Invalid("trustDomain", "a domain name");
  if (!IsDomain(options.cluster_domain)) return Invalid("clusterDomain", "a domain name");
  return {};
}

}  // namespace meshplay::istio
