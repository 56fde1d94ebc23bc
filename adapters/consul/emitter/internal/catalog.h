#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/translate/translation.h"

namespace meshplay::consul {

inline constexpr const char* kVersion = "consul.hashicorp.com/v1alpha1";

/// When an object is applied, lowest first. An intention denies in the same object in which it allows.
enum Wave { kDefaultsWave, kSplitterWave, kRouterWave, kIntentionsWave, kDenyAllWave };

/// True for what Consul registers: Services that select pods and are not marked as none of its business.
bool IsRegistered(const smi::Service& service);

/// A Kubernetes Service that is a service of Consul, seen from one ServiceAccount.
struct NamedService {
  const smi::Service* service = nullptr;
  bool shared = false;  ///< It also selects pods of another ServiceAccount.
};

/// What a service speaks, as Consul must be told.
struct Protocol {
  std::string name;       ///< "http", "http2" or "grpc"; empty: requests cannot be told apart.
  std::string problem;    ///< Why the name is empty.
  bool only_tcp = false;  ///< All its ports say that they carry TCP.
};

/// The services of Consul by their names, and what somebody else has configured for them. A name means the same in all
/// namespaces. Ownership: keeps references to the context's facts.
class Catalog {
 public:
  explicit Catalog(const translate::EmitContext& context);

  /// The services that stand for a ServiceAccount, by name.
  const std::vector<NamedService>& ServicesOf(const smi::Identity& identity);

  /// Services of that name exist in several namespaces, or in another one than `namespace_name`.
  bool IsAmbiguous(const std::string& name, const std::string& namespace_name) const;

  /// An object of somebody else, by kind and the name of the service it is about; nullptr when there is none.
  const nlohmann::json* Foreign(const std::string& kind, const std::string& service) const;

  /// `service` null: a service that does not exist, which speaks what it is told to.
  Protocol ProtocolOf(const std::string& name, const smi::Service* service) const;

 private:
  void ReadForeign(const translate::EmitContext& context);

  const smi::FactsIndex& facts_;
  std::map<std::pair<std::string, std::string>, const nlohmann::json*> foreign_;
  std::map<std::string, std::vector<std::string>> namespaces_of_name_;
  std::map<std::string, std::map<std::string, std::vector<NamedService>>> by_account_;  ///< By namespace and account.
};

/// Drafts the entry that tells what a service speaks, unless somebody else has.
void AddDefaults(translate::EmitContext& context, const Catalog& catalog, const std::string& namespace_name,
                 const std::string& service, const std::string& protocol, const std::vector<const smi::Head*>& sources);

}  // namespace meshplay::consul
