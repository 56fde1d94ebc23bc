#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/translate/common_options.h"
#include "libs/smi/model.h"

namespace meshplay::translate {

struct Draft {
  int wave = 0;  ///< When it is applied, lowest first.
  smi::ObjectKey key;
  nlohmann::json spec;
  std::vector<const smi::Head*> sources;
  nlohmann::json labels = nlohmann::json::object();  ///< Beside our own.
  bool adopts = false;  ///< An object of somebody else with this name is rewritten, not a conflict.
};

/// "smi-<name>[-<part>]". A hash of the source follows when the name is longer than 253 characters, when there is a
/// part that is not a number (a-b + c and a + b-c would meet otherwise), or when the source lives in another namespace
/// than the object. A part of several words has "/" between them; the name shows "-", the hash tells them apart.
std::string ObjectName(const smi::ObjectKey& source, const std::string& namespace_name, const std::string& name,
                       const std::string& part, bool part_is_number = false);

/// First 8 hexadecimal digits of SHA-256 over "ns/kind/name".
std::string SourceHash(const smi::ObjectKey& source);

/// Whole objects, in the order in which they are applied.
struct FinishedDrafts {
  std::vector<nlohmann::json> objects;
  std::vector<int> waves;                         ///< Of each object.
  std::vector<std::vector<std::string>> sources;  ///< Of each object, all of them: texts of ObjectKey::Text(), sorted.
};

/// Collects what all SMI objects need; the same object asked for twice is one object with two sources.
class DraftList {
 public:
  void Add(Draft draft);
  /// Withdraws what only these sources asked for.
  void Drop(const std::set<const smi::Head*>& sources);
  const std::vector<Draft>& drafts() const { return drafts_; }
  /// The objects that `source` asked for, in the order in which they are applied.
  std::vector<smi::ObjectKey> KeysOf(const smi::Head* source) const;

  /// Adds labels, annotations and owner references; sorted by wave, namespace, kind and name.
  FinishedDrafts Finish(const CommonOptions& options) const;

 private:
  std::vector<Draft> drafts_;
  std::map<smi::ObjectKey, std::size_t> index_;
  std::unordered_map<const smi::Head*, std::vector<std::size_t>> by_source_;
};

inline constexpr const char* kSourcesLabel = "meshplay.dev/smi-source";
inline constexpr const char* kSourcesAnnotation = "meshplay.dev/smi-sources";
/// How many sources the list leaves out; not there when it is complete.
inline constexpr const char* kSourcesOmittedAnnotation = "meshplay.dev/smi-sources-omitted";
/// Kubernetes takes 256 KiB of annotations an object, those of others included.
inline constexpr std::size_t kMaxSourcesBytes = 128 * 1024;

/// Writes into an object's metadata what follows from its sources, which are texts of ObjectKey::Text(), sorted: the
/// label with their hash, and the annotation that lists the first of them, as many as kMaxSourcesBytes hold.
void SetSources(nlohmann::json& metadata, const std::vector<std::string>& sources);

/// True when the object carries the labels of `owner`.
bool IsOurs(const nlohmann::json& object, const std::string& owner);

/// What becomes of one object while it is translated.
struct Outcome {
  std::vector<smi::Diagnostic> diagnostics;
  int in_force = 0;   ///< Rules or routes emitted.
  bool lost = false;  ///< Something was narrowed, dropped or left out.
  std::string explanation;
  std::string guarded;  ///< See Emission::guarded.
  void Report(std::string code, smi::Severity severity, std::string pointer, std::string message,
              std::string feature = "");
  void Warn(std::string code, std::string pointer, std::string message, std::string feature = "") {
    Report(std::move(code), smi::Severity::kWarning, std::move(pointer), std::move(message), std::move(feature));
  }
};

}  // namespace meshplay::translate
