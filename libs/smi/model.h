#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace meshplay::smi {

/// The kinds that a person writes. TrafficMetrics is an answer, never an input.
enum class Kind { kTrafficTarget, kIdentityBinding, kHttpRouteGroup, kTcpRoute, kUdpRoute, kTrafficSplit };

std::string_view KindName(Kind kind);   ///< "TrafficTarget" and so on.
std::string_view KindGroup(Kind kind);  ///< "access.smi-spec.io", "specs.smi-spec.io" or "split.smi-spec.io".

/// Names one Kubernetes object, SMI or generated.
struct ObjectKey {
  std::string api_version;
  std::string kind;
  std::string namespace_name;
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
  /// "TrafficTarget/shop/api-access", for people and for the sources annotation.
  std::string Text() const { return kind + "/" + namespace_name + "/" + name; }
};

enum class Severity { kInfo, kWarning, kError };

/// One remark on one object. `code` is stable and for programs (docs/errors.md, SMI section).
struct Diagnostic {
  std::string code;
  Severity severity = Severity::kError;
  std::string pointer;  ///< RFC 6901 pointer into the SMI document.
  std::string message;
  std::string mesh_feature;  ///< The mesh's feature that is missing or was used; may be empty.
  bool operator==(const Diagnostic&) const = default;
};

/// A diagnostic with its place in the caller's documents.
struct Finding {
  std::size_t document = 0;  ///< Index in the list given to ParseDocuments.
  ObjectKey object;
  Diagnostic diagnostic;
};

/// What every object has.
struct Head {
  ObjectKey key;
  int version = 4;           ///< 1..4 for v1alpha1..v1alpha4, as written by the user.
  std::size_t document = 0;  ///< Index in the list given to ParseDocuments.
  std::string pointer;       ///< Where the object starts in its document: "" or "/items/3".
  std::string spec_pointer;  ///< Where its fields start: pointer, or pointer + "/spec".
  std::string created;       ///< metadata.creationTimestamp as written; empty when there is none.
  std::string uid;           ///< metadata.uid; empty when the object is not in a cluster.
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};

/// Who: a ServiceAccount or an IdentityBinding.
struct Subject {
  std::string kind;
  std::string name;
  std::string namespace_name;        ///< After defaulting to the object's namespace.
  bool namespace_defaulted = false;  ///< The document left it out.
  bool operator==(const Subject&) const = default;
};

/// Which requests, by reference.
struct TargetRule {
  std::string kind;
  std::string name;
  std::vector<std::string> matches;  ///< Empty: all matches of the group.
  bool operator==(const TargetRule&) const = default;
};

struct TrafficTarget {
  Head head;
  Subject destination;
  std::optional<std::int64_t> destination_port;  ///< v1alpha1 and v1alpha2 only.
  std::vector<TargetRule> rules;
  std::vector<Subject> sources;
};

struct IdentityBinding {
  Head head;
  std::map<std::string, std::string> pod_labels;  ///< schemes.podLabelSelector.matchLabels
  bool has_pod_labels = false;
  std::string service_account;
  std::vector<std::string> spiffe_ids;
};

struct HttpMatch {
  std::string name;
  std::string path_regex;                                    ///< Empty: any path.
  std::vector<std::string> methods;                          ///< Empty: any method.
  std::vector<std::pair<std::string, std::string>> headers;  ///< (lower-case name, value regex), sorted by name.
  std::vector<std::string> header_pointers;                  ///< Where each header stands below the match.
  bool operator==(const HttpMatch&) const = default;
};

struct HttpRouteGroup {
  Head head;
  std::vector<HttpMatch> matches;
};

/// TCPRoute and UDPRoute.
struct PortRoute {
  Head head;
  std::string name;                 ///< spec.matches.name (v1alpha4); has no meaning for translation.
  std::vector<std::int64_t> ports;  ///< Empty: all ports.
};

struct SplitBackend {
  std::string service;      ///< Short name when `valid_name`, else as written.
  std::int64_t weight = 0;  ///< v1alpha1 quantities are brought to whole numbers of equal ratio.
  bool valid_name = true;
  bool valid_weight = true;
  bool operator==(const SplitBackend&) const = default;
};

struct SplitMatchRef {
  std::string api_group;
  std::string kind;
  std::string name;
  bool operator==(const SplitMatchRef&) const = default;
};

struct TrafficSplit {
  Head head;
  std::string service;  ///< Short name when `valid_service`, else as written.
  bool valid_service = true;
  std::vector<SplitBackend> backends;
  std::vector<SplitMatchRef> matches;  ///< Empty: all requests.
};

/// All SMI objects of one input, each kind in input order: the internal form that every version is read into.
struct DocumentSet {
  std::vector<TrafficTarget> targets;
  std::vector<IdentityBinding> bindings;
  std::vector<HttpRouteGroup> http_groups;
  std::vector<PortRoute> tcp_routes;
  std::vector<PortRoute> udp_routes;
  std::vector<TrafficSplit> splits;

  std::vector<Finding> findings;             ///< What the parser saw; Validate() repeats and adds to it.
  std::vector<ObjectKey> unreadable;         ///< Objects of an unknown SMI kind or version: in `findings` as errors.
  std::vector<std::size_t> other_documents;  ///< Documents that are no SMI objects at all.
};

/// Every head of the set, kind by kind, in the order of the fields above.
std::vector<const Head*> AllHeads(const DocumentSet& set);

}  // namespace meshplay::smi
