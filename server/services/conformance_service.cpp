#include <algorithm>

#include "server/services/convert_common.h"
#include "server/services/convert_conformance.h"
#include "server/services/internal/create_operation.h"
#include "server/services/internal/filter.h"
#include "server/services/internal/fingerprint.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"
#include "server/services/internal/submit.h"

namespace meshplay::services {
namespace {

constexpr const char* kType = "smi.conformance";
constexpr int kDefaultLegacyPage = 10;
constexpr int kMaximumLegacyPage = 100;

Error RunUnknown() {
  return NotFound("CONFORMANCE_RUN_UNKNOWN", "there is no such conformance run");
}

enum class Depth { kReport, kCases };

Result<ConformanceRows> RowsOf(store::Reader& reader, store::OperationRecord operation, Depth depth) {
  ConformanceRows rows;
  rows.operation = std::move(operation);
  MP_TRY(rows.run, reader.FindConformanceRun(rows.operation.id));
  if (rows.run && depth == Depth::kCases) {
    MP_TRY(rows.cases, reader.ListConformanceCases(rows.operation.id));
  }
  return rows;
}

Result<ConformanceRows> FindRows(store::Reader& reader, const CallContext& context, const std::string& id) {
  MP_TRY(std::optional<store::OperationRecord> operation, reader.FindOperation(context.caller.tenant, id));
  if (!operation || operation->kind != store::TaskKind::kConformance) return RunUnknown();
  return RowsOf(reader, std::move(*operation), Depth::kCases);
}

Result<ConformanceRows> FindRows(const Core& core, const CallContext& context, const std::string& id) {
  return ReadFrom<ConformanceRows>(core, [&](store::Reader& reader) { return FindRows(reader, context, id); });
}

Result<v1::ConformanceRun> CreateConformanceRun(const Core& core, const CallContext& context,
                                                const v1::CreateConformanceRunRequest& request) {
  MP_CHECK(CheckIdempotencyKey(request.request_id()));
  const std::string fingerprint = "conformance:" + RequestFingerprint(request, {"request_id", "wait"});
  const auto wait = ToMilliseconds(request.wait());
  MP_TRY(const std::optional<store::OperationRecord> earlier,
         FindEarlier(core, context, request.request_id(), fingerprint));
  v1::Operation operation;
  if (earlier) {
    MP_TRY(operation, AnswerEarlier(core, context, *earlier, wait));
  } else {
    v1::CreateOperationRequest create;
    create.set_type(kType);
    *create.mutable_target() = request.target();
    create.set_parameters_json(request.parameters_json());
    create.set_reason(request.reason());
    if (request.has_deadline()) *create.mutable_deadline() = request.deadline();
    MP_TRY(engine::OperationRequest prepared, PrepareOperation(core, context, create, false));
    prepared.idempotency_key = request.request_id();
    prepared.fingerprint = fingerprint;
    MP_TRY(operation, Submit(core, context, std::move(prepared), wait));
  }
  MP_TRY(const ConformanceRows rows, FindRows(core, context, operation.id()));
  v1::ConformanceRun run = ToConformanceRun(rows);
  run.set_replayed(operation.replayed());
  return run;
}

Result<v1::ConformanceRun> GetConformanceRun(const Core& core, const CallContext& context,
                                             const v1::GetConformanceRunRequest& request) {
  MP_TRY(const ConformanceRows rows, FindRows(core, context, request.id()));
  return ToConformanceRun(rows);
}

std::string FieldOf(const ConformanceRows& rows, std::string_view field) {
  if (field == "cluster") return rows.operation.cluster_id;
  if (field == "mesh") return rows.operation.mesh_id;
  if (field == "mesh_type") return rows.operation.mesh_type;
  return rows.run ? rows.run->verdict : std::string();
}

Result<v1::ListConformanceRunsResponse> ListConformanceRuns(const Core& core, const CallContext& context,
                                                            const v1::ListConformanceRunsRequest& request) {
  using Response = v1::ListConformanceRunsResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  MP_TRY(const Filter filter, Filter::Parse(request.filter(), {"cluster", "mesh", "mesh_type", "verdict"}));
  store::OperationQuery query;
  query.tenant = context.caller.tenant;
  query.kind = store::TaskKind::kConformance;
  query.cluster_id = filter.Fixed("cluster");
  query.mesh_id = filter.Fixed("mesh");
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    const auto fetch = [&](const std::string& before, std::uint32_t limit) -> Result<std::vector<ConformanceRows>> {
      query.before_id = before;
      query.limit = limit;
      MP_TRY(std::vector<store::OperationRecord> operations, reader.ListOperations(query));
      std::vector<ConformanceRows> fetched;
      for (store::OperationRecord& operation : operations) {
        MP_TRY(ConformanceRows rows, RowsOf(reader, std::move(operation), Depth::kReport));
        fetched.push_back(std::move(rows));
      }
      return fetched;
    };
    const auto keep = [&filter](const ConformanceRows& rows) {
      return filter.Matches([&rows](std::string_view field) { return FieldOf(rows, field); });
    };
    const auto key = [](const ConformanceRows& rows) { return rows.operation.id; };
    MP_TRY(const Rows<ConformanceRows> found, CollectPage<ConformanceRows>(page, fetch, key, keep));
    Response response;
    for (ConformanceRows rows : found.rows) {
      MP_TRY(rows.cases, reader.ListConformanceCases(rows.operation.id));  // their groups count them
      *response.add_runs() = WithoutCases(rows);
    }
    response.set_next_page_token(NextPageToken(core, context, request, found.next));
    return response;
  });
}

Result<v1::ConformanceCase> GetConformanceCase(const Core& core, const CallContext& context,
                                               const v1::GetConformanceCaseRequest& request) {
  return ReadFrom<v1::ConformanceCase>(core, [&](store::Reader& reader) -> Result<v1::ConformanceCase> {
    MP_TRY(const ConformanceRows rows, FindRows(reader, context, request.id()));
    MP_TRY(const auto found, reader.FindConformanceCase(rows.operation.id, request.case_()));
    if (found) return ToConformanceCase(*found);
    return NotFound("CONFORMANCE_CASE_UNKNOWN", "the run has no such case");
  });
}

Result<v1::ConformanceDiff> DiffConformanceRuns(const Core& core, const CallContext& context,
                                                const v1::DiffConformanceRunsRequest& request) {
  return ReadFrom<v1::ConformanceDiff>(core, [&](store::Reader& reader) -> Result<v1::ConformanceDiff> {
    MP_TRY(const ConformanceRows base, FindRows(reader, context, request.base()));
    MP_TRY(const ConformanceRows other, FindRows(reader, context, request.other()));
    return ToConformanceDiff(base, other);
  });
}

Result<v1::JunitReport> GetConformanceJunit(const Core& core, const CallContext& context,
                                            const v1::GetConformanceRunRequest& request) {
  MP_TRY(const ConformanceRows rows, FindRows(core, context, request.id()));
  v1::JunitReport report;
  report.set_xml(ToJunit(rows));
  return report;
}

// --- the older results API ---

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Error PageInvalid(std::string pointer, std::string detail) {
  return InvalidArgument("PAGE_INVALID", "the page asked for is out of range")
      .WithViolation(std::move(pointer), std::move(detail));
}

/// Every run whose mesh's name holds `search`, newest first. At most kMaximumScanned.
Result<std::vector<store::OperationRecord>> AllRuns(store::Reader& reader, const std::string& tenant,
                                                    const std::string& search) {
  store::OperationQuery query;
  query.tenant = tenant;
  query.kind = store::TaskKind::kConformance;
  query.limit = kMaximumPageSize;
  std::vector<store::OperationRecord> all;
  for (std::size_t scanned = 0; scanned < kMaximumScanned; scanned += query.limit) {
    MP_TRY(std::vector<store::OperationRecord> some, reader.ListOperations(query));
    const bool last = some.size() < query.limit;
    if (!some.empty()) query.before_id = some.back().id;
    for (store::OperationRecord& operation : some) {
      const bool wanted = Lower(MeshTitle(operation.mesh_type)).find(search) != std::string::npos;
      if (wanted) all.push_back(std::move(operation));
    }
    if (last) break;
  }
  return all;
}

Result<v1::ListSmiResultsResponse> ListSmiResults(const Core& core, const CallContext& context,
                                                  const v1::ListSmiResultsRequest& request) {
  using Response = v1::ListSmiResultsResponse;
  const int size = request.page_size() == 0 ? kDefaultLegacyPage : request.page_size();
  if (request.page() < 0) return PageInvalid("/page", "must be 0 or more");
  if (size < 1 || size > kMaximumLegacyPage) return PageInvalid("/page_size", "must be 1 to 100");
  const bool ascending = request.order() == "date asc";
  if (!request.order().empty() && !ascending && request.order() != "date desc") {
    return PageInvalid("/order", "must be \"date desc\" or \"date asc\"");
  }
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    MP_TRY(std::vector<store::OperationRecord> runs, AllRuns(reader, context.caller.tenant, Lower(request.search())));
    if (ascending) std::reverse(runs.begin(), runs.end());
    Response response;
    response.set_page(request.page());
    response.set_page_size(size);
    response.set_total_count(static_cast<std::int32_t>(runs.size()));
    const std::size_t first = static_cast<std::size_t>(request.page()) * static_cast<std::size_t>(size);
    for (std::size_t i = first; i < std::min(runs.size(), first + static_cast<std::size_t>(size)); ++i) {
      MP_TRY(const ConformanceRows rows, RowsOf(reader, std::move(runs[i]), Depth::kCases));
      *response.add_results() = ToSmiResult(rows);
    }
    return response;
  });
}

Result<v1::SmiResult> GetSmiResult(const Core& core, const CallContext& context,
                                   const v1::GetSmiResultRequest& request) {
  MP_TRY(const ConformanceRows rows, FindRows(core, context, request.id()));
  return ToSmiResult(rows);
}

}  // namespace

void AddConformance(MethodTable& table) {
  table.Add("Conformance.CreateConformanceRun", CreateConformanceRun);
  table.Add("Conformance.ListConformanceRuns", ListConformanceRuns);
  table.Add("Conformance.GetConformanceRun", GetConformanceRun);
  table.Add("Conformance.GetConformanceCase", GetConformanceCase);
  table.Add("Conformance.DiffConformanceRuns", DiffConformanceRuns);
  table.Add("Conformance.GetConformanceJunit", GetConformanceJunit);
  table.Add("Conformance.ListSmiResults", ListSmiResults);
  table.Add("Conformance.GetSmiResult", GetSmiResult);
}

}  // namespace meshplay::services
