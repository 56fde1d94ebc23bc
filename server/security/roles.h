#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshplay::security {

inline constexpr std::string_view kDefaultTenant = "default";  ///< The only tenant for now.

/// What a caller must be allowed to do; the same names as meshplay.api.Permission in the proto. Deny by default.
enum class Permission {
  kUnspecified = 0,
  kPublic = 1,
  kAuthenticated = 2,
  kRead = 3,
  kOperate = 4,
  kAdminister = 5,
  kReadAudit = 6,
  kManageAccess = 7,
  kApprove = 8,
};

/// Who calls. Made only by TokenAuthority, or Anonymous().
struct Caller {
  std::string tenant;
  std::string principal;  ///< "token/<name>"; "anonymous" for nobody.
  std::string token_id;
  std::vector<std::string> roles;  ///< viewer, operator, admin, platform-admin, auditor
  long long expires_unix_ms = 0;   ///< 0: never.
};

Caller Anonymous();

/// viewer < operator < admin; platform-admin manages access only; auditor reads and reads the audit log.
/// An unknown role allows nothing; kUnspecified is allowed to nobody. Pure. Threads: any.
bool Allows(const std::vector<std::string>& roles, Permission permission);
std::vector<std::string> KnownRoles();
std::string_view RoleDescription(std::string_view role);
std::vector<std::string_view> PermissionsOf(std::string_view role);  ///< Names such as "READ".
std::string_view PermissionName(Permission permission);

}  // namespace meshplay::security
