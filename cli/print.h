#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace meshplay::cli {

enum class Format { kTable, kJson, kYaml };

/// A column of a table: its title and where its text stands in an item (a JSON pointer).
struct Column {
  std::string title;
  std::string pointer;
};

/// Items as the user asked for them: a table, or the documents themselves as JSON or YAML.
void PrintItems(const nlohmann::ordered_json& items, const std::vector<Column>& columns, Format format);
/// One item: "key: value" lines of its simple fields, or the document.
void PrintItem(const nlohmann::ordered_json& item, Format format);

/// What a cell shows: text as it is, lists joined, nothing for null. Control characters are replaced.
std::string Cell(const nlohmann::ordered_json& value);

}  // namespace meshplay::cli
