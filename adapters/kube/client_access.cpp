#include "adapters/kube/client.h"
#include "adapters/kube/internal/answer.h"
#include "adapters/kube/internal/transport.h"

namespace meshplay::kube {

using nlohmann::json;

Result<std::vector<AccessAnswer>> Client::CanI(const std::vector<AccessQuestion>& questions, const Call& call) {
  const Budget budget = BudgetOf(call);
  std::vector<AccessAnswer> answers;
  answers.reserve(questions.size());
  for (const AccessQuestion& question : questions) {
    const auto slash = question.resource.find('/');
    json attributes = {{"verb", question.verb}, {"group", question.group}, {"resource", question.resource}};
    if (slash != std::string::npos) {
      attributes["resource"] = question.resource.substr(0, slash);
      attributes["subresource"] = question.resource.substr(slash + 1);
    }
    if (!question.name_space.empty()) attributes["namespace"] = question.name_space;
    if (!question.name.empty()) attributes["name"] = question.name;
    RestRequest request;
    request.method = http::Method::kPost;
    request.path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    request.content_type = "application/json";
    request.repeatable = true;  // nothing is stored
    request.body = json{{"apiVersion", "authorization.k8s.io/v1"},
                        {"kind", "SelfSubjectAccessReview"},
                        {"spec", {{"resourceAttributes", std::move(attributes)}}}}
                       .dump(-1, ' ', false, json::error_handler_t::replace);
    MP_TRY(const json answer, transport_->SendForJson(request, budget));
    const json& allowed = ValueAt(answer, "/status/allowed");
    if (!allowed.is_boolean())
      return Internal("TARGET_ANSWER_INVALID", "the API server reviewed access without a verdict");
    answers.push_back({question, allowed.get<bool>()});
  }
  return answers;
}

}  // namespace meshplay::kube
