#include "adapters/translate/common_options.h"

#include <algorithm>

namespace meshplay::translate {
namespace {

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

Error OptionInvalid(std::string_view name, std::string_view wanted) {
  return InvalidArgument("SMI_OPTION_INVALID", "option " + std::string(name) + " must be " + std::string(wanted));
}

Error OptionUnknown(std::string_view name, std::string_view mesh) {
  return InvalidArgument("SMI_OPTION_UNKNOWN",
                         "there is no option \"" + std::string(name) + "\" for " + std::string(mesh));
}

Error OptionUnsupported(std::string_view name, std::string_view value) {
  return Error(ErrorCode::kUnimplemented, "SMI_OPTION_UNSUPPORTED",
               "option " + std::string(name) + "=" + std::string(value) + " is not supported");
}

Status SetFlag(bool& flag, std::string_view name, std::string_view value) {
  if (value != "true" && value != "false") return OptionInvalid(name, "true or false");
  flag = value == "true";
  return {};
}

Result<bool> SetCommonOption(CommonOptions& options, std::string_view name, std::string_view value) {
  bool* flag = name == "allowWidening"  ? &options.allow_widening
               : name == "lenientDots"  ? &options.lenient_dots
               : name == "allowMissing" ? &options.allow_missing
                                        : nullptr;
  if (flag != nullptr) {
    MP_CHECK(SetFlag(*flag, name, value));
    return true;
  }
  if (name == "pathAnchor") {
    if (value != "spec" && value != "full") return OptionInvalid(name, "spec or full");
    options.path_anchor = value == "full" ? smi::PathAnchor::kFull : smi::PathAnchor::kSpec;
    return true;
  }
  if (name == "selfReference") {
    if (value != "warn" && value != "reject") return OptionInvalid(name, "warn or reject");
    options.self_reference = value == "reject" ? smi::SelfReference::kReject : smi::SelfReference::kWarn;
    return true;
  }
  if (name == "trustDomain" || name == "clusterDomain") {
    if (!IsDomain(value)) return OptionInvalid(name, "a domain name");
    (name == "trustDomain" ? options.trust_domain : options.cluster_domain) = std::string(value);
    return true;
  }
  return false;
}

Status CheckCommonOptions(const CommonOptions& options) {
  if (!IsLabelValue(options.owner)) return OptionInvalid("owner", "a label value of 1 to 63 characters");
  if (!IsDomain(options.trust_domain)) return OptionInvalid("trustDomain", "a domain name");
  if (!IsDomain(options.cluster_domain)) return OptionInvalid("clusterDomain", "a domain name");
  return {};
}

}  // namespace meshplay::translate
