#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "server/store/store.h"

/// Parameters of an operation: what the caller gave, against what the manifest says.
namespace meshplay::services {

/// A parameter at a sensitive pointer is a reference to a stored secret: this prefix and its name.
inline constexpr std::string_view kSecretReference = "secret:";

/// The caller's object over the alias's; both may be empty texts. Errors: kInvalidArgument PARAMETERS_INVALID.
Result<nlohmann::json> MergeParameters(const std::string& alias_json, const std::string& given_json);

/// The parameters with the schema's defaults, valid. An empty schema takes any object.
/// Errors: kInvalidArgument PARAMETERS_INVALID with pointers under /parameters; kInternal SCHEMA_BROKEN.
Result<nlohmann::json> CheckParameters(const std::string& schema_json, const nlohmann::json& parameters);

/// The names of the secrets that the parameters refer to at the sensitive pointers, each once. A value there that is no
/// reference is refused, so that no secret in clear ever reaches a row.
/// Errors: kInvalidArgument PARAMETERS_INVALID.
Result<std::vector<std::string>> SecretsOf(store::Reader& reader, const std::string& tenant,
                                           const std::vector<std::string>& sensitive_pointers,
                                           const nlohmann::json& parameters);

}  // namespace meshplay::services
