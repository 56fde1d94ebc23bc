#include <map>
#include <nlohmann/json.hpp>

#include "server/services/convert_adapter.h"
#include "server/services/internal/filter.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"

namespace meshplay::services {
namespace {

constexpr std::chrono::seconds kDefaultTokenLifetime{3'600};

/// Running tasks by adapter id.
Result<std::map<std::string, std::uint32_t>> RunningTasks(store::Reader& reader) {
  std::map<std::string, std::uint32_t> running;
  MP_TRY(const std::vector<store::OperationRecord> active, reader.ListActiveOperations());
  for (const store::OperationRecord& operation : active) ++running[operation.adapter_id];
  return running;
}

Result<v1::Adapter> Show(store::Reader& reader, const store::AdapterRecord& row,
                         const std::map<std::string, std::uint32_t>& running) {
  std::vector<std::string> clusters;
  MP_TRY(const std::vector<store::ClaimRecord> claims, reader.ListClaims(row.tenant, row.id, "", ""));
  for (const store::ClaimRecord& claim : claims) {
    MP_TRY(const std::optional<store::ClusterRecord> cluster, reader.FindClusterByUid(row.tenant, claim.cluster_uid));
    if (cluster) clusters.push_back(cluster->id);
  }
  const auto found = running.find(row.id);
  return ToAdapter(row, clusters, found == running.end() ? 0 : found->second);
}

Result<v1::ListAdaptersResponse> ListAdapters(const Core& core, const CallContext& context,
                                              const v1::ListAdaptersRequest& request) {
  MP_TRY(const Page page, ReadPage(core, context, request));
  MP_TRY(const Filter filter, Filter::Parse(request.filter(), {"mesh_type", "state", "connected"}));
  return ReadFrom<v1::ListAdaptersResponse>(core, [&](store::Reader& reader) -> Result<v1::ListAdaptersResponse> {
    v1::ListAdaptersResponse response;
    MP_TRY(*response.mutable_sync_token(), SyncTokenAt(reader));
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListAdapters(context.caller.tenant, filter.Fixed("mesh_type"), after, limit);
    };
    const auto keep = [&filter](const store::AdapterRecord& row) {
      return filter.Matches([&row](std::string_view field) -> std::string {
        if (field == "connected") return row.connected ? "true" : "false";
        return field == "state" ? row.state : row.mesh_type;
      });
    };
    const auto key = [](const store::AdapterRecord& row) { return row.id; };
    MP_TRY(const Rows<store::AdapterRecord> rows, CollectPage<store::AdapterRecord>(page, fetch, key, keep));
    MP_TRY(const auto running, RunningTasks(reader));
    for (const store::AdapterRecord& row : rows.rows) {
      MP_TRY(*response.add_adapters(), Show(reader, row, running));
    }
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<store::AdapterRecord> GetAdapterRow(store::Reader& reader, const std::string& tenant, const std::string& id) {
  MP_TRY(std::optional<store::AdapterRecord> found, reader.FindAdapter(tenant, id));
  if (!found) return NotFound("ADAPTER_UNKNOWN", "there is no such adapter");
  return std::move(*found);
}

Result<v1::Adapter> ReadAdapter(const Core& core, const CallContext& context, const std::string& id) {
  return ReadFrom<v1::Adapter>(core, [&](store::Reader& reader) -> Result<v1::Adapter> {
    MP_TRY(const store::AdapterRecord row, GetAdapterRow(reader, context.caller.tenant, id));
    MP_TRY(const auto running, RunningTasks(reader));
    return Show(reader, row, running);
  });
}

Result<v1::Adapter> GetAdapter(const Core& core, const CallContext& context, const v1::GetAdapterRequest& request) {
  return ReadAdapter(core, context, request.id());
}

Result<v1::Adapter> DrainAdapter(const Core& core, const CallContext& context, const v1::DrainAdapterRequest& request) {
  MP_CHECK(
      WriteAudit(core, context, "Adapters.DrainAdapter", "adapter/" + request.id(), {{"resume", request.resume()}}));
  MP_TRY(const store::AdapterRecord row,
         core.deps.inventory.SetAdapterState(context.caller.tenant, request.id(),
                                             request.resume() ? "ENROLLED" : "DRAINING"));
  return ReadAdapter(core, context, row.id);
}

v1::EnrollmentToken ShowNew(const Core& core, const security::NewEnrollment& made) {
  v1::EnrollmentToken token = ToEnrollmentToken(made.record);
  token.set_token(made.token.Reveal());
  token.set_hub_address(core.deps.hub_address);
  token.set_trust_bundle_pem(core.deps.authority.trust_bundle_pem());
  return token;
}

Result<v1::EnrollmentToken> ReissueAdapter(const Core& core, const CallContext& context,
                                           const v1::ReissueAdapterRequest& request) {
  MP_TRY(const security::NewEnrollment made, core.deps.enrollment.CreateToken(context.caller, "", kDefaultTokenLifetime,
                                                                              "", request.id(), context.request_id));
  return ShowNew(core, made);
}

Result<v1::DeleteAdapterResponse> DeleteAdapter(const Core& core, const CallContext& context,
                                                const v1::DeleteAdapterRequest& request) {
  const auto read = [&](store::Reader& reader) { return GetAdapterRow(reader, context.caller.tenant, request.id()); };
  MP_TRY(const store::AdapterRecord row, ReadFrom<store::AdapterRecord>(core, read));
  MP_CHECK(CheckEtag(request.etag(), row.version));
  MP_CHECK(WriteAudit(core, context, "Adapters.DeleteAdapter", "adapter/" + row.id, {{"mesh_type", row.mesh_type}}));
  MP_TRY([[maybe_unused]] const store::AdapterRecord revoked,
         core.deps.inventory.RevokeAdapter(context.caller.tenant, request.id(), row.version));
  return v1::DeleteAdapterResponse();
}

Result<v1::EnrollmentToken> CreateEnrollmentToken(const Core& core, const CallContext& context,
                                                  const v1::CreateEnrollmentTokenRequest& request) {
  const std::chrono::seconds lifetime =
      request.lifetime_seconds() == 0 ? kDefaultTokenLifetime : std::chrono::seconds(request.lifetime_seconds());
  MP_TRY(const security::NewEnrollment made,
         core.deps.enrollment.CreateToken(context.caller, request.mesh_type(), lifetime, request.display_name(), "",
                                          context.request_id));
  return ShowNew(core, made);
}

Result<v1::ListEnrollmentTokensResponse> ListEnrollmentTokens(const Core& core, const CallContext& context,
                                                              const v1::ListEnrollmentTokensRequest& request) {
  using Response = v1::ListEnrollmentTokensResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListEnrollmentTokens(context.caller.tenant, after, limit);
    };
    const auto key = [](const store::EnrollmentTokenRecord& row) { return row.id; };
    MP_TRY(const Rows<store::EnrollmentTokenRecord> rows, CollectPage<store::EnrollmentTokenRecord>(page, fetch, key));
    Response response;
    for (const store::EnrollmentTokenRecord& row : rows.rows)
      *response.add_enrollment_tokens() = ToEnrollmentToken(row);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::DeleteEnrollmentTokenResponse> DeleteEnrollmentToken(const Core& core, const CallContext& context,
                                                                const v1::DeleteEnrollmentTokenRequest& request) {
  MP_CHECK(core.deps.enrollment.DeleteToken(context.caller, request.id(), context.request_id));
  return v1::DeleteEnrollmentTokenResponse();
}

}  // namespace

void AddAdapters(MethodTable& table) {
  table.Add("Adapters.ListAdapters", ListAdapters);
  table.Add("Adapters.GetAdapter", GetAdapter);
  table.Add("Adapters.DrainAdapter", DrainAdapter);
  table.Add("Adapters.ReissueAdapter", ReissueAdapter);
  table.Add("Adapters.DeleteAdapter", DeleteAdapter);
  table.Add("Adapters.CreateEnrollmentToken", CreateEnrollmentToken);
  table.Add("Adapters.ListEnrollmentTokens", ListEnrollmentTokens);
  table.Add("Adapters.DeleteEnrollmentToken", DeleteEnrollmentToken);
}

}  // namespace meshplay::services
