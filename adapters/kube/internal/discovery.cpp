#include "adapters/kube/internal/discovery.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "adapters/kube/internal/answer.h"
#include "libs/http/url.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;

constexpr char kAcceptAggregated[] =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

std::vector<std::string> Strings(const json& list) {
  std::vector<std::string> out;
  if (!list.is_array()) return out;
  for (const json& item : list) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

const json& ListAt(const json& object, const std::string& pointer) {
  static const json empty = json::array();
  const json& value = ValueAt(object, pointer);
  return value.is_array() ? value : empty;
}

}  // namespace

void ReadAggregated(const json& document, ServedResources& out) {
  for (const json& group : ListAt(document, "/items")) {
    const std::string group_name = NameOf(group);
    bool preferred = true;
    for (const json& version : ListAt(group, "/versions")) {
      const std::string version_name = TextAt(version, "/version");
      if (version_name.empty()) continue;
      if (TextAt(version, "/freshness") == "Stale") {
        out.stale_groups.push_back(group_name + "/" + version_name);
        preferred = false;
        continue;
      }
      for (const json& resource : ListAt(version, "/resources")) {
        ResourceType type;
        // The kind answered may belong to another group, but it is asked for under this one.
        type.gvk = {group_name, version_name, TextAt(resource, "/responseKind/kind")};
        type.plural = TextAt(resource, "/resource");
        type.namespaced = TextAt(resource, "/scope") == "Namespaced";
        type.verbs = Strings(ValueAt(resource, "/verbs"));
        type.preferred_version = preferred;
        if (!type.plural.empty() && !type.gvk.kind.empty()) out.types.push_back(std::move(type));
      }
      preferred = false;
    }
  }
}

void ReadResourceList(const json& document, bool preferred, ServedResources& out) {
  const Gvk served = MakeGvk(TextAt(document, "/groupVersion"), "");
  for (const json& resource : ListAt(document, "/resources")) {
    ResourceType type;
    type.gvk = {served.group, served.version, TextAt(resource, "/kind")};
    type.plural = TextAt(resource, "/name");
    type.namespaced = ValueAt(resource, "/namespaced") == json(true);
    type.verbs = Strings(ValueAt(resource, "/verbs"));
    type.preferred_version = preferred;
    const bool subresource = type.plural.find('/') != std::string::npos;
    if (!subresource && !type.plural.empty() && !type.gvk.kind.empty()) out.types.push_back(std::move(type));
  }
}

Result<std::shared_ptr<const ServedResources>> Discovery::Served(const Budget& budget) {
  {
    const std::lock_guard lock(mutex_);
    if (cache_) return cache_;
  }
  return Fresher(nullptr, budget);
}

Result<std::shared_ptr<const ServedResources>> Discovery::Fresher(const std::shared_ptr<const ServedResources>& known,
                                                                  const Budget& budget) {
  // Callers that wait here use what the one before them fetched.
  std::unique_lock lock(mutex_);
  if (!fetch_ended_.wait_until(lock, budget.stop, budget.deadline, [this] { return !fetching_; })) {
    if (budget.stop.stop_requested()) return Error(ErrorCode::kCancelled, "CANCELLED", "the call was cancelled");
    return Error(ErrorCode::kDeadlineExceeded, "TARGET_TIMEOUT", "discovery took too long")
        .WithMetadata("request_sent", "no");
  }
  if (cache_ && cache_ != known) return cache_;
  fetching_ = true;
  lock.unlock();
  auto fetched = Fetch(budget);
  lock.lock();
  fetching_ = false;
  if (fetched) cache_ = *fetched;
  lock.unlock();
  fetch_ended_.notify_all();
  return fetched;
}

void Discovery::Drop() {
  const std::lock_guard lock(mutex_);
  cache_.reset();
}

Result<std::shared_ptr<const ServedResources>> Discovery::Fetch(const Budget& budget) {
  const auto served = std::make_shared<ServedResources>();
  MP_CHECK(FetchRoot("/api", *served, budget));
  MP_CHECK(FetchRoot("/apis", *served, budget));
  return std::shared_ptr<const ServedResources>(served);
}

Status Discovery::FetchRoot(const std::string& path, ServedResources& out, const Budget& budget) {
  RestRequest request;
  request.path = path;
  request.accept = kAcceptAggregated;
  MP_TRY(const json document, transport_.SendForJson(request, budget));
  const std::string kind = TextAt(document, "/kind");
  if (kind == "APIGroupDiscoveryList") {
    ReadAggregated(document, out);
  } else if (kind == "APIVersions") {
    bool preferred = true;
    for (const std::string& version : Strings(ValueAt(document, "/versions"))) {
      MP_CHECK(FetchGroupVersion("", version, preferred, out, budget));
      preferred = false;
    }
  } else if (kind == "APIGroupList") {
    for (const json& group : ListAt(document, "/groups")) {
      const std::string first = TextAt(group, "/preferredVersion/version");
      std::vector<std::string> versions;
      for (const json& version : ListAt(group, "/versions")) versions.push_back(TextAt(version, "/version"));
      std::stable_partition(versions.begin(), versions.end(), [&](const std::string& v) { return v == first; });
      for (const std::string& version : versions) {
        MP_CHECK(FetchGroupVersion(TextAt(group, "/name"), version, version == first, out, budget));
      }
    }
  } else {
    return Internal("TARGET_ANSWER_INVALID", "the API server answered discovery with an unknown kind");
  }
  return {};
}

Status Discovery::FetchGroupVersion(const std::string& group, const std::string& version, bool preferred,
                                    ServedResources& out, const Budget& budget) {
  RestRequest request;
  request.path = group.empty() ? "/api/" + http::PercentEncode(version)
                               : "/apis/" + http::PercentEncode(group) + "/" + http::PercentEncode(version);
  const auto document = transport_.SendForJson(request, budget);
  if (document) {
    ReadResourceList(*document, preferred, out);
    return {};
  }
  // A dead aggregated server must not hide every other group.
  const bool group_only = !group.empty() && (document.error().reason() == "TARGET_SERVER_ERROR" ||
                                             document.error().reason() == "KIND_UNKNOWN");
  if (!group_only) return document.error();
  out.stale_groups.push_back(group + "/" + version);
  return {};
}

}  // namespace meshplay::kube
