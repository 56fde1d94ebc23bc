#include "server/store/sqlite/migrations.h"

#include <SQLiteCpp/Transaction.h>

#include <chrono>

#include "server/store/internal/rules.h"

namespace meshplay::store::sqlite {
namespace {

std::int64_t Number(Connection& connection, const char* sql) {
  return connection.db().execAndGet(sql).getInt64();
}

Error Foreign() {
  return FailedPrecondition("STORE_FOREIGN", "The file is a database of another program.")
      .WithRemediation("Name another file as the database of the server.");
}

/// Milliseconds of the clock, so that a database that is made anew never repeats the epoch of the one before it.
std::string NewEpoch() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void Apply(Connection& connection, const Migration& migration) {
  SQLite::Transaction transaction(connection.db(), SQLite::TransactionBehavior::IMMEDIATE);
  connection.Run(migration.sql);
  if (migration.number == 1) {
    connection.Run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
    const std::string name(internal::kEpochKey);
    const std::string epoch = NewEpoch();
    SQLite::Statement insert(connection.db(), "INSERT INTO meta (name, value) VALUES (?, ?)");
    insert.bindNoCopy(1, name);
    insert.bindNoCopy(2, epoch);
    insert.exec();
  }
  connection.Run(("PRAGMA user_version = " + std::to_string(migration.number)).c_str());
  transaction.commit();
}

}  // namespace

Status CheckOwner(Connection& connection) {
  const std::int64_t application = Number(connection, "PRAGMA application_id");
  const std::int64_t version = Number(connection, "PRAGMA user_version");
  const std::int64_t objects = Number(connection, "SELECT count(*) FROM sqlite_master");
  const bool empty = application == 0 && version == 0 && objects == 0;
  if (!empty && application != kApplicationId) return Foreign();
  const auto migrations = EmbeddedMigrations();
  if (version > migrations.back().number) {
    return FailedPrecondition("STORE_NEWER", "The database was written by a newer server (schema " +
                                                 std::to_string(version) + ", this server knows " +
                                                 std::to_string(migrations.back().number) + ").")
        .WithRemediation("Start the newer server, or restore a backup from before the upgrade.");
  }
  return {};
}

void Migrate(Connection& connection) {
  const std::int64_t version = Number(connection, "PRAGMA user_version");
  for (const Migration& migration : EmbeddedMigrations()) {
    if (migration.number > version) Apply(connection, migration);
  }
}

}  // namespace meshplay::store::sqlite
