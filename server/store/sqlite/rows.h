#pragma once

#include <chrono>
#include <string>
#include <type_traits>
#include <vector>

#include "server/store/sqlite/columns_operations.h"
#include "server/store/sqlite/connection.h"

/// From a record's `Columns` to SQL texts, bound parameters and read rows.
namespace meshplay::store::sqlite {

std::string TextsToJson(const std::vector<std::string>& texts);
std::vector<std::string> TextsFromJson(const std::string& json);  ///< Throws when the column is damaged.
std::string TraitsToJson(const OperationTraits& traits);
OperationTraits TraitsFromJson(const std::string& json);

struct Binder {
  Query& query;
  template <class Field>
  void operator()(const char* /*column*/, const Field& field) {
    if constexpr (std::is_same_v<Field, std::string>) {
      query.Add(field);
    } else if constexpr (std::is_same_v<Field, std::vector<std::string>>) {
      query.AddCopy(TextsToJson(field));
    } else if constexpr (std::is_same_v<Field, OperationTraits>) {
      query.AddCopy(TraitsToJson(field));
    } else if constexpr (std::is_same_v<Field, std::chrono::milliseconds>) {
      query.Add(static_cast<std::int64_t>(field.count()));
    } else {
      query.Add(static_cast<std::int64_t>(field));  // enums, bool and counters; 64 bit counters keep their bits
    }
  }
  void Blob(const char* /*column*/, const std::string& bytes) { query.AddBlob(bytes); }
};

struct Loader {
  SQLite::Statement& statement;
  int next = 0;
  template <class Field>
  void operator()(const char* /*column*/, Field& field) {
    const SQLite::Column column = statement.getColumn(next++);
    if constexpr (std::is_same_v<Field, std::string>) {
      field = column.getString();
    } else if constexpr (std::is_same_v<Field, std::vector<std::string>>) {
      field = TextsFromJson(column.getString());
    } else if constexpr (std::is_same_v<Field, OperationTraits>) {
      field = TraitsFromJson(column.getString());
    } else if constexpr (std::is_same_v<Field, std::chrono::milliseconds>) {
      field = std::chrono::milliseconds(column.getInt64());
    } else if constexpr (std::is_same_v<Field, bool>) {
      field = column.getInt64() != 0;
    } else {
      field = static_cast<Field>(column.getInt64());
    }
  }
  void Blob(const char* column, std::string& bytes) { (*this)(column, bytes); }
};

struct Names {
  std::vector<std::string> columns;
  template <class Field>
  void operator()(const char* column, const Field& /*field*/) {
    columns.emplace_back(column);
  }
  void Blob(const char* column, const std::string& /*bytes*/) { columns.emplace_back(column); }
};

std::string SelectText(const Names& names, const char* table, const char* empty_column);
std::string InsertText(const Names& names, const char* table);
std::string UpsertText(const Names& names, const char* table, const char* key);
std::string UpdateText(const Names& names, const char* table);

template <class Row>
Names NamesOf() {
  Names names;
  const Row row{};
  Columns(names, row);
  return names;
}

/// "SELECT <columns> FROM <table>"; with `empty_column` that column reads as an empty text.
template <class Row>
const std::string& Select() {
  static const std::string kText = SelectText(NamesOf<Row>(), TableOf<Row>::kName, "");
  return kText;
}
template <class Row>
std::string SelectWithout(const char* empty_column) {
  return SelectText(NamesOf<Row>(), TableOf<Row>::kName, empty_column);
}
template <class Row>
const std::string& Insert() {
  static const std::string kText = InsertText(NamesOf<Row>(), TableOf<Row>::kName);
  return kText;
}
/// Insert, or replace the row with the same key. Not INSERT OR REPLACE: that would delete the row's children.
template <class Row>
const std::string& Upsert() {
  static const std::string kText = UpsertText(NamesOf<Row>(), TableOf<Row>::kName, TableOf<Row>::kKey);
  return kText;
}
/// "UPDATE <table> SET <all columns>", whose parameters are the columns in order.
template <class Row>
const std::string& Update() {
  static const std::string kText = UpdateText(NamesOf<Row>(), TableOf<Row>::kName);
  return kText;
}

}  // namespace meshplay::store::sqlite
