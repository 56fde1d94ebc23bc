#include "libs/smi/parse.h"

#include <array>
#include <nlohmann/json.hpp>

#include "libs/smi/internal/reader.h"

namespace meshplay::smi {
namespace {

using nlohmann::json;

constexpr std::string_view kGroupSuffix = ".smi-spec.io";
constexpr std::string_view kMetricsGroup = "metrics.smi-spec.io";

struct KindVersions {
  Kind kind;
  int first;
  int root_until;  ///< Up to this version the fields stand at the root of the document.
};

// Which versions exist of each kind (06 §1.1, §1.2).
constexpr std::array kKinds = {
    KindVersions{Kind::kTrafficTarget, 1, 1},  KindVersions{Kind::kIdentityBinding, 4, 0},
    KindVersions{Kind::kHttpRouteGroup, 1, 2}, KindVersions{Kind::kTcpRoute, 1, 2},
    KindVersions{Kind::kUdpRoute, 4, 0},       KindVersions{Kind::kTrafficSplit, 1, 0},
};

std::string Text(const json& object, const char* key) {
  const json* value = Reader::Find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

struct GroupVersion {
  std::string group;
  int version = 0;  ///< 0: not one of v1alpha1..v1alpha4.
};

GroupVersion SplitApiVersion(const std::string& api_version) {
  const std::size_t slash = api_version.find('/');
  if (slash == std::string::npos) return {"", 0};
  GroupVersion out{api_version.substr(0, slash), 0};
  const std::string version = api_version.substr(slash + 1);
  if (version.size() == 8 && version.starts_with("v1alpha") && version[7] >= '1' && version[7] <= '4') {
    out.version = version[7] - '0';
  }
  return out;
}

class DocumentParser {
 public:
  explicit DocumentParser(const ParseOptions& options) : options_(options) {}

  void Parse(const json& document, std::size_t index, const std::string& pointer, int depth = 0) {
    const std::string kind = Text(document, "kind");
    const json* items = Reader::Find(document, "items");
    if (depth == 0 && kind.ends_with("List") && items != nullptr && items->is_array()) {
      for (std::size_t i = 0; i < items->size(); ++i) {
        json named;
        const json& item = Named((*items)[i], document, kind, named);
        Parse(item, index, pointer + "/items/" + std::to_string(i), 1);
      }
      return;
    }
    if (!IsSmiDocument(document)) {
      if (set_.other_documents.empty() || set_.other_documents.back() != index) set_.other_documents.push_back(index);
      return;
    }
    ParseObject(document, index, pointer, kind);
  }

  DocumentSet Take() { return std::move(set_); }

 private:
  // The items of an API server's list carry neither kind nor version.
  static const json& Named(const json& item, const json& list, const std::string& kind, json& named) {
    if (!item.is_object() || !IsSmiDocument(list) || item.contains("kind") || item.contains("apiVersion")) return item;
    named = item;
    named["kind"] = kind.substr(0, kind.size() - std::string_view("List").size());
    named["apiVersion"] = list["apiVersion"];
    return named;
  }

  void ParseObject(const json& document, std::size_t index, const std::string& pointer, const std::string& kind) {
    Head head;
    head.document = index;
    head.pointer = pointer;
    head.key.api_version = Text(document, "apiVersion");
    head.key.kind = kind;
    Reader reader(head, set_.findings);
    const std::size_t earlier = set_.findings.size();
    ReadMetadata(document, head, reader);
    // These were found before the object's whole name was known.
    for (std::size_t i = earlier; i < set_.findings.size(); ++i) set_.findings[i].object = head.key;

    const GroupVersion parsed = SplitApiVersion(head.key.api_version);
    const KindVersions* known = nullptr;
    for (const KindVersions& candidate : kKinds) {
      if (kind == KindName(candidate.kind) && parsed.group == KindGroup(candidate.kind)) known = &candidate;
    }
    if (known == nullptr) {
      reader.Error("KIND_UNKNOWN", pointer + "/kind",
                   parsed.group == kMetricsGroup
                       ? "nobody applies " + kind + ": it is what the API of TrafficMetrics answers"
                       : "\"" + kind + "\" is no SMI kind of " + parsed.group);
      set_.unreadable.push_back(head.key);
      return;
    }
    if (parsed.version < known->first) {
      reader.Error("VERSION_UNKNOWN", pointer + "/apiVersion",
                   kind + " exists as " + (known->first == 4 ? "" : "v1alpha" + std::to_string(known->first) + " to ") +
                       "v1alpha4, not as " + head.key.api_version);
      set_.unreadable.push_back(head.key);
      return;
    }
    head.version = parsed.version;
    Dispatch(document, std::move(head), *known);
  }

  void ReadMetadata(const json& document, Head& head, Reader& reader) {
    const json* metadata = reader.Object(document, "metadata", head.pointer);
    const std::string at = head.pointer + "/metadata";
    if (metadata != nullptr) {
      head.key.name = reader.String(*metadata, "name", at);
      head.key.namespace_name = reader.String(*metadata, "namespace", at);
      head.created = reader.String(*metadata, "creationTimestamp", at);
      head.uid = reader.String(*metadata, "uid", at);
      head.labels = reader.StringMap(*metadata, "labels", at);
      head.annotations = reader.StringMap(*metadata, "annotations", at);
    }
    if (head.key.namespace_name.empty()) head.key.namespace_name = options_.default_namespace;
  }

  void Dispatch(const json& document, Head head, const KindVersions& known) {
    const json empty = json::object();
    const json* fields = &document;
    const bool at_root = head.version <= known.root_until;
    head.spec_pointer = head.pointer + (at_root ? "" : "/spec");
    if (!at_root) {
      Reader reader(head, set_.findings);
      reader.OnlyKeys(document, head.pointer, {"apiVersion", "kind", "metadata", "spec", "status"});
      fields = reader.Object(document, "spec", head.pointer);
      if (fields == nullptr) fields = &empty;
    }
    switch (known.kind) {
      case Kind::kTrafficTarget:
        set_.targets.push_back(ParseTrafficTarget(std::move(head), *fields, set_.findings));
        break;
      case Kind::kIdentityBinding:
        set_.bindings.push_back(ParseIdentityBinding(std::move(head), *fields, set_.findings));
        break;
      case Kind::kHttpRouteGroup:
        set_.http_groups.push_back(ParseHttpRouteGroup(std::move(head), *fields, set_.findings));
        break;
      case Kind::kTcpRoute:
        set_.tcp_routes.push_back(ParsePortRoute(std::move(head), *fields, set_.findings));
        break;
      case Kind::kUdpRoute:
        set_.udp_routes.push_back(ParsePortRoute(std::move(head), *fields, set_.findings));
        break;
      case Kind::kTrafficSplit:
        set_.splits.push_back(ParseTrafficSplit(std::move(head), *fields, set_.findings));
        break;
    }
  }

  const ParseOptions& options_;
  DocumentSet set_;
};

}  // namespace

bool IsSmiDocument(const json& document) {
  return SplitApiVersion(Text(document, "apiVersion")).group.ends_with(kGroupSuffix);
}

DocumentSet ParseDocuments(const std::vector<json>& documents, const ParseOptions& options) {
  DocumentParser parser(options);
  for (std::size_t i = 0; i < documents.size(); ++i) parser.Parse(documents[i], i, "");
  return parser.Take();
}

}  // namespace meshplay::smi
