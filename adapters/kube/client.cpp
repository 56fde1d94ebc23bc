#include "adapters/kube/client.h"

#include <algorithm>
#include <charconv>

#include "adapters/kube/internal/answer.h"
#include "adapters/kube/internal/discovery.h"
#include "adapters/kube/internal/paths.h"
#include "adapters/kube/internal/transport.h"
#include "libs/http/url.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;

// "37+" is how some providers write a minor version.
int LeadingNumber(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

const ResourceType* FindType(const ServedResources& served, const Gvk& gvk) {
  const auto found =
      std::find_if(served.types.begin(), served.types.end(), [&](const ResourceType& type) { return type.gvk == gvk; });
  return found == served.types.end() ? nullptr : &*found;
}

// The server lists a group's versions best first.
const ResourceType* FindPreferred(const ServedResources& served, const std::string& group, const std::string& kind) {
  const auto found = std::find_if(served.types.begin(), served.types.end(), [&](const ResourceType& type) {
    return type.gvk.group == group && type.gvk.kind == kind;
  });
  return found == served.types.end() ? nullptr : &*found;
}

}  // namespace

bool ResourceType::Can(std::string_view verb) const {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

Client::Client(std::unique_ptr<Transport> transport, ClientOptions options)
    : options_(std::move(options)),
      transport_(std::move(transport)),
      discovery_(std::make_unique<Discovery>(*transport_)) {}

Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Create(Access access, ClientOptions options) {
  MP_TRY(std::unique_ptr<Transport> transport, Transport::Create(std::move(access), options));
  return std::unique_ptr<Client>(new Client(std::move(transport), std::move(options)));
}

const std::string& Client::server_url() const {
  return transport_->access().server_url;
}
const std::string& Client::default_namespace() const {
  return transport_->access().default_namespace;
}

Budget Client::BudgetOf(const Call& call) const {
  return {std::chrono::steady_clock::now() + call.timeout.value_or(options_.call_timeout), call.stop};
}

// An answer that a kind is not served shows that the cache is stale.
Error Client::Noticed(Error error) {
  if (error.reason() == "KIND_UNKNOWN") discovery_->Drop();
  return error;
}

Result<std::string> Client::ClusterUid(const Call& call) {
  RestRequest request;
  request.path = "/api/v1/namespaces/kube-system";
  MP_TRY(const json answer, transport_->SendForJson(request, BudgetOf(call)));
  std::string uid = UidOf(answer);
  if (uid.empty()) return Internal("TARGET_ANSWER_INVALID", "the namespace kube-system has no uid");
  return uid;
}

Result<ServerVersion> Client::Version(const Call& call) {
  RestRequest request;
  request.path = "/version";
  MP_TRY(const json answer, transport_->SendForJson(request, BudgetOf(call)));
  ServerVersion version;
  version.git_version = TextAt(answer, "/gitVersion");
  version.major = LeadingNumber(TextAt(answer, "/major"));
  version.minor = LeadingNumber(TextAt(answer, "/minor"));
  version.platform = TextAt(answer, "/platform");
  if (version.git_version.empty()) return Internal("TARGET_ANSWER_INVALID", "the API server tells no version");
  return version;
}

Result<bool> Client::Ready(const Call& call) {
  RestRequest request;
  request.path = "/readyz";
  request.accept = "*/*";
  request.retry_server_errors = false;
  MP_TRY(const http::Response answer, transport_->Exchange(request, BudgetOf(call)));
  if (answer.status == 200) return true;
  if (answer.status == 500 || answer.status == 503) return false;
  return ErrorOfAnswer(answer);
}

Result<std::vector<ResourceType>> Client::ResourceTypes(const Call& call) {
  MP_TRY(const auto served, discovery_->Served(BudgetOf(call)));
  return served->types;
}

Result<std::vector<std::string>> Client::StaleGroups(const Call& call) {
  MP_TRY(const auto served, discovery_->Served(BudgetOf(call)));
  return served->stale_groups;
}

Result<ResourceType> Client::Resolve(const Gvk& gvk, const Call& call) {
  return ResolveWithin(gvk, BudgetOf(call));
}

Result<ResourceType> Client::ResolveWithin(const Gvk& gvk, const Budget& budget) {
  MP_TRY(auto served, discovery_->Served(budget));
  const ResourceType* type = FindType(*served, gvk);
  if (type == nullptr) {
    MP_TRY(served, discovery_->Fresher(served, budget));
    type = FindType(*served, gvk);
  }
  if (type != nullptr) return *type;
  return NotFound("KIND_UNKNOWN", "the API server does not serve " + gvk.ApiVersion() + " " + gvk.kind);
}

Result<std::optional<ResourceType>> Client::FindKind(const std::string& group, const std::string& kind,
                                                     const Call& call) {
  const Budget budget = BudgetOf(call);
  MP_TRY(auto served, discovery_->Served(budget));
  const ResourceType* type = FindPreferred(*served, group, kind);
  if (type == nullptr) {
    MP_TRY(served, discovery_->Fresher(served, budget));
    type = FindPreferred(*served, group, kind);
  }
  if (type == nullptr) return std::optional<ResourceType>();
  return std::optional<ResourceType>(*type);
}

void Client::DropDiscovery() {
  discovery_->Drop();
}

Result<std::string> Client::CollectionPath(const Gvk& gvk, const std::string& name_space, const Budget& budget) {
  if (!name_space.empty()) MP_CHECK(CheckPathName(name_space));
  MP_TRY(const ResourceType type, ResolveWithin(gvk, budget));
  return ResourcePath(type, name_space);
}

// Objects of namespaced kinds without a namespace belong to the context's default one, as with kubectl.
Result<std::string> Client::ObjectPath(const ObjectRef& ref, const Budget& budget) {
  MP_CHECK(CheckPathName(ref.name));
  MP_TRY(const std::string path,
         CollectionPath(ref.gvk, ref.name_space.empty() ? default_namespace() : ref.name_space, budget));
  return path + "/" + http::PercentEncode(ref.name);
}

}  // namespace meshplay::kube
