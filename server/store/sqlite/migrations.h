#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "libs/base/result.h"
#include "server/store/sqlite/connection.h"

namespace meshplay::store::sqlite {

/// One file of migrations/, embedded at build time.
struct Migration {
  std::int64_t number;
  const char* name;
  const char* sql;
};

std::span<const Migration> EmbeddedMigrations();  ///< By number, 1..n without holes. Generated.

inline constexpr std::int64_t kApplicationId = 0x4D534850;  // "MSHP"

/// Looks, without changing a byte, whether the file is a database of ours that this server understands; an empty file
/// is. Errors: kFailedPrecondition STORE_FOREIGN, STORE_NEWER. Throws what SQLite throws, as Migrate does.
Status CheckOwner(Connection& connection);

/// Brings the schema up to date, each migration in one transaction. A new database gets its epoch.
void Migrate(Connection& connection);

}  // namespace meshplay::store::sqlite
