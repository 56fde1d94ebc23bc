#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/istio/emitter/options.h"
#include "libs/smi/facts.h"
#include "libs/smi/model.h"
#include "libs/smi/report.h"

namespace meshplay::istio {

inline constexpr std::string_view kSecurityVersion = "security.istio.io/v1";
inline constexpr std::string_view kNetworkingVersion = "networking.istio.io/v1";

/// When an object is applied, lowest first.
enum class Wave { kRoute, kAllow, kIdentity, kDeny, kDenyNamespace };

struct Draft {
  Wave wave = Wave::kRoute;
  smi::ObjectKey key;
  nlohmann::json spec;
  std::vector<const smi::Head*> sources;
};

/// "smi-<name>[-<part>]". A hash of the source follows when the name is longer than 253 characters, when there is a
/// part (a-b + c and a + b-c would meet otherwise), or when the source lives in another namespace than the object.
std::string ObjectName(const smi::ObjectKey& source, const std::string& namespace_name, const std::string& name,
                       const std::string& part);

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
  std::vector<nlohmann::json> Finish(const EmitOptions& options) const;

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
};

struct EmitContext {
  const smi::FactsIndex& facts;
  const EmitOptions& options;
  std::string trust_domain;
  std::string cluster_domain;
  DraftList drafts;
};

}  // namespace meshplay::istio
