#include "server/rest/openapi.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "meshplay/api/annotations.pb.h"
#include "server/rest/transcode.h"
#include "server/services/api_files.h"

namespace meshplay::rest {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using Json = nlohmann::ordered_json;

Json Ref(const std::string& name) {
  return {{"$ref", "#/components/schemas/" + name}};
}

Json ScalarSchema(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return {{"type", "boolean"}};
    case FieldDescriptor::CPPTYPE_INT32:
      return {{"type", "integer"}, {"format", "int32"}};
    case FieldDescriptor::CPPTYPE_UINT32:
      return {{"type", "integer"}, {"minimum", 0}, {"maximum", 4294967295U}};
    case FieldDescriptor::CPPTYPE_INT64:
      return {{"type", "string"}, {"pattern", "^-?[0-9]+$"}};
    case FieldDescriptor::CPPTYPE_UINT64:
      return {{"type", "string"}, {"pattern", "^[0-9]+$"}};
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return {{"type", "number"}};
    case FieldDescriptor::CPPTYPE_ENUM: {
      Json values = Json::array();
      for (int i = 0; i < field.enum_type()->value_count(); ++i) values.push_back(field.enum_type()->value(i)->name());
      return {{"type", "string"}, {"enum", values}};
    }
    default:
      return {{"type", "string"}};
  }
}

Json ValueSchema(const FieldDescriptor& field) {
  if (IsRawJson(field)) return Json::object();
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return ScalarSchema(field);
  const std::string& name = field.message_type()->full_name();
  if (name == "google.protobuf.Timestamp") return {{"type", "string"}, {"format", "date-time"}};
  if (name == "google.protobuf.Duration") return {{"type", "string"}, {"pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$"}};
  return Ref(field.message_type()->name());
}

Json FieldSchema(const FieldDescriptor& field) {
  Json schema;
  if (field.is_map()) {
    schema = {{"type", "object"}, {"additionalProperties", ValueSchema(*field.message_type()->map_value())}};
  } else if (field.is_repeated()) {
    schema = {{"type", "array"}, {"items", ValueSchema(field)}};
  } else {
    schema = ValueSchema(field);
  }
  const api::FieldDoc& doc = field.options().GetExtension(api::field);
  if (!doc.description().empty()) schema["description"] = doc.description();
  if (!doc.example().empty() && !field.is_repeated()) schema["examples"] = Json::array({doc.example()});
  if (doc.read_only()) schema["readOnly"] = true;
  if (field.options().GetExtension(api::sensitive)) schema["writeOnly"] = false;
  return schema;
}

/// Request-only fields that other parts of the HTTP request carry.
bool CarriedElsewhere(const FieldDescriptor& field, const api::Route& route) {
  const std::string variable = "{" + field.name() + "}";
  if (route.path().find(variable) != std::string::npos) return true;
  if (route.idempotency_key() && (field.name() == "request_id" || field.name() == "wait")) return true;
  return route.requires_etag() && field.name() == "etag";
}

Json MessageSchema(const Descriptor& type, const api::Route* route) {
  Json properties = Json::object();
  Json required = Json::array();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (route != nullptr && CarriedElsewhere(field, *route)) continue;
    properties[JsonName(field)] = FieldSchema(field);
    if (field.options().GetExtension(api::field).required()) required.push_back(JsonName(field));
  }
  Json schema = {{"type", "object"}, {"properties", properties}};
  if (!required.empty()) schema["required"] = required;
  if (route != nullptr) schema["additionalProperties"] = false;
  return schema;
}

void Collect(const Descriptor& type, std::set<const Descriptor*>& seen, Json& schemas) {
  if (type.full_name().starts_with("google.protobuf.") || type.options().map_entry()) return;
  if (!seen.insert(&type).second) return;
  schemas[type.name()] = MessageSchema(type, nullptr);
  for (int i = 0; i < type.field_count(); ++i) {
    const Descriptor* sub = type.field(i)->message_type();
    if (sub != nullptr && !type.field(i)->is_map()) Collect(*sub, seen, schemas);
  }
}

Json ProblemSchema() {
  const Json text = {{"type", "string"}};
  const Json violation = {{"type", "object"}, {"properties", {{"pointer", text}, {"detail", text}}}};
  return {{"type", "object"},
          {"description", "RFC 9457 problem details"},
          {"required", {"type", "title", "status", "detail", "reason", "code", "request_id"}},
          {"properties",
           {{"type", text},
            {"title", text},
            {"status", {{"type", "integer"}}},
            {"detail", text},
            {"instance", text},
            {"reason", {{"type", "string"}, {"description", "Stable, for programs; listed in docs/errors.md"}}},
            {"code", {{"type", "string"}, {"description", "google.rpc.Code by name"}}},
            {"metadata", {{"type", "object"}, {"additionalProperties", text}}},
            {"violations", {{"type", "array"}, {"items", violation}}},
            {"remediation", text},
            {"request_id", text},
            {"retry_after_ms", {{"type", "integer"}}}}}};
}

Json Parameter(const std::string& in, const std::string& name, bool required, const Json& schema,
               const std::string& description) {
  Json parameter = {{"name", name}, {"in", in}, {"required", required}, {"schema", schema}};
  if (!description.empty()) parameter["description"] = description;
  return parameter;
}

Json Parameters(const MethodDescriptor& method, const api::Route& route) {
  Json parameters = Json::array();
  const Descriptor& type = *method.input_type();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string& help = field.options().GetExtension(api::field).description();
    if (route.path().find("{" + field.name() + "}") != std::string::npos) {
      Json schema = ScalarSchema(field);
      schema["minLength"] = 1;
      parameters.push_back(Parameter("path", field.name(), true, schema, help));
    } else if (route.body().empty() && !CarriedElsewhere(field, route)) {
      Json schema = ValueSchema(field);
      if (field.is_repeated()) schema = {{"type", "array"}, {"items", schema}};
      parameters.push_back(Parameter("query", field.name(), false, schema, help));
    }
  }
  if (route.idempotency_key()) {
    const Json key = {{"type", "string"}, {"minLength", 1}, {"maxLength", 128}};
    parameters.push_back(
        Parameter("header", "Idempotency-Key", false, key, "Makes a repeated request answer with the first operation"));
    parameters.push_back(Parameter("header", "Prefer", false, {{"type", "string"}}, "wait=SECONDS, 30 at most"));
  }
  if (route.requires_etag()) {
    parameters.push_back(Parameter("header", "If-Match", true, {{"type", "string"}}, "ETag of the last read"));
  }
  return parameters;
}

Json RequestBody(const MethodDescriptor& method, const api::Route& route, const api::Doc& doc) {
  Json schema;
  if (route.body() == "*") {
    schema = MessageSchema(*method.input_type(), &route);
  } else {
    schema = Ref(method.input_type()->FindFieldByName(route.body())->message_type()->name());
  }
  Json media = {{"schema", schema}};
  if (!doc.example_request().empty()) media["example"] = Json::parse(doc.example_request(), nullptr, false);
  return {{"required", schema.contains("required")}, {"content", {{"application/json", media}}}};
}

Json Responses(const MethodDescriptor& method, const api::Route& route, const api::Doc& doc) {
  Json responses = Json::object();
  const std::string status = std::to_string(route.success_status() == 0 ? 200 : route.success_status());
  Json media = {{"schema", Ref(method.output_type()->name())}};
  if (!doc.example_response().empty()) media["example"] = Json::parse(doc.example_response(), nullptr, false);
  std::string type = route.server_sent_events() ? "text/event-stream" : "application/json";
  if (!route.raw_type().empty()) {
    type = route.raw_type();
    media = {{"schema", {{"type", type == "application/json" ? "object" : "string"}}}};
  }
  Json content = {{type, media}};
  if (method.name() == "ListEvents") content["text/event-stream"] = {{"schema", {{"type", "string"}}}};
  responses[status] = {{"description", "Success"}, {"content", content}};
  std::string text = "A problem. Any method may also answer with the reasons of docs/errors.md for its status.";
  if (doc.errors_size() > 0) {
    text += " Reasons of this method:";
    for (const std::string& reason : doc.errors()) text += " " + reason;
  }
  responses["default"] = {{"description", text},
                          {"content", {{"application/problem+json", {{"schema", Ref("Problem")}}}}}};
  return responses;
}

Json PathItem(const MethodDescriptor& method, const api::Route& route) {
  const api::Doc& doc = method.options().GetExtension(api::doc);
  Json item = {
      {"operationId", method.name()}, {"tags", Json::array({method.service()->name()})}, {"summary", doc.summary()}};
  if (!doc.description().empty()) item["description"] = doc.description();
  const auto permission = method.options().GetExtension(api::permission);
  item["x-permission"] = api::Permission_Name(permission);
  if (permission == api::PERMISSION_PUBLIC) item["security"] = Json::array();
  item["parameters"] = Parameters(method, route);
  if (!route.body().empty()) item["requestBody"] = RequestBody(method, route, doc);
  item["responses"] = Responses(method, route, doc);
  return item;
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void AddOperationTypes(const std::vector<Manifest>& manifests, Json& document) {
  Json types = Json::array();
  for (const Manifest& manifest : manifests) {
    for (const auto& operation : manifest.value("operations", nlohmann::json::array())) {
      const std::string type = operation.value("type", "");
      const std::string name = "Parameters." + type;
      document["components"]["schemas"][name] =
          Json::parse(operation.value("parameters_schema", std::string("{}")), nullptr, false);
      types.push_back({{"type", type},
                       {"mesh_type", manifest.value("mesh_type", "")},
                       {"title", operation.value("title", "")},
                       {"parameters", Ref(name)}});
    }
  }
  document["x-operation-types"] = types;
}

}  // namespace

std::vector<const MethodDescriptor*> PublicMethods() {
  std::vector<const MethodDescriptor*> methods;
  for (const FileDescriptor* file : services::ApiFiles()) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) methods.push_back(file->service(s)->method(m));
    }
  }
  return methods;
}

Json BuildOpenApi(const std::vector<const MethodDescriptor*>& methods, const std::vector<Manifest>& manifests,
                  const std::string& version) {
  Json document = {
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "Meshplay"},
        {"version", version},
        {"description", "Multi-mesh management plane. Every change is an operation; errors are problem+json."}}},
      {"servers", Json::array({{{"url", "/"}}})},
      {"security", Json::array({{{"bearer", Json::array()}}})},
      {"paths", Json::object()},
      {"components",
       {{"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}, {"schemas", Json::object()}}}};
  Json schemas = {{"Problem", ProblemSchema()}};
  std::set<const Descriptor*> seen;
  for (const MethodDescriptor* method : methods) {
    const api::Route& route = method->options().GetExtension(api::route);
    document["paths"][route.path()][Lower(route.method())] = PathItem(*method, route);
    Collect(*method->output_type(), seen, schemas);
    if (!route.body().empty()) {
      for (int i = 0; i < method->input_type()->field_count(); ++i) {
        const FieldDescriptor& field = *method->input_type()->field(i);
        if (field.message_type() != nullptr && !field.is_map()) Collect(*field.message_type(), seen, schemas);
      }
    }
  }
  document["components"]["schemas"] = schemas;
  AddOperationTypes(manifests, document);
  return document;
}

}  // namespace meshplay::rest
