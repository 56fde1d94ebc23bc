#include <nlohmann/json.hpp>

#include "server/policy/policies.h"
#include "server/services/convert_policy.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"

namespace meshplay::services {
namespace {

store::AuditRecord Audit(const Core& core, const CallContext& context, const char* method, const std::string& id) {
  return AuditOf(core, context, std::string("Environments.") + method, "environment/" + id, "allowed",
                 nlohmann::json::object());
}

Result<store::EnvironmentRecord> RowOf(const Core& core, const CallContext& context, const std::string& id) {
  return ReadFrom<store::EnvironmentRecord>(
      core, [&](store::Reader& reader) { return policy::GetEnvironmentRow(reader, context.caller.tenant, id); });
}

template <class Request>
policy::EnvironmentChange ChangeOf(const Request& request) {
  return {request.display_name(),
          LabelsJson(request.labels()),
          {request.clusters().begin(), request.clusters().end()},
          ToLabelSelector(request.cluster_labels(), request.cluster_expressions())};
}

Result<v1::ListEnvironmentsResponse> ListEnvironments(const Core& core, const CallContext& context,
                                                      const v1::ListEnvironmentsRequest& request) {
  using Response = v1::ListEnvironmentsResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    Response response;
    MP_TRY(*response.mutable_sync_token(), SyncTokenAt(reader));
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListEnvironments(context.caller.tenant, after, limit);
    };
    const auto key = [](const store::EnvironmentRecord& row) { return row.id; };
    MP_TRY(const Rows<store::EnvironmentRecord> rows, CollectPage<store::EnvironmentRecord>(page, fetch, key));
    for (const store::EnvironmentRecord& row : rows.rows) *response.add_environments() = ToEnvironment(row);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::Environment> GetEnvironment(const Core& core, const CallContext& context,
                                       const v1::GetEnvironmentRequest& request) {
  MP_TRY(const store::EnvironmentRecord row, RowOf(core, context, request.id()));
  return ToEnvironment(row);
}

Result<v1::Environment> CreateEnvironment(const Core& core, const CallContext& context,
                                          const v1::CreateEnvironmentRequest& request) {
  MP_TRY(const store::EnvironmentRecord row,
         core.deps.policies.CreateEnvironment(Audit(core, context, "CreateEnvironment", request.id()), request.id(),
                                              ChangeOf(request)));
  return ToEnvironment(row);
}

Result<v1::Environment> UpdateEnvironment(const Core& core, const CallContext& context,
                                          const v1::UpdateEnvironmentRequest& request) {
  MP_TRY(const store::EnvironmentRecord before, RowOf(core, context, request.id()));
  MP_CHECK(CheckEtag(request.etag(), before.version));
  MP_TRY(const store::EnvironmentRecord row,
         core.deps.policies.UpdateEnvironment(Audit(core, context, "UpdateEnvironment", request.id()), request.id(),
                                              before.version, ChangeOf(request)));
  return ToEnvironment(row);
}

Result<v1::DeleteEnvironmentResponse> DeleteEnvironment(const Core& core, const CallContext& context,
                                                        const v1::DeleteEnvironmentRequest& request) {
  MP_TRY(const store::EnvironmentRecord before, RowOf(core, context, request.id()));
  MP_CHECK(CheckEtag(request.etag(), before.version));
  MP_CHECK(core.deps.policies.DeleteEnvironment(Audit(core, context, "DeleteEnvironment", request.id()), request.id(),
                                                before.version));
  return v1::DeleteEnvironmentResponse();
}

}  // namespace

void AddEnvironments(MethodTable& table) {
  table.Add("Environments.ListEnvironments", ListEnvironments);
  table.Add("Environments.GetEnvironment", GetEnvironment);
  table.Add("Environments.CreateEnvironment", CreateEnvironment);
  table.Add("Environments.UpdateEnvironment", UpdateEnvironment);
  table.Add("Environments.DeleteEnvironment", DeleteEnvironment);
}

}  // namespace meshplay::services
