#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/smi/facts.h"
#include "libs/smi/lower.h"
#include "libs/smi/model.h"

namespace meshplay::smi {

/// One caller: a ServiceAccount, or a SPIFFE id when `spiffe_id` is set.
struct Identity {
  std::string namespace_name;
  std::string service_account;
  std::string spiffe_id;
  auto operator<=>(const Identity&) const = default;
};

enum class PortScope { kNone, kAny, kListed };

struct Ports {
  PortScope scope = PortScope::kNone;
  std::vector<int> ports;  ///< Service ports, for kListed, ascending.
};

struct HeaderCondition {
  std::string name;   ///< Lower case.
  std::string regex;  ///< As written, without quotations; full match.
  std::vector<HeaderPattern> patterns;
};

/// One match of an HTTPRouteGroup, lowered. All conditions hold together.
struct RequestMatch {
  std::string group;
  std::string name;
  std::string pointer;  ///< Of the reference in the TrafficTarget or TrafficSplit.
  std::string path_regex;
  LoweredPath path;
  std::optional<std::vector<std::string>> methods;  ///< nullopt: any.
  std::vector<HeaderCondition> headers;
};

/// What a TrafficTarget allows: `sources` may reach the destination with requests that match `http` on `tcp` ports, or,
/// without `http`, with any bytes on them. Never wider than the object, also when references are missing.
struct Grant {
  const TrafficTarget* target = nullptr;
  Identity destination;
  std::vector<Identity> sources;
  Ports tcp;
  Ports udp;
  std::optional<std::vector<RequestMatch>> http;  ///< Set as soon as the object names an HTTPRouteGroup, found or not.
  bool reduced = false;                           ///< A reference is missing or invalid: less is allowed than written.

  bool AllowsTcp() const {
    return !sources.empty() && tcp.scope != PortScope::kNone && (!http.has_value() || !http->empty());
  }
};

struct SplitRoute {
  std::string service;
  std::int64_t weight = 0;
};

struct SplitPort {
  int port = 0;
  PortProtocol protocol = PortProtocol::kUnknown;
  std::vector<SplitRoute> routes;  ///< In the order of the split; without backends that lack the port.
  bool HasWeight() const;
};

/// What a TrafficSplit does on each port of its root.
struct Split {
  const TrafficSplit* split = nullptr;
  std::string namespace_name;
  std::string root;
  std::vector<SplitPort> ports;
  std::optional<std::vector<RequestMatch>> matches;  ///< nullopt: all requests.
  bool reduced = false;                              ///< A backend with traffic does not exist and was left out.
};

struct ResolveOptions {
  PathOptions path;            ///< lenient_dots holds for access only: splits are never approximated.
  bool allow_missing = false;  ///< Splits: keep backends with traffic that do not exist yet.
};

/// Turns objects and facts into Grants and Splits. Only objects without error findings take part; a reference to any
/// other one counts as missing.
/// Ownership: keeps references to `set` and `facts`; both must outlive it. Threads: const methods from any thread.
class Resolver {
 public:
  Resolver(const DocumentSet& set, const FactsIndex& facts, const std::vector<Finding>& findings,
           ResolveOptions options = {});

  bool IsValid(const Head& head) const;

  /// Adds the diagnostics that validation leaves open: references to invalid objects, bindings without an identity.
  /// (That an object does not exist is in validation's findings.)
  /// nullopt when the destination itself cannot be told.
  std::optional<Grant> ResolveTarget(const TrafficTarget& target, std::vector<Diagnostic>& diagnostics) const;

  /// nullopt when the split cannot be carried out exactly: its root or a match group is missing.
  std::optional<Split> ResolveSplit(const TrafficSplit& split, std::vector<Diagnostic>& diagnostics) const;

 private:
  using Name = std::pair<std::string, std::string>;

  void ReportInvalid(const std::string& kind, const std::string& namespace_name, const std::string& name,
                     const std::string& pointer, std::vector<Diagnostic>& diagnostics) const;
  template <class T>
  const T* Find(const std::map<Name, const T*>& in, const std::string& namespace_name, const std::string& name) const {
    const auto it = in.find(Name(namespace_name, name));
    return it == in.end() ? nullptr : it->second;
  }
  std::vector<Identity> IdentitiesOf(const Subject& subject, const std::string& pointer,
                                     std::vector<Diagnostic>& diagnostics, bool& reduced) const;
  void AddHttpRule(const TrafficTarget& target, const TargetRule& rule, const std::string& pointer, Grant& grant,
                   std::vector<Diagnostic>& diagnostics) const;
  RequestMatch MatchOf(const HttpRouteGroup& group, const HttpMatch& match, const std::string& pointer,
                       bool lenient_dots) const;

  const FactsIndex& facts_;
  ResolveOptions options_;
  std::set<std::pair<std::size_t, std::string>> invalid_;  ///< (document, pointer of the object)
  std::set<std::string> invalid_names_;                    ///< ObjectKey::Text() of each
  std::map<Name, const HttpRouteGroup*> groups_;
  std::map<Name, const PortRoute*> tcp_routes_;
  std::map<Name, const PortRoute*> udp_routes_;
  std::map<Name, const IdentityBinding*> bindings_;
};

/// Pods of a destination, as one label selector and the workloads it stands for.
struct Selection {
  Labels selector;
  std::string name;  ///< Of the first workload; "name/kind" when a workload of another kind took the name.
  std::vector<const Workload*> workloads;
  std::vector<const Workload*> others = {};  ///< Workloads of other selections whose pods `selector` takes too.
};

/// The selectors for all workloads of a ServiceAccount. A selector that also takes pods of another ServiceAccount is
/// not given; SELECTOR_OVERLAP says so and `left_out` is set. Empty without diagnostics: there is no workload yet.
struct Selections {
  std::vector<Selection> selections;
  bool left_out = false;
};
Selections SelectWorkloads(const FactsIndex& facts, const Identity& destination, const std::string& pointer,
                           std::vector<Diagnostic>& diagnostics);

/// The pod ports of a selection behind the given Service ports, ascending. A port that no Service of the ServiceAccount
/// has is taken as a pod port and listed in `assumed`. A pod port that is something else at another of the pods that
/// the selector takes is not among them: `ambiguous` lists it.
struct PodPorts {
  std::vector<int> ports;
  std::vector<int> assumed;
  std::vector<int> ambiguous;
};
PodPorts ResolvePodPorts(const FactsIndex& facts, const Identity& destination, const Selection& selection,
                         const std::vector<int>& service_ports);

}  // namespace meshplay::smi
