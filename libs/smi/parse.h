#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libs/smi/model.h"

namespace meshplay::smi {

struct ParseOptions {
  std::string default_namespace;  ///< For objects without metadata.namespace; empty: that is METADATA_INVALID.
};

/// Reads SMI objects of every version (access, specs and split v1alpha1 to v1alpha4) into one internal form. Lists
/// (`kind: List` or `...List` with items) are opened. Both shapes of headers are read: a map, and a list of maps with
/// one key each. Fields that the version does not have are errors (FIELD_UNKNOWN), because a dropped restriction
/// would widen access; the fields that published examples carry although the CRD lacks them are let through.
///
/// Nothing stops at the first fault: everything readable is in the set, everything wrong in `findings`
/// (FIELD_INVALID, FIELD_UNKNOWN, KIND_UNKNOWN, VERSION_UNKNOWN, METADATA_INVALID, HEADER_INVALID, WEIGHT_INVALID,
/// SERVICE_NAME_INVALID, NAMESPACE_DEFAULTED). Documents that are not SMI are listed in `other_documents`.
/// Threads: any; a pure function of its arguments.
DocumentSet ParseDocuments(const std::vector<nlohmann::json>& documents, const ParseOptions& options = {});

/// True when the document's apiVersion belongs to one of the SMI groups.
bool IsSmiDocument(const nlohmann::json& document);

}  // namespace meshplay::smi
