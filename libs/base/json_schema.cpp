#include "libs/base/json_schema.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "libs/base/internal/json_schema_node.h"
#include "libs/base/json.h"

namespace meshplay {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxSchemas = 10'000;
constexpr std::size_t kMaxEnumValues = 1'000;
constexpr std::size_t kMaxBranches = 32;
constexpr std::size_t kMaxPatternBytes = 1'000;
constexpr std::int64_t kMaxPatternMemory = 512 * 1024;
/// What a pattern takes from the budget of schemas: 500 patterns at most.
constexpr std::size_t kPatternCost = 20;

Error Invalid(const std::string& pointer, const std::string& detail) {
  return InvalidArgument("SCHEMA_INVALID", "the schema is not valid at \"" + pointer + "\": " + detail)
      .WithViolation(pointer, detail);
}

bool DeeperThan(const json& value, std::size_t levels) {
  if (!value.is_structured()) return false;
  if (levels == 0) return true;
  return std::any_of(value.begin(), value.end(), [&](const json& item) { return DeeperThan(item, levels - 1); });
}

const std::set<std::string>& Annotations() {
  static const auto* const names = new std::set<std::string>{"title", "description", "examples", "$schema"};
  return *names;
}

Result<std::vector<std::string>> ReadNames(const json& value, const std::string& pointer) {
  std::set<std::string> seen;
  std::vector<std::string> names;
  if (!value.is_array()) return Invalid(pointer, "must be a list of texts");
  for (const json& item : value) {
    if (!item.is_string() || !seen.insert(item.get<std::string>()).second) {
      return Invalid(pointer, "must be a list of different texts");
    }
    names.push_back(item.get<std::string>());
  }
  return names;
}

Result<std::vector<std::string>> ReadTypes(const json& value, const std::string& pointer) {
  MP_TRY(std::vector<std::string> types, ReadNames(value.is_string() ? json::array({value}) : value, pointer));
  static const auto* const known =
      new std::set<std::string>{"object", "array", "string", "integer", "number", "boolean", "null"};
  if (types.empty()) return Invalid(pointer, "must name a type");
  for (const std::string& type : types) {
    if (known->count(type) == 0) return Invalid(pointer, "names a type that does not exist");
  }
  return types;
}

Status ReadBound(const json& value, const std::string& pointer, std::optional<long double>& bound) {
  if (!value.is_number()) return Invalid(pointer, "must be a number");
  bound = NumberOf(value);
  return {};
}

Status ReadCount(const json& value, const std::string& pointer, std::optional<std::uint64_t>& count) {
  if (!value.is_number_unsigned() && !(value.is_number_integer() && value.get<std::int64_t>() >= 0)) {
    return Invalid(pointer, "must be a whole number of 0 or more");
  }
  count = value.get<std::uint64_t>();
  return {};
}

Result<std::unique_ptr<const re2::RE2>> ReadPattern(const json& value, const std::string& pointer) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() > kMaxPatternBytes) {
    return Invalid(pointer, "must be a text of at most " + std::to_string(kMaxPatternBytes) + " bytes");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxPatternMemory);
  auto pattern = std::make_unique<const re2::RE2>(value.get_ref<const std::string&>(), options);
  if (!pattern->ok()) return Invalid(pointer, "is no regular expression that runs in linear time");
  return pattern;
}

}  // namespace

Result<std::shared_ptr<const JsonSchema::Node>> JsonSchema::Node::Compile(const json& schema,
                                                                          const std::string& pointer, std::size_t depth,
                                                                          bool inside_one_of, std::size_t& budget) {
  if (!schema.is_object()) return Invalid(pointer, "must be an object");
  if (depth >= kMaxDepth) return Invalid(pointer, "is nested too deep");
  if (budget == 0) return Invalid(pointer, "the schema is too large");
  --budget;
  auto node = std::make_shared<Node>();
  for (const auto& [key, value] : schema.items()) {
    const std::string at = pointer + '/' + EscapePointerToken(key);
    const auto compile = [&](const json& sub, const std::string& where, bool branch) {
      return Compile(sub, where, depth + 1, inside_one_of || branch, budget);
    };
    if (key == "type") {
      MP_TRY(node->types, ReadTypes(value, at));
    } else if (key == "properties") {
      if (!value.is_object()) return Invalid(at, "must be an object");
      for (const auto& [name, sub] : value.items()) {
        MP_TRY(node->properties[name], compile(sub, at + '/' + EscapePointerToken(name), false));
      }
    } else if (key == "required") {
      MP_TRY(node->required, ReadNames(value, at));
    } else if (key == "additionalProperties") {
      node->additional_allowed = !value.is_boolean() || value.get<bool>();
      if (!value.is_boolean()) {
        MP_TRY(node->additional, compile(value, at, false));
      }
    } else if (key == "items") {
      MP_TRY(node->items, compile(value, at, false));
    } else if (key == "oneOf") {
      if (inside_one_of) return Invalid(at, "oneOf inside oneOf is not supported");
      if (!value.is_array() || value.empty() || value.size() > kMaxBranches) {
        return Invalid(at, "must be a list of 1 to " + std::to_string(kMaxBranches) + " schemas");
      }
      for (std::size_t i = 0; i < value.size(); ++i) {
        MP_TRY(auto branch, compile(value[i], at + '/' + std::to_string(i), true));
        node->one_of.push_back(std::move(branch));
      }
    } else if (key == "enum" || key == "const") {
      if (key == "enum" && (!value.is_array() || value.empty() || value.size() > kMaxEnumValues)) {
        return Invalid(at, "must be a list of 1 to " + std::to_string(kMaxEnumValues) + " values");
      }
      if (node->allowed_values) return Invalid(at, "enum and const exclude each other");
      node->allowed_values = key == "enum" ? value.get<std::vector<json>>() : std::vector<json>(1, value);
    } else if (key == "minimum") {
      MP_CHECK(ReadBound(value, at, node->minimum));
    } else if (key == "maximum") {
      MP_CHECK(ReadBound(value, at, node->maximum));
    } else if (key == "exclusiveMinimum") {
      MP_CHECK(ReadBound(value, at, node->above));
    } else if (key == "exclusiveMaximum") {
      MP_CHECK(ReadBound(value, at, node->below));
    } else if (key == "minLength") {
      MP_CHECK(ReadCount(value, at, node->min_length));
    } else if (key == "maxLength") {
      MP_CHECK(ReadCount(value, at, node->max_length));
    } else if (key == "minItems") {
      MP_CHECK(ReadCount(value, at, node->min_items));
    } else if (key == "maxItems") {
      MP_CHECK(ReadCount(value, at, node->max_items));
    } else if (key == "minProperties") {
      MP_CHECK(ReadCount(value, at, node->min_properties));
    } else if (key == "maxProperties") {
      MP_CHECK(ReadCount(value, at, node->max_properties));
    } else if (key == "uniqueItems") {
      if (!value.is_boolean()) return Invalid(at, "must be true or false");
      node->unique_items = value.get<bool>();
    } else if (key == "pattern") {
      if (budget < kPatternCost) return Invalid(at, "the schema has too many patterns");
      budget -= kPatternCost;
      MP_TRY(node->pattern, ReadPattern(value, at));
    } else if (key == "format") {
      if (!value.is_string() || !IsKnownFormat(value.get<std::string>())) return Invalid(at, "is no known format");
      node->format = value.get<std::string>();
    } else if (key == "default") {
      node->default_value = value;
    } else if (Annotations().count(key) == 0 && key.substr(0, 2) != "x-") {
      const std::string name = key.substr(0, 64);
      return InvalidArgument("SCHEMA_KEYWORD_UNSUPPORTED", "the schema keyword \"" + name + "\" is not supported")
          .WithViolation(at, "not supported");
    }
  }
  if (node->default_value) {
    std::vector<Violation> faults;
    json filled = *node->default_value;
    node->FillDefaults(filled);
    node->Check(filled, "", faults);
    if (!faults.empty()) return Invalid(pointer + "/default", "does not fit its own schema");
  }
  return std::shared_ptr<const Node>(std::move(node));
}

void JsonSchema::Node::FillDefaults(json& value) const {
  if (value.is_object()) {
    for (const auto& [name, node] : properties) {
      if (!value.contains(name) && node->default_value) value[name] = *node->default_value;
      const auto found = value.find(name);
      if (found != value.end()) node->FillDefaults(*found);
    }
    for (auto item = value.begin(); additional && item != value.end(); ++item) {
      if (properties.count(item.key()) == 0) additional->FillDefaults(*item);
    }
  } else if (value.is_array() && items) {
    for (json& item : value) items->FillDefaults(item);
  }
}

JsonSchema::JsonSchema(std::shared_ptr<const Node> root) : root_(std::move(root)) {}
JsonSchema::JsonSchema(JsonSchema&&) noexcept = default;
JsonSchema& JsonSchema::operator=(JsonSchema&&) noexcept = default;
JsonSchema::~JsonSchema() = default;

Result<JsonSchema> JsonSchema::Compile(const json& schema) {
  // Properties add a level of their own, so a schema may be twice as deep as the documents it describes.
  if (DeeperThan(schema, 2 * kMaxDepth)) return Invalid("", "is nested too deep");
  std::size_t budget = kMaxSchemas;
  MP_TRY(std::shared_ptr<const Node> root, Node::Compile(schema, "", 0, false, budget));
  return JsonSchema(std::move(root));
}

Status JsonSchema::Validate(const json& document) const {
  std::vector<Violation> faults;
  if (DeeperThan(document, kMaxDepth)) {
    faults.push_back({"", "is nested too deep"});
  } else {
    root_->Check(document, "", faults);
  }
  if (faults.empty()) return {};
  const std::string first = faults.front().pointer + ": " + faults.front().detail;
  return InvalidArgument("PARAMETERS_INVALID", "the parameters do not fit their schema; first: " + first)
      .WithViolations(std::move(faults));
}

json JsonSchema::WithDefaults(json document) const {
  if (!DeeperThan(document, kMaxDepth)) root_->FillDefaults(document);
  return document;
}

}  // namespace meshplay
