#include "server/store/sqlite/unit.h"

#include "libs/base/log.h"

namespace meshplay::store::sqlite {

void Where::Start() {
  text_ += text_.empty() ? " WHERE " : " AND ";
}

Where& Where::And(const char* condition, Value value) {
  Start();
  text_ += condition;
  values_.push_back(std::move(value));
  return *this;
}

Where& Where::Equal(const char* column, const std::string& value) {
  if (value.empty()) return *this;
  Start();
  text_ += column;
  text_ += " = ?";
  values_.emplace_back(value);
  return *this;
}

Where& Where::OneOf(const char* column, const std::vector<std::int64_t>& numbers) {
  if (numbers.empty()) return *this;
  Start();
  text_ += column;
  text_ += " IN (";
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    text_ += i == 0 ? "?" : ", ?";
    values_.emplace_back(numbers[i]);
  }
  text_ += ")";
  return *this;
}

std::vector<Value> Where::With(std::uint32_t limit) const {
  std::vector<Value> all = values_;
  all.emplace_back(static_cast<std::int64_t>(limit));
  return all;
}

void SqliteUnit::Note(const std::exception& exception) {
  Failure failure = Classify(exception, connection_.path());
  if (failure.error.reason() == "STORE_FAILED" || failure.error.reason() == "INTERNAL_BUG") {
    LogError("the database refused a statement", {{log_key::kError, exception.what()}});
  }
  if (failure.fault != Fault::kNone) {
    fault_ = failure.fault;
    error_ = failure.error;
  }
  last_error_ = std::move(failure.error);
}

void SqliteUnit::Bind(Query& query, const std::vector<Value>& values) {
  for (const Value& value : values) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      query.Add(*text);
    } else {
      query.Add(std::get<std::int64_t>(value));
    }
  }
}

Result<std::optional<std::string>> SqliteUnit::Text(const std::string& sql, const std::vector<Value>& values) {
  return Guard([&]() -> Result<std::optional<std::string>> {
    Query query(connection_, sql);
    Bind(query, values);
    if (!query.Step()) return std::optional<std::string>();
    return std::optional(query.statement().getColumn(0).getString());
  });
}

Result<std::optional<std::int64_t>> SqliteUnit::Number(const std::string& sql, const std::vector<Value>& values) {
  return Guard([&]() -> Result<std::optional<std::int64_t>> {
    Query query(connection_, sql);
    Bind(query, values);
    if (!query.Step() || query.statement().isColumnNull(0)) return std::optional<std::int64_t>();
    return std::optional<std::int64_t>(query.statement().getColumn(0).getInt64());
  });
}

Result<std::uint64_t> SqliteUnit::Change(const std::string& sql, const std::vector<Value>& values) {
  return Guard([&]() -> Result<std::uint64_t> {
    Query query(connection_, sql);
    Bind(query, values);
    return static_cast<std::uint64_t>(query.RunToEnd());
  });
}

Status SqliteUnit::Run(const std::string& sql, const std::vector<Value>& values) {
  MP_CHECK(Change(sql, values));
  return {};
}

}  // namespace meshplay::store::sqlite
