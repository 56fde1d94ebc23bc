#include <algorithm>
#include <map>

#include "server/services/convert_common.h"
#include "server/services/convert_operation.h"
#include "server/services/internal/create_operation.h"
#include "server/services/internal/filter.h"
#include "server/services/internal/fingerprint.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"
#include "server/services/internal/submit.h"
#include "server/store/operation_states.h"

namespace meshplay::services {
namespace {

Result<v1::Operation> Create(const Core& core, const CallContext& context, const v1::CreateOperationRequest& request,
                             bool plan_only) {
  MP_CHECK(CheckIdempotencyKey(request.request_id()));
  const std::string fingerprint =
      (plan_only ? "plan:" : "create:") + RequestFingerprint(request, {"request_id", "wait"});
  const auto wait = ToMilliseconds(request.wait());
  MP_TRY(const std::optional<store::OperationRecord> earlier,
         FindEarlier(core, context, request.request_id(), fingerprint));
  if (earlier) return AnswerEarlier(core, context, *earlier, wait);
  MP_TRY(engine::OperationRequest prepared, PrepareOperation(core, context, request, plan_only));
  prepared.idempotency_key = request.request_id();
  prepared.fingerprint = fingerprint;
  return Submit(core, context, std::move(prepared), wait);
}

Result<v1::Operation> CreateOperation(const Core& core, const CallContext& context,
                                      const v1::CreateOperationRequest& request) {
  return Create(core, context, request, false);
}

Result<v1::Operation> PlanOperation(const Core& core, const CallContext& context,
                                    const v1::CreateOperationRequest& request) {
  return Create(core, context, request, true);
}

Result<v1::Operation> GetOperation(const Core& core, const CallContext& context,
                                   const v1::GetOperationRequest& request) {
  return ReadFrom<v1::Operation>(core, [&](store::Reader& reader) -> Result<v1::Operation> {
    MP_TRY(const store::OperationRecord row, GetOperationRow(reader, context.caller.tenant, request.id()));
    return ShowOperation(reader, row);
  });
}

std::string FieldOf(const store::OperationRecord& row, std::string_view field) {
  if (field == "state") return std::string(store::OperationStateName(row.state));
  if (field == "type") return row.type;
  if (field == "cluster") return row.cluster_id;
  if (field == "mesh") return row.mesh_id;
  if (field == "target") return row.target_id;
  if (field == "kind") return std::string(store::TaskKindName(row.kind));
  return row.principal;
}

/// What of the filter the store can do itself; the rest is done row by row.
Result<store::OperationQuery> QueryOf(const Filter& filter) {
  store::OperationQuery query;
  query.type = filter.Fixed("type");
  query.cluster_id = filter.Fixed("cluster");
  query.mesh_id = filter.Fixed("mesh");
  query.target_id = filter.Fixed("target");
  query.principal = filter.Fixed("principal");
  bool only_states = filter.any();
  for (const Filter::Term& term : filter.terms()) {
    only_states = only_states && term.field == "state" && !term.negated;
    if (term.field == "kind") {
      v1::OperationKind kind{};
      if (!v1::OperationKind_Parse(term.value, &kind)) return FilterInvalid("names a kind that does not exist");
    }
    if (term.field == "state" && !store::ParseOperationState(term.value)) {
      return FilterInvalid("names a state that does not exist");
    }
  }
  const auto state = store::ParseOperationState(filter.Fixed("state"));
  if (state) query.states.push_back(*state);
  for (const Filter::Term& term : filter.terms()) {
    if (only_states) query.states.push_back(*store::ParseOperationState(term.value));
  }
  return query;
}

Result<v1::ListOperationsResponse> ListOperations(const Core& core, const CallContext& context,
                                                  const v1::ListOperationsRequest& request) {
  using Response = v1::ListOperationsResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  MP_TRY(const Filter filter,
         Filter::Parse(request.filter(), {"state", "type", "cluster", "mesh", "target", "kind", "principal"}));
  MP_TRY(store::OperationQuery query, QueryOf(filter));
  query.tenant = context.caller.tenant;
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    Response response;
    MP_TRY(*response.mutable_sync_token(), SyncTokenAt(reader));
    const auto fetch = [&](const std::string& before, std::uint32_t limit) {
      query.before_id = before;
      query.limit = limit;
      return reader.ListOperations(query);
    };
    const auto keep = [&filter](const store::OperationRecord& row) {
      return filter.Matches([&row](std::string_view field) { return FieldOf(row, field); });
    };
    const auto key = [](const store::OperationRecord& row) { return row.id; };
    MP_TRY(const Rows<store::OperationRecord> rows, CollectPage<store::OperationRecord>(page, fetch, key, keep));
    for (const store::OperationRecord& row : rows.rows) {
      MP_TRY(*response.add_operations(), ShowOperation(reader, row));
    }
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::Operation> CancelOperation(const Core& core, const CallContext& context,
                                      const v1::CancelOperationRequest& request) {
  MP_TRY(const store::OperationRecord row, core.deps.engine.Cancel(ActorOf(context), request.id(), request.reason()));
  return ShowOperation(core, row);
}

Result<v1::Operation> RetryOperation(const Core& core, const CallContext& context,
                                     const v1::RetryOperationRequest& request) {
  MP_TRY(const store::OperationRecord row, core.deps.engine.Retry(ActorOf(context), request.id(), request.reason()));
  return ShowOperation(core, row);
}

Result<v1::Operation> ResolveOperation(const Core& core, const CallContext& context,
                                       const v1::ResolveOperationRequest& request) {
  static const std::map<std::string, engine::Resolution> kResolutions = {
      {"applied", engine::Resolution::kApplied},
      {"not_applied", engine::Resolution::kNotApplied},
      {"cleaned", engine::Resolution::kCleaned}};
  const auto resolution = kResolutions.find(request.resolution());
  if (resolution == kResolutions.end()) {
    return InvalidArgument("FIELD_INVALID", "the resolution is not known")
        .WithViolation("/resolution", "must be applied, not_applied or cleaned");
  }
  MP_TRY(const store::OperationRecord row,
         core.deps.engine.Resolve(ActorOf(context), request.id(), resolution->second, request.note()));
  return ShowOperation(core, row);
}

Result<v1::Operation> ApproveOperation(const Core& core, const CallContext& context,
                                       const v1::ApproveOperationRequest& request) {
  const bool approve = request.decision() == "approve";
  if (!approve && request.decision() != "reject") {
    return InvalidArgument("FIELD_INVALID", "the decision is not known")
        .WithViolation("/decision", "must be approve or reject");
  }
  MP_TRY(const store::OperationRecord row,
         core.deps.engine.Approve(ActorOf(context), request.id(),
                                  approve ? engine::Approval::kApprove : engine::Approval::kReject));
  return ShowOperation(core, row);
}

Result<v1::ListOperationStepsResponse> ListOperationSteps(const Core& core, const CallContext& context,
                                                          const v1::GetOperationRequest& request) {
  using Response = v1::ListOperationStepsResponse;
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    MP_TRY(const store::OperationRecord row, GetOperationRow(reader, context.caller.tenant, request.id()));
    MP_TRY(const std::vector<store::AttemptRecord> attempts, reader.ListAttempts(row.id));
    Response response;
    for (const store::AttemptRecord& attempt : attempts) {
      MP_TRY(const std::vector<store::StepRecord> steps, reader.ListSteps(row.id, attempt.number));
      *response.add_attempts() = ToAttempt(attempt, steps);
    }
    return response;
  });
}

/// Parts of an operation are paged by how many came before; the cursor of a row is its place, from 1.
template <class Row>
struct Placed {
  std::uint64_t place = 0;
  Row row;
};

template <class Row, class Read>
Result<Rows<Placed<Row>>> CollectParts(const Page& page, Read read) {
  const auto fetch = [&read](const std::string& after, std::uint32_t limit) -> Result<std::vector<Placed<Row>>> {
    MP_TRY(const std::uint64_t offset, NumberOf(after));
    MP_TRY(std::vector<Row> rows, read(static_cast<std::uint32_t>(offset), limit));
    std::vector<Placed<Row>> placed;
    placed.reserve(rows.size());
    for (Row& row : rows) placed.push_back({offset + placed.size() + 1, std::move(row)});
    return placed;
  };
  return CollectPage<Placed<Row>>(page, fetch, [](const Placed<Row>& row) { return std::to_string(row.place); });
}

Result<v1::ListOperationChangesResponse> ListOperationChanges(const Core& core, const CallContext& context,
                                                              const v1::ListOperationPartsRequest& request) {
  using Response = v1::ListOperationChangesResponse;
  using Outcome = std::pair<std::uint32_t, store::ObjectOutcomeRecord>;
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    MP_TRY(const store::OperationRecord row, GetOperationRow(reader, context.caller.tenant, request.id()));
    MP_TRY(const auto rows, CollectParts<Outcome>(page, [&](std::uint32_t offset, std::uint32_t limit) {
             return reader.ListOutcomes(row.id, offset, limit);
           }));
    Response response;
    for (const auto& part : rows.rows) *response.add_changes() = ToChange(part.row.first, part.row.second);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::ListOperationDiagnosticsResponse> ListOperationDiagnostics(const Core& core, const CallContext& context,
                                                                      const v1::ListOperationPartsRequest& request) {
  using Response = v1::ListOperationDiagnosticsResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    MP_TRY(const store::OperationRecord row, GetOperationRow(reader, context.caller.tenant, request.id()));
    MP_TRY(const auto rows, CollectParts<store::DiagnosticRecord>(page, [&](std::uint32_t offset, std::uint32_t limit) {
             return reader.ListDiagnostics(row.id, offset, limit);
           }));
    Response response;
    for (const auto& part : rows.rows) *response.add_diagnostics() = ToDiagnostic(part.row);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::OperationPlan> GetOperationPlan(const Core& core, const CallContext& context,
                                           const v1::GetOperationRequest& request) {
  return ReadFrom<v1::OperationPlan>(core, [&](store::Reader& reader) -> Result<v1::OperationPlan> {
    MP_TRY(const store::OperationRecord row, GetOperationRow(reader, context.caller.tenant, request.id()));
    MP_TRY(const std::optional<store::PlanRecord> plan, reader.FindPlanOfOperation(row.id));
    if (!plan) {
      return NotFound("PLAN_NOT_AVAILABLE", "the operation has made no plan, or not yet")
          .WithRemediation("Wait until an operation of kind PLAN has succeeded.");
    }
    v1::OperationPlan shown;
    shown.set_operation_id(row.id);
    shown.set_digest(plan->digest);
    shown.set_plan_json(plan->body_json);
    return shown;
  });
}

/// Ids of the clusters on which one of the adapters lives.
Result<std::vector<std::string>> ClustersOf(store::Reader& reader, const std::string& tenant,
                                            const inventory::OperationType& type) {
  std::vector<std::string> ids;
  MP_TRY(const std::vector<store::ClaimRecord> claims, reader.ListClaims(tenant, "", "", type.mesh_type));
  for (const store::ClaimRecord& claim : claims) {
    const bool offers =
        std::find(type.adapter_ids.begin(), type.adapter_ids.end(), claim.adapter_id) != type.adapter_ids.end();
    if (!claim.live || !offers) continue;
    MP_TRY(const std::optional<store::ClusterRecord> cluster, reader.FindClusterByUid(tenant, claim.cluster_uid));
    if (cluster && std::find(ids.begin(), ids.end(), cluster->id) == ids.end()) ids.push_back(cluster->id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<v1::ListOperationTypesResponse> ListOperationTypes(const Core& core, const CallContext& context,
                                                          const v1::ListOperationTypesRequest& request) {
  using Response = v1::ListOperationTypesResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  MP_TRY(std::vector<inventory::OperationType> types,
         core.deps.inventory.OperationTypes(context.caller.tenant, request.mesh()));
  const auto key_of = [](const inventory::OperationType& type) { return type.type + "\n" + type.mesh_type; };
  std::sort(types.begin(), types.end(), [&key_of](const auto& a, const auto& b) { return key_of(a) < key_of(b); });
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    if (!request.cluster().empty()) {
      MP_TRY([[maybe_unused]] const store::ClusterRecord cluster,
             GetClusterRow(reader, context.caller.tenant, request.cluster()));
    }
    Response response;
    std::string last;
    for (const inventory::OperationType& type : types) {
      if (key_of(type) <= page.cursor) continue;
      MP_TRY(const std::vector<std::string> clusters, ClustersOf(reader, context.caller.tenant, type));
      const bool here = std::find(clusters.begin(), clusters.end(), request.cluster()) != clusters.end();
      if (!request.cluster().empty() && !here) continue;
      if (response.operation_types_size() == static_cast<int>(page.size)) {
        response.set_next_page_token(NextPageToken(core, context, request, last));
        break;
      }
      *response.add_operation_types() = ToOperationType(type, clusters);
      last = key_of(type);
    }
    return response;
  });
}

}  // namespace

void AddOperations(MethodTable& table) {
  table.Add("Operations.ListOperationTypes", ListOperationTypes);
  table.Add("Operations.CreateOperation", CreateOperation);
  table.Add("Operations.PlanOperation", PlanOperation);
  table.Add("Operations.GetOperation", GetOperation);
  table.Add("Operations.ListOperations", ListOperations);
  table.Add("Operations.CancelOperation", CancelOperation);
  table.Add("Operations.RetryOperation", RetryOperation);
  table.Add("Operations.ResolveOperation", ResolveOperation);
  table.Add("Operations.ApproveOperation", ApproveOperation);
  table.Add("Operations.ListOperationSteps", ListOperationSteps);
  table.Add("Operations.ListOperationChanges", ListOperationChanges);
  table.Add("Operations.ListOperationDiagnostics", ListOperationDiagnostics);
  table.Add("Operations.GetOperationPlan", GetOperationPlan);
}

}  // namespace meshplay::services
