#include "adapters/kube/client.h"
#include "adapters/kube/internal/answer.h"
#include "adapters/kube/internal/paths.h"
#include "adapters/kube/internal/transport.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;

constexpr char kStrict[] = "Strict";

std::string DryRun(bool dry_run) {
  return dry_run ? "All" : "";
}

Result<std::string> BodyOf(const json& object) {
  try {
    return object.dump();
  } catch (const json::exception&) {
    return InvalidArgument("OBJECT_INVALID", "the object holds text that is not UTF-8");
  }
}

Status CheckObject(const json& object) {
  const Gvk gvk = GvkOf(object);
  if (gvk.kind.empty() || gvk.version.empty()) return InvalidArgument("OBJECT_INVALID", "the object names no kind");
  return {};
}

Result<WriteOutcome> OutcomeOf(const http::Response& answer) {
  WriteOutcome outcome;
  MP_TRY(outcome.object, ParseAnswer(answer.body));
  outcome.created = answer.status == 201;
  return outcome;
}

const char* PropagationName(Propagation propagation) {
  switch (propagation) {
    case Propagation::kBackground:
      return "Background";
    case Propagation::kForeground:
      return "Foreground";
    case Propagation::kOrphan:
      return "Orphan";
  }
  return "Background";
}

}  // namespace

Result<WriteOutcome> Client::Apply(const json& object, const ApplyOptions& options, const Call& call) {
  MP_CHECK(CheckObject(object));
  if (options.field_manager.empty()) return InvalidArgument("OBJECT_INVALID", "apply needs a field manager");
  const Budget budget = BudgetOf(call);
  MP_TRY(const std::string path, ObjectPath(RefOf(object), budget));
  RestRequest request;
  request.method = http::Method::kPatch;
  request.path = path + Query({{"fieldManager", options.field_manager},
                               {"fieldValidation", kStrict},
                               {"force", options.force ? "true" : "false"},
                               {"dryRun", DryRun(options.dry_run)}});
  request.content_type = "application/apply-patch+yaml";
  request.repeatable = true;
  MP_TRY(request.body, BodyOf(object));
  auto answer = transport_->Send(request, budget);
  if (!answer) return Noticed(std::move(answer).error());
  return OutcomeOf(*answer);
}

Result<WriteOutcome> Client::Create(const json& object, const WriteOptions& options, const Call& call) {
  MP_CHECK(CheckObject(object));
  const Budget budget = BudgetOf(call);
  const ObjectRef ref = RefOf(object);
  MP_TRY(const std::string path,
         CollectionPath(ref.gvk, ref.name_space.empty() ? default_namespace() : ref.name_space, budget));
  RestRequest request;
  request.method = http::Method::kPost;
  request.path = path + Query({{"fieldManager", options.field_manager},
                               {"fieldValidation", kStrict},
                               {"dryRun", DryRun(options.dry_run)}});
  request.content_type = "application/json";
  request.repeatable = options.dry_run;
  MP_TRY(request.body, BodyOf(object));
  auto answer = transport_->Send(request, budget);
  if (!answer) return Noticed(std::move(answer).error());
  return OutcomeOf(*answer);
}

Result<WriteOutcome> Client::Update(const json& object, const WriteOptions& options, const Call& call) {
  MP_CHECK(CheckObject(object));
  const Budget budget = BudgetOf(call);
  MP_TRY(const std::string path, ObjectPath(RefOf(object), budget));
  RestRequest request;
  request.method = http::Method::kPut;
  request.path = path + Query({{"fieldManager", options.field_manager},
                               {"fieldValidation", kStrict},
                               {"dryRun", DryRun(options.dry_run)}});
  request.content_type = "application/json";
  request.repeatable = options.dry_run || !ResourceVersionOf(object).empty();
  MP_TRY(request.body, BodyOf(object));
  auto answer = transport_->Send(request, budget);
  if (!answer) return Noticed(std::move(answer).error());
  return OutcomeOf(*answer);
}

Result<WriteOutcome> Client::Patch(const ObjectRef& ref, const json& patch, const char* media_type,
                                   const char* subresource, const WriteOptions& options, const Call& call) {
  const Budget budget = BudgetOf(call);
  MP_TRY(const std::string path, ObjectPath(ref, budget));
  RestRequest request;
  request.method = http::Method::kPatch;
  request.path =
      path + subresource +
      Query(
          {{"fieldManager", options.field_manager}, {"fieldValidation", kStrict}, {"dryRun", DryRun(options.dry_run)}});
  request.content_type = media_type;
  request.repeatable = options.dry_run || !ResourceVersionOf(patch).empty();
  MP_TRY(request.body, BodyOf(patch));
  auto answer = transport_->Send(request, budget);
  if (!answer) return Noticed(std::move(answer).error());
  return OutcomeOf(*answer);
}

Result<WriteOutcome> Client::MergePatch(const ObjectRef& ref, const json& patch, const WriteOptions& options,
                                        const Call& call) {
  return Patch(ref, patch, "application/merge-patch+json", "", options, call);
}

Result<WriteOutcome> Client::JsonPatch(const ObjectRef& ref, const json& patch, const WriteOptions& options,
                                       const Call& call) {
  return Patch(ref, patch, "application/json-patch+json", "", options, call);
}

Result<WriteOutcome> Client::MergePatchStatus(const ObjectRef& ref, const json& patch, const WriteOptions& options,
                                              const Call& call) {
  return Patch(ref, patch, "application/merge-patch+json", "/status", options, call);
}

Result<DeleteEnd> Client::Delete(const ObjectRef& ref, const DeleteOptions& options, const Call& call) {
  const Budget budget = BudgetOf(call);
  RestRequest request;
  request.method = http::Method::kDelete;
  auto path = ObjectPath(ref, budget);
  if (!path && path.error().reason() == "KIND_UNKNOWN") return DeleteEnd::kAlreadyAbsent;
  if (!path) return std::move(path).error();
  request.path = std::move(*path);
  json body = {
      {"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", PropagationName(options.propagation)}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) body["preconditions"]["resourceVersion"] = options.resource_version;
  if (options.grace_period_seconds) body["gracePeriodSeconds"] = *options.grace_period_seconds;
  if (options.dry_run) body["dryRun"] = json::array({"All"});
  request.content_type = "application/json";
  request.repeatable = options.dry_run || !options.uid.empty();
  MP_TRY(request.body, BodyOf(body));
  auto answer = transport_->SendForJson(request, budget);
  if (!answer && answer.error().code() == ErrorCode::kNotFound) {
    Noticed(std::move(answer).error());
    return DeleteEnd::kAlreadyAbsent;
  }
  if (!answer) return std::move(answer).error();
  return IsBeingDeleted(*answer) ? DeleteEnd::kWaitingForFinalizers : DeleteEnd::kGone;
}

}  // namespace meshplay::kube
