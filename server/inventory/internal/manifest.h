#pragma once

#include <string>
#include <utility>
#include <vector>

#include "libs/base/result.h"
#include "server/inventory/inventory.h"

namespace meshplay::inventory {

struct ParsedManifest {
  std::string mesh_type;
  std::string display_name;
  std::vector<OperationType> types;  ///< `adapter_ids` left empty.
};

/// Reads and checks a manifest (meshplay.adapter.v1.Capabilities as JSON with proto field names).
/// Errors: kInvalidArgument MANIFEST_TOO_LARGE, MANIFEST_INVALID, SCHEMA_KEYWORD_UNSUPPORTED, SCHEMA_INVALID,
/// OPERATION_TYPE_DUPLICATE, each with pointers into the manifest.
Result<ParsedManifest> ParseManifest(const std::string& manifest_json);

/// (api_version, kind) of each advertised inventory kind, sorted; nothing for a text that is no manifest.
std::vector<std::pair<std::string, std::string>> InventoryKindsOf(const std::string& manifest_json);

}  // namespace meshplay::inventory
