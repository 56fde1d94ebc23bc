#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/policy/spec.h"

namespace meshplay::policy {

/// One SMI object that differs between two revisions.
struct DocumentChange {
  std::string api_version, kind, namespace_name, name;
  std::string action;     ///< "ADDED", "REMOVED" or "CHANGED"
  nlohmann::json before;  ///< Null when added.
  nlohmann::json after;   ///< Null when removed.
  nlohmann::json patch;   ///< RFC 6902; null unless changed.
};

/// Objects by group, kind, namespace and name, whatever their version; in that order. Pure. Threads: any.
std::vector<DocumentChange> DiffDocuments(const Spec& from, const Spec& to);
/// RFC 6902 between the settings; an empty list when they are equal.
nlohmann::json DiffSettings(const Spec& from, const Spec& to);

}  // namespace meshplay::policy
