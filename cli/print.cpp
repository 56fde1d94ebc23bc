#include "cli/print.h"

#include <algorithm>
#include <iostream>

#include "libs/base/yaml.h"

namespace meshplay::cli {

namespace {

using Json = nlohmann::ordered_json;

/// A name must not move the cursor: control characters, also those of C1 (U+0080 to U+009F), become spaces.
std::string Clean(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) text[i] = ' ';
    if (c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) text.replace(i, 2, " ");
  }
  return text;
}

/// Characters, not bytes.
std::size_t WidthOf(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void PrintDocument(const Json& document, Format format) {
  if (format == Format::kJson) {
    std::cout << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    std::cout << ToYaml(nlohmann::json(document));
  }
}

}  // namespace

std::string Cell(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return Clean(value.get<std::string>());
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_array()) {
    std::string text;
    for (const auto& item : value) text += (text.empty() ? "" : ",") + Cell(item);
    return text;
  }
  return Clean(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void PrintItems(const Json& items, const std::vector<Column>& columns, Format format) {
  if (format != Format::kTable) return PrintDocument(items, format);
  if (items.empty()) {
    std::cout << "(none)\n";
    return;
  }
  std::vector<std::vector<std::string>> rows(1);
  for (const Column& column : columns) rows[0].push_back(column.title);
  for (const Json& item : items) {
    std::vector<std::string> row;
    for (const Column& column : columns) {
      const Json::json_pointer pointer(column.pointer);
      row.push_back(item.contains(pointer) ? Cell(item.at(pointer)) : std::string());
    }
    rows.push_back(std::move(row));
  }
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - WidthOf(row[i]) + 2, ' ');
    }
    std::cout << line << "\n";
  }
}

void PrintItem(const Json& item, Format format) {
  if (format != Format::kTable) return PrintDocument(item, format);
  for (const auto& [key, value] : item.items()) {
    if (value.is_object() || (value.is_array() && !value.empty() && value[0].is_object())) {
      std::cout << key << ":\n"
                << [&] {
                     std::string text = ToYaml(nlohmann::json(value));
                     std::string indented;
                     bool at_start = true;
                     for (const char c : text) {
                       if (at_start) indented += "  ";
                       indented += c;
                       at_start = c == '\n';
                     }
                     return indented;
                   }();
    } else if (const std::string text = Cell(value); !text.empty()) {
      std::cout << key << ": " << text << "\n";
    }
  }
}

}  // namespace meshplay::cli
