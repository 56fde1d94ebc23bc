#include "server/services/convert_access.h"
#include "server/services/convert_common.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"

namespace meshplay::services {
namespace {

constexpr std::chrono::seconds kDefaultLifetime{30LL * 86'400};

Result<v1::WhoAmIResponse> WhoAmI(const Core& /*core*/, const CallContext& context, const v1::WhoAmIRequest&) {
  v1::WhoAmIResponse response;
  response.set_principal(context.caller.principal);
  response.set_tenant(context.caller.tenant);
  for (const std::string& role : context.caller.roles) response.add_roles(role);
  if (context.caller.expires_unix_ms != 0)
    *response.mutable_expire_time() = ToTimestamp(context.caller.expires_unix_ms);
  return response;
}

Result<v1::Token> CreateToken(const Core& core, const CallContext& context, const v1::CreateTokenRequest& request) {
  const std::vector<std::string> roles(request.roles().begin(), request.roles().end());
  const std::chrono::seconds lifetime =
      request.lifetime_seconds() == 0 ? kDefaultLifetime : std::chrono::seconds(request.lifetime_seconds());
  MP_TRY(const security::NewToken made,
         core.deps.tokens.Create(context.caller, request.name(), roles, lifetime, context.request_id));
  v1::Token token = ToToken(made.record);
  token.set_token(made.token.Reveal());
  return token;
}

Result<v1::ListTokensResponse> ListTokens(const Core& core, const CallContext& context,
                                          const v1::ListTokensRequest& request) {
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<v1::ListTokensResponse>(core, [&](store::Reader& reader) -> Result<v1::ListTokensResponse> {
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListApiTokens(context.caller.tenant, after, limit);
    };
    const auto key = [](const store::ApiTokenRecord& row) { return row.id; };
    MP_TRY(const Rows<store::ApiTokenRecord> rows, CollectPage<store::ApiTokenRecord>(page, fetch, key));
    v1::ListTokensResponse response;
    for (const store::ApiTokenRecord& row : rows.rows) *response.add_tokens() = ToToken(row);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::DeleteTokenResponse> DeleteToken(const Core& core, const CallContext& context,
                                            const v1::DeleteTokenRequest& request) {
  MP_CHECK(core.deps.tokens.Revoke(context.caller, request.id(), context.request_id));
  return v1::DeleteTokenResponse();
}

Result<v1::ListRolesResponse> ListRoles(const Core& /*core*/, const CallContext& /*context*/,
                                        const v1::ListRolesRequest&) {
  v1::ListRolesResponse response;
  for (const std::string& name : security::KnownRoles()) {
    v1::Role& role = *response.add_roles();
    role.set_id(name);
    role.set_description(std::string(security::RoleDescription(name)));
    for (const std::string_view permission : security::PermissionsOf(name)) {
      role.add_permissions(std::string(permission));
    }
  }
  return response;
}

}  // namespace

void AddAccess(MethodTable& table) {
  table.Add("Access.WhoAmI", WhoAmI);
  table.Add("Access.CreateToken", CreateToken);
  table.Add("Access.ListTokens", ListTokens);
  table.Add("Access.DeleteToken", DeleteToken);
  table.Add("Access.ListRoles", ListRoles);
}

}  // namespace meshplay::services
