#include "server/rest/internal/read_request.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "libs/base/json.h"
#include "server/rest/transcode.h"

namespace meshplay::rest {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string MediaTypeOf(const std::string& content_type) {
  std::string type = content_type.substr(0, content_type.find(';'));
  std::erase(type, ' ');
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

const FieldDescriptor* StringField(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  return field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field->is_repeated() ? field
                                                                                                           : nullptr;
}

void SetString(Message& message, const char* name, const std::string& value) {
  if (const FieldDescriptor* field = StringField(message, name)) {
    message.GetReflection()->SetString(&message, field, value);
  }
}

/// If-Match: one strong tag, or "*" for whatever is there.
std::string EtagOf(const std::string& header) {
  if (header.size() >= 2 && header.front() == '"' && header.back() == '"') return header.substr(1, header.size() - 2);
  return header;
}

/// The paths that a merge patch (RFC 7396) changes: its fields, and for a map the single keys, where null removes one.
/// The nulls are taken out of `document`, since a map of strings has no place for them.
std::vector<std::string> TakeMask(const google::protobuf::Descriptor& type, nlohmann::json& document) {
  std::vector<std::string> mask;
  for (auto& [key, value] : document.items()) {
    const FieldDescriptor* field = FindField(type, key);
    if (field == nullptr) continue;  // ReadMessage says so
    if (!field->is_map() || !value.is_object()) {
      mask.push_back(field->name());
      continue;
    }
    nlohmann::json kept = nlohmann::json::object();
    for (const auto& [name, item] : value.items()) {
      mask.push_back(field->name() + "." + name);
      if (!item.is_null()) kept[name] = item;
    }
    value = std::move(kept);
  }
  return mask;
}

Error Unfit(const std::string& what, std::vector<Violation> violations) {
  return InvalidArgument("REQUEST_INVALID", what).WithViolations(std::move(violations));
}

}  // namespace

std::string GetString(const Message& message, const char* name) {
  const FieldDescriptor* field = StringField(message, name);
  return field == nullptr ? std::string() : message.GetReflection()->GetString(message, field);
}

Status ReadBody(const Request& request, const api::Route& route, Message& message) {
  if (request.body.empty()) return {};
  if (route.body().empty()) return InvalidArgument("BODY_UNEXPECTED", "this method takes no body");
  const std::string type = MediaTypeOf(request.Header("content-type"));
  if (type != "application/json" && !(route.merge_patch() && type == "application/merge-patch+json")) {
    return InvalidArgument("MEDIA_TYPE_UNSUPPORTED", "the body's media type is not supported");
  }
  MP_TRY(nlohmann::json document, ParseJson(request.body));
  Message* into = &message;
  if (route.body() != "*") {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(route.body());
    into = message.GetReflection()->MutableMessage(&message, field);
  }
  std::vector<std::string> mask;
  if (route.merge_patch() && document.is_object()) mask = TakeMask(*into->GetDescriptor(), document);
  std::vector<Violation> violations;
  ReadMessage(document, "", *into, violations);
  if (!violations.empty()) return Unfit("the request body does not fit the method", std::move(violations));
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("update_mask");
  for (const std::string& path : mask) {
    if (field != nullptr) message.GetReflection()->AddString(&message, field, path);
  }
  return {};
}

Status ReadParameters(const Pairs& query, const Pairs& variables, const api::Route& route, Message& message) {
  std::vector<Violation> violations;
  std::set<const FieldDescriptor*> seen;
  for (const auto& [name, value] : query) {
    const FieldDescriptor* field = FindField(*message.GetDescriptor(), name);
    if (!route.body().empty()) {
      violations.push_back({"/" + name, "belongs into the body"});
    } else if (field != nullptr && !field->is_repeated() && !seen.insert(field).second) {
      violations.push_back({"/" + name, "is given more than once"});
    } else {
      ReadText(name, value, message, violations);
    }
  }
  for (const auto& [name, value] : variables) {
    const std::string given = GetString(message, name.c_str());
    if (!given.empty() && given != value) violations.push_back({"/" + name, "differs from the path"});
    ReadText(name, value, message, violations);
  }
  if (violations.empty()) return {};
  return Unfit("a parameter of the request is not valid", std::move(violations));
}

void ReadHeaders(const Request& request, const api::Route& route, Message& message) {
  if (route.idempotency_key() && !request.Header("idempotency-key").empty()) {
    SetString(message, "request_id", request.Header("idempotency-key"));
  }
  if (route.requires_etag() && !request.Header("if-match").empty()) {
    SetString(message, "etag", EtagOf(request.Header("if-match")));
  }
  const std::string prefer = request.Header("prefer");
  const std::size_t at = prefer.find("wait=");
  if (at == std::string::npos || message.GetDescriptor()->FindFieldByName("wait") == nullptr) return;
  std::string digits;
  for (std::size_t i = at + 5; i < prefer.size() && std::isdigit(static_cast<unsigned char>(prefer[i])) != 0; ++i) {
    digits += prefer[i];
  }
  std::vector<Violation> ignored;
  if (!digits.empty() && digits.size() < 6) ReadText("wait", digits + "s", message, ignored);
}

}  // namespace meshplay::rest
