#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>

/// What SMI reports say is missing on a cluster, or is somebody else's. Pure.
namespace meshplay::policy::internal {

using Losses = std::set<std::string>;  ///< "CODE Kind namespace/name pointer"

Losses LossesOf(const nlohmann::json& reports);
/// What is missing now and was there. What somebody else has taken since is no loss of a reference.
Losses LostSince(const Losses& known, const Losses& now);
std::string PrintLosses(const Losses& losses);  ///< Empty for none.
Losses ReadLosses(const std::string& text);

/// The reports of a plan, made true for a mesh that still has what was in force before something disappeared: objects
/// of `before` whose source has lost something keep level and generated objects, and say DEGRADED.
nlohmann::json HeldReports(const nlohmann::json& planned, const nlohmann::json& before, const Losses& known);

}  // namespace meshplay::policy::internal
