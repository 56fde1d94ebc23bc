#pragma once

#include <string>
#include <string_view>

#include "libs/base/result.h"
#include "libs/smi/lower.h"
#include "libs/smi/validate.h"

namespace meshplay::translate {

/// Options that mean the same on every mesh.
struct CommonOptions {
  std::string owner = "translate";  ///< Value of the label meshplay.dev/owner: 1 to 63 characters of a label value.
  bool allow_widening = false;      ///< Access that the mesh cannot say exactly may become wider instead of less.
  smi::PathAnchor path_anchor = smi::PathAnchor::kSpec;
  bool lenient_dots = false;   ///< Take "." in a path for a dot.
  bool allow_missing = false;  ///< Splits: route to backends with traffic that do not exist yet.
  smi::SelfReference self_reference = smi::SelfReference::kWarn;
  std::string trust_domain;       ///< Empty: as the facts say.
  std::string cluster_domain;     ///< Empty: as the facts say.
  bool owner_references = false;  ///< The SMI objects live in this cluster: refer to them where that is legal.
};

/// Sets allowWidening, pathAnchor, lenientDots, allowMissing, selfReference, trustDomain or clusterDomain. False: the
/// name is none of these. Errors: kInvalidArgument SMI_OPTION_INVALID.
Result<bool> SetCommonOption(CommonOptions& options, std::string_view name, std::string_view value);

/// Errors: kInvalidArgument SMI_OPTION_INVALID.
Status CheckCommonOptions(const CommonOptions& options);

/// Sets a flag from "true" or "false". Errors: kInvalidArgument SMI_OPTION_INVALID.
Status SetFlag(bool& flag, std::string_view name, std::string_view value);

Error OptionInvalid(std::string_view name, std::string_view wanted);
Error OptionUnknown(std::string_view name, std::string_view mesh);
Error OptionUnsupported(std::string_view name, std::string_view value);

}  // namespace meshplay::translate
