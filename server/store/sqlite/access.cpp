#include "server/store/sqlite/unit.h"

namespace meshplay::store::sqlite {

using internal::CheckLimit;

Result<std::optional<EnrollmentTokenRecord>> SqliteUnit::FindEnrollmentToken(const std::string& id) {
  static const std::string kSql = Select<EnrollmentTokenRecord>() + " WHERE id = ?";
  return First<EnrollmentTokenRecord>(kSql, {id});
}

Result<std::vector<EnrollmentTokenRecord>> SqliteUnit::ListEnrollmentTokens(const std::string& tenant,
                                                                            const std::string& after_id,
                                                                            std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  Where where;
  where.And("id > ?", after_id).Equal("tenant", tenant);
  return Rows<EnrollmentTokenRecord>(Select<EnrollmentTokenRecord>() + where.text() + " ORDER BY id LIMIT ?",
                                     where.With(limit));
}

Result<std::optional<ApiTokenRecord>> SqliteUnit::FindApiToken(const std::string& id) {
  static const std::string kSql = Select<ApiTokenRecord>() + " WHERE id = ?";
  return First<ApiTokenRecord>(kSql, {id});
}

Result<std::vector<ApiTokenRecord>> SqliteUnit::ListApiTokens(const std::string& tenant, const std::string& after_id,
                                                              std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  Where where;
  where.And("id > ?", after_id).Equal("tenant", tenant);
  return Rows<ApiTokenRecord>(Select<ApiTokenRecord>() + where.text() + " ORDER BY id LIMIT ?", where.With(limit));
}

Result<std::optional<SecretRecord>> SqliteUnit::FindSecret(const std::string& tenant, const std::string& name) {
  static const std::string kSql =
      Select<SecretRecord>() + " WHERE tenant = ? AND name = ? ORDER BY version DESC LIMIT 1";
  return First<SecretRecord>(kSql, {tenant, name});
}

Result<std::vector<SecretRecord>> SqliteUnit::ListSecrets(const std::string& tenant, const std::string& after_name,
                                                          std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  static const std::string kSql =
      SelectWithout<SecretRecord>("sealed") +
      " WHERE tenant = ?1 AND name > ?2 AND version = (SELECT max(newer.version) FROM secret AS newer"
      " WHERE newer.tenant = secret.tenant AND newer.name = secret.name) ORDER BY name LIMIT ?3";
  return Rows<SecretRecord>(kSql, {tenant, after_name, static_cast<std::int64_t>(limit)});
}

Result<std::optional<std::string>> SqliteUnit::FindMeta(const std::string& key) {
  static const std::string kSql = "SELECT value FROM meta WHERE name = ?";
  return Text(kSql, {key});
}

Status SqliteUnit::PutEnrollmentToken(const EnrollmentTokenRecord& token) {
  return Put(token);
}

Status SqliteUnit::DeleteEnrollmentToken(const std::string& id) {
  static const std::string kSql = "DELETE FROM enrollment_token WHERE id = ?";
  return Run(kSql, {id});
}

Status SqliteUnit::PutApiToken(const ApiTokenRecord& token) {
  return Put(token);
}

Status SqliteUnit::DeleteApiToken(const std::string& id) {
  static const std::string kSql = "DELETE FROM api_token WHERE id = ?";
  return Run(kSql, {id});
}

Status SqliteUnit::PutSecret(const SecretRecord& secret) {
  return Put(secret);
}

Status SqliteUnit::DeleteSecret(const std::string& tenant, const std::string& name) {
  static const std::string kSql = "DELETE FROM secret WHERE tenant = ? AND name = ?";
  return Run(kSql, {tenant, name});
}

Status SqliteUnit::PutMeta(const std::string& key, const std::string& value) {
  static const std::string kSql =
      "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
  return Run(kSql, {key, value});
}

}  // namespace meshplay::store::sqlite
