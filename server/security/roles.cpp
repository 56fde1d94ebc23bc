#include "server/security/roles.h"

#include <algorithm>

namespace meshplay::security {
namespace {

struct Role {
  std::string_view name;
  std::string_view description;
  std::vector<Permission> permissions;
};

/// The one table of who may do what. kPublic needs no role.
const std::vector<Role>& Roles() {
  using enum Permission;
  static const std::vector<Role> roles = {
      {"viewer", "Reads everything but the audit log.", {kAuthenticated, kRead}},
      {"operator", "Reads, and runs operations on meshes.", {kAuthenticated, kRead, kOperate}},
      {"admin",
       "Everything in the tenant: adapters, clusters, secrets, tokens, approvals, audit.",
       {kAuthenticated, kRead, kOperate, kAdminister, kReadAudit, kManageAccess, kApprove}},
      {"platform-admin", "Manages access, and nothing else.", {kAuthenticated, kManageAccess}},
      {"auditor", "Reads everything, the audit log included.", {kAuthenticated, kRead, kReadAudit}},
  };
  return roles;
}

const Role* Find(std::string_view name) {
  for (const Role& role : Roles()) {
    if (role.name == name) return &role;
  }
  return nullptr;
}

}  // namespace

Caller Anonymous() {
  Caller caller;
  caller.tenant = std::string(kDefaultTenant);
  caller.principal = "anonymous";
  return caller;
}

bool Allows(const std::vector<std::string>& roles, Permission permission) {
  if (permission == Permission::kPublic) return true;
  return std::any_of(roles.begin(), roles.end(), [permission](const std::string& name) {
    const Role* role = Find(name);
    return role != nullptr &&
           std::find(role->permissions.begin(), role->permissions.end(), permission) != role->permissions.end();
  });
}

std::vector<std::string> KnownRoles() {
  std::vector<std::string> names;
  for (const Role& role : Roles()) names.emplace_back(role.name);
  return names;
}

std::string_view RoleDescription(std::string_view role) {
  const Role* found = Find(role);
  return found == nullptr ? std::string_view() : found->description;
}

std::vector<std::string_view> PermissionsOf(std::string_view role) {
  std::vector<std::string_view> names;
  const Role* found = Find(role);
  if (found == nullptr) return names;
  for (const Permission permission : found->permissions) names.push_back(PermissionName(permission));
  return names;
}

std::string_view PermissionName(Permission permission) {
  switch (permission) {
    case Permission::kUnspecified:
      return "UNSPECIFIED";
    case Permission::kPublic:
      return "PUBLIC";
    case Permission::kAuthenticated:
      return "AUTHENTICATED";
    case Permission::kRead:
      return "READ";
    case Permission::kOperate:
      return "OPERATE";
    case Permission::kAdminister:
      return "ADMINISTER";
    case Permission::kReadAudit:
      return "READ_AUDIT";
    case Permission::kManageAccess:
      return "MANAGE_ACCESS";
    case Permission::kApprove:
      return "APPROVE";
  }
  return "UNSPECIFIED";
}

}  // namespace meshplay::security
