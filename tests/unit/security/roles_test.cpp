#include "server/security/roles.h"

#include <catch2/catch.hpp>

using meshplay::security::Allows;
using meshplay::security::Permission;

namespace {

std::vector<std::string> RolesWith(Permission permission) {
  std::vector<std::string> roles;
  for (const std::string& role : meshplay::security::KnownRoles()) {
    if (Allows({role}, permission)) roles.push_back(role);
  }
  return roles;
}

}  // namespace

TEST_CASE("each permission is held by exactly the roles of the table", "[security][roles]") {
  using Names = std::vector<std::string>;
  CHECK(RolesWith(Permission::kUnspecified).empty());
  CHECK(RolesWith(Permission::kRead) == Names{"viewer", "operator", "admin", "auditor"});
  CHECK(RolesWith(Permission::kOperate) == Names{"operator", "admin"});
  CHECK(RolesWith(Permission::kAdminister) == Names{"admin"});
  CHECK(RolesWith(Permission::kReadAudit) == Names{"admin", "auditor"});
  CHECK(RolesWith(Permission::kManageAccess) == Names{"admin", "platform-admin"});
  CHECK(RolesWith(Permission::kApprove) == Names{"admin"});
  CHECK(RolesWith(Permission::kAuthenticated).size() == 5);
}

TEST_CASE("an unknown role and no role allow nothing but what is public", "[security][roles]") {
  for (int number = 0; number <= 8; ++number) {
    const auto permission = static_cast<Permission>(number);
    CHECK(Allows({"root"}, permission) == (permission == Permission::kPublic));
    CHECK(Allows({}, permission) == (permission == Permission::kPublic));
  }
  CHECK_FALSE(Allows({"admin"}, static_cast<Permission>(77)));
}

TEST_CASE("several roles allow what any of them allows", "[security][roles]") {
  CHECK(Allows({"viewer", "platform-admin"}, Permission::kManageAccess));
  CHECK_FALSE(Allows({"viewer", "platform-admin"}, Permission::kOperate));
}
