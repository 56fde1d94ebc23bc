#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
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
/// than the object.
std::string ObjectName(const smi::ObjectKey& source, const std::string& namespace_name, const std::string& name,
                       const std::string& part, bool part_is_number = false);

/// First 8 hexadecimal digits of SHA-256 over "ns/kind/name".
std::string SourceHash(const smi::ObjectKey& source);

/// Collects what all SMI objects need; the same object asked for twice is one object with two sources.
class DraftList {
 public:
  void Add(Draft draft);
  /// Withdraws what only `source` asked for.
  void Drop(const smi::Head* source);
  const std::vector<Draft>& drafts() const { return drafts_; }
  std::vector<smi::ObjectKey> KeysOf(const smi::Head* source) const;

  /// Whole objects with labels, annotations and owner references, sorted by wave, namespace, kind and name.
  std::vector<nlohmann::json> Finish(const CommonOptions& options) const;

 private:
  std::vector<Draft> drafts_;
  std::map<smi::ObjectKey, std::size_t> index_;
};

/// True when the object carries the labels of `owner`.
bool IsOurs(const nlohmann::json& object, const std::string& owner);

/// What becomes of one object while it is translated.
struct Outcome {
  std::vector<smi::Diagnostic> diagnostics;
  int in_force = 0;   ///< Rules or routes emitted.
  bool lost = false;  ///< Something was narrowed, dropped or left out.
  std::string explanation;
  void Report(std::string code, smi::Severity severity, std::string pointer, std::string message,
              std::string feature = "");
  void Warn(std::string code, std::string pointer, std::string message, std::string feature = "") {
    Report(std::move(code), smi::Severity::kWarning, std::move(pointer), std::move(message), std::move(feature));
  }
};

}  // namespace meshplay::translate
