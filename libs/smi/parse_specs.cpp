#include <algorithm>
#include <cctype>

#include "libs/base/json.h"
#include "libs/smi/internal/reader.h"

namespace meshplay::smi {
namespace {

using nlohmann::json;

struct Header {
  std::string name;
  std::string value;
  std::string place;  // Below the match.
};
using Headers = std::vector<Header>;

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void AddHeader(Reader& reader, Headers& headers, const std::string& name, const json& value, const std::string& match,
               const std::string& place) {
  if (!value.is_string()) {
    reader.Error("FIELD_INVALID", match + place, "must be a string");
    return;
  }
  const std::string lower = LowerCase(name);
  const bool known = std::any_of(headers.begin(), headers.end(), [&](const Header& h) { return h.name == lower; });
  if (known) {
    reader.Error("HEADER_INVALID", match + place, "header \"" + lower + "\" is given twice (names ignore case)");
    return;
  }
  headers.push_back({lower, value.get<std::string>(), place});
}

// The specification shows a map; smi-sdk-go's CRD wants a list of maps with one key each.
Headers ReadHeaders(Reader& reader, const json& match, const std::string& pointer) {
  Headers headers;
  const json* value = Reader::Find(match, "headers");
  if (value == nullptr) return headers;
  const std::string at = "/headers";
  if (value->is_object()) {
    for (const auto& [name, text] : value->items()) {
      AddHeader(reader, headers, name, text, pointer, at + "/" + EscapePointerToken(name));
    }
  } else if (value->is_array()) {
    for (std::size_t i = 0; i < value->size(); ++i) {
      const json& item = (*value)[i];
      const std::string here = at + "/" + std::to_string(i);
      if (!reader.IsObject(item, pointer + here)) continue;
      if (item.size() != 1) {
        reader.Error("HEADER_INVALID", pointer + here,
                     "incorrect length of keyval: each item holds exactly one header");
        continue;
      }
      AddHeader(reader, headers, item.begin().key(), item.begin().value(), pointer,
                here + "/" + EscapePointerToken(item.begin().key()));
    }
  } else {
    reader.Error("FIELD_INVALID", pointer + at, "must be a map or a list of maps with one key each");
  }
  return headers;
}

void ParseHeaders(Reader& reader, const json& value, const std::string& pointer, HttpMatch& match) {
  Headers headers = ReadHeaders(reader, value, pointer);
  std::sort(headers.begin(), headers.end(), [](const Header& a, const Header& b) { return a.name < b.name; });
  for (Header& header : headers) {
    match.headers.emplace_back(std::move(header.name), std::move(header.value));
    match.header_pointers.push_back(std::move(header.place));
  }
}

}  // namespace

HttpRouteGroup ParseHttpRouteGroup(Head head, const json& fields, std::vector<Finding>& findings) {
  HttpRouteGroup group;
  group.head = std::move(head);
  Reader reader(group.head, findings);
  const std::string& at = group.head.spec_pointer;
  if (group.head.version <= 2) {
    reader.OnlyKeys(fields, at, {"apiVersion", "kind", "metadata", "status", "matches"});
  } else {
    reader.OnlyKeys(fields, at, {"matches"});
  }
  const json* matches = reader.Array(fields, "matches", at);
  if (matches == nullptr) return group;
  for (std::size_t i = 0; i < matches->size(); ++i) {
    const json& value = (*matches)[i];
    const std::string here = at + "/matches/" + std::to_string(i);
    HttpMatch match;
    if (reader.IsObject(value, here)) {
      reader.OnlyKeys(value, here, {"name", "pathRegex", "methods", "headers"});
      match.name = reader.String(value, "name", here);
      match.path_regex = reader.String(value, "pathRegex", here);
      match.methods = reader.Strings(value, "methods", here);
      ParseHeaders(reader, value, here, match);
    }
    group.matches.push_back(std::move(match));
  }
  return group;
}

PortRoute ParsePortRoute(Head head, const json& fields, std::vector<Finding>& findings) {
  PortRoute route;
  route.head = std::move(head);
  Reader reader(route.head, findings);
  const std::string& at = route.head.spec_pointer;
  if (route.head.version <= 2) {
    reader.OnlyKeys(fields, at, {"apiVersion", "kind", "metadata", "status", "spec"});
    if (const json* spec = reader.Object(fields, "spec", at)) reader.OnlyKeys(*spec, at + "/spec", {});
    return route;
  }
  if (route.head.version == 3) {
    reader.OnlyKeys(fields, at, {});
    return route;
  }
  reader.OnlyKeys(fields, at, {"matches"});
  const json* matches = reader.Object(fields, "matches", at);
  if (matches == nullptr) return route;
  const std::string here = at + "/matches";
  reader.OnlyKeys(*matches, here, {"name", "ports"});
  route.name = reader.String(*matches, "name", here);
  const json* ports = reader.Array(*matches, "ports", here);
  if (ports == nullptr) return route;
  for (std::size_t i = 0; i < ports->size(); ++i) {
    const json& port = (*ports)[i];
    if (port.is_number_integer()) {
      route.ports.push_back(
          port.is_number_unsigned() && port.get<std::uint64_t>() > 1'000'000 ? 1'000'000 : port.get<std::int64_t>());
    } else {
      // An unreadable port must not turn the list into "all ports": 0 is refused by validation.
      route.ports.push_back(0);
      reader.Error("FIELD_INVALID", here + "/ports/" + std::to_string(i), "must be a whole number");
    }
  }
  return route;
}

}  // namespace meshplay::smi
