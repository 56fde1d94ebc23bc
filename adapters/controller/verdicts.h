#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/controller/reconcile.h"
#include "libs/base/result.h"

/// How verdicts look on the cluster. Pure; threads: any.
namespace meshplay::controller {

inline constexpr char kStatusAnnotation[] = "meshplay.dev/smi-status";
inline constexpr std::size_t kMaxAnnotationBytes = 4096;
inline constexpr std::size_t kMaxDiagnostics = 16;
inline constexpr std::size_t kMaxGenerated = 16;

/// The status of an SMI object: state, level, message, observedGeneration, diagnostics, generated and one condition.
/// What did not change keeps its transition time, so an equal status is an equal document.
nlohmann::json StatusOf(const Verdict& verdict, const std::string& mesh_type, std::int64_t now_ms);

/// The same for definitions without a status: the value of the annotation, at most kMaxAnnotationBytes.
std::string AnnotationOf(const nlohmann::json& status);

/// A merge patch that takes the status away.
nlohmann::json StatusRemoval(const nlohmann::json& status);

/// The Event for a change from one status to another; nullopt when nothing happened that a person would want to hear of
/// (a new generation that went well). `before` may be null.
std::optional<nlohmann::json> EventFor(const nlohmann::json& object, const nlohmann::json& before,
                                       const nlohmann::json& now, std::int64_t now_ms);

/// A verdict after a write of it failed.
void MarkFailed(Verdict& verdict, const Error& error);

/// Totals for the server.
struct Summary {
  std::size_t objects = 0;  ///< TrafficTargets and TrafficSplits.
  std::size_t full = 0, partial = 0, none = 0;
  std::size_t degraded = 0, pending = 0, conflicts = 0, invalid = 0, failed = 0;
  bool operator==(const Summary&) const = default;
  std::string Text() const;  ///< "12 objects: 10 FULL, 1 PARTIAL, 1 NONE; 1 conflict"
};
Summary Summarise(const std::vector<Verdict>& verdicts);

std::string TimeText(std::int64_t unix_ms);  ///< "2026-11-24T21:00:00Z"

}  // namespace meshplay::controller
