#include "adapters/kube/client.h"
#include "adapters/kube/internal/answer.h"
#include "adapters/kube/internal/paths.h"
#include "adapters/kube/internal/transport.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;

// Moves the items of one page to `list`. Items of a list carry no apiVersion and kind of their own.
Status TakePage(json& page, const Gvk& gvk, ObjectList& list) {
  const auto items = page.find("items");
  if (items == page.end() || !(items->is_array() || items->is_null())) {
    return Internal("TARGET_ANSWER_INVALID", "the API server answered a list without items");
  }
  const std::string api_version = gvk.ApiVersion();
  for (json& item : *items) {
    if (!item.is_object())
      return Internal("TARGET_ANSWER_INVALID", "the API server listed something that is no object");
    item["apiVersion"] = api_version;
    item["kind"] = gvk.kind;
    list.items.push_back(std::move(item));
  }
  list.resource_version = TextAt(page, "/metadata/resourceVersion");
  return {};
}

}  // namespace

Result<json> Client::Get(const ObjectRef& ref, const Call& call) {
  const Budget budget = BudgetOf(call);
  RestRequest request;
  MP_TRY(request.path, ObjectPath(ref, budget));
  auto answer = transport_->SendForJson(request, budget);
  if (!answer) return Noticed(std::move(answer).error());
  return answer;
}

Result<std::optional<json>> Client::Find(const ObjectRef& ref, const Call& call) {
  auto answer = Get(ref, call);
  if (answer) return std::optional<json>(std::move(*answer));
  if (answer.error().code() == ErrorCode::kNotFound) return std::optional<json>();
  return std::move(answer).error();
}

Result<ObjectList> Client::List(const Gvk& gvk, const Selection& selection, const Call& call) {
  const Budget budget = BudgetOf(call);
  MP_TRY(const std::string path, CollectionPath(gvk, selection.name_space, budget));
  ObjectList list;
  std::string limit = options_.list_page_size > 0 ? std::to_string(options_.list_page_size) : "";
  std::string token;
  while (true) {
    RestRequest request;
    request.path = path + Query({{"labelSelector", selection.label_selector},
                                 {"fieldSelector", selection.field_selector},
                                 {"limit", limit},
                                 {"continue", token}});
    auto page = transport_->SendForJson(request, budget);
    if (!page && page.error().reason() == "RESOURCE_VERSION_EXPIRED" && !token.empty()) {
      // Pages of two moments must not be mixed, so everything is asked for again and in one piece.
      list = {};
      limit.clear();
      token.clear();
      continue;
    }
    if (!page) return Noticed(std::move(page).error());
    MP_CHECK(TakePage(*page, gvk, list));
    token = TextAt(*page, "/metadata/continue");
    if (token.empty()) return list;
  }
}

}  // namespace meshplay::kube
