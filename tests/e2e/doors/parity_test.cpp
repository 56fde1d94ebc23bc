// Every method through both doors of the real server: the same answer to the same request, the same refusals.
#include <google/protobuf/util/json_util.h>

#include <catch2/catch.hpp>
#include <set>

#include "meshplay/api/annotations.pb.h"
#include "server/rest/openapi.h"
#include "server/rest/transcode.h"
#include "server/security/roles.h"
#include "tests/e2e/doors/server.h"
#include "tests/unit/services/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using Json = nlohmann::ordered_json;

namespace {

struct World {
  TemporaryDirectory folder = Must(TemporaryDirectory::Create("doors"));
  Seed seed = Seed::Plant(folder.path() + "/data");
  ServerProcess server{folder.path() + "/data"};
  World() {
    const bool ready = server.WaitForPorts();
    INFO(server.log());
    REQUIRE(ready);
  }
};

std::vector<const MethodDescriptor*> UnaryMethods() {
  std::vector<const MethodDescriptor*> methods;
  for (const auto* method : rest::PublicMethods()) {
    if (!method->server_streaming()) methods.push_back(method);
  }
  return methods;
}

/// What differs between two calls by nature: names that the server makes, times, secrets, positions.
Json Comparable(const Json& value) {
  static const std::set<std::string> differ = {"id",      "uid",     "create_time", "update_time",     "etag",
                                               "token",   "seq",     "time",        "next_page_token", "sync_token",
                                               "origin",  "started", "request_id",  "expire_time",     "last_used_time",
                                               "version", "object",  "hash",        "oldest",          "deadline"};
  if (value.is_array()) {
    Json list = Json::array();
    for (const auto& item : value) list.push_back(Comparable(item));
    return list;
  }
  if (!value.is_object()) return value;
  Json kept = Json::object();
  for (const auto& [key, item] : value.items()) kept[key] = differ.count(key) == 0 ? Comparable(item) : Json("*");
  return kept;
}

/// Path variables need some text, or the REST call is another route.
void FillPath(const MethodDescriptor& method, Message& request) {
  const std::string& path = method.options().GetExtension(api::route).path();
  for (int i = 0; i < request.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = request.GetDescriptor()->field(i);
    if (path.find("{" + field->name() + "}") == std::string::npos) continue;
    const auto& reflection = *request.GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
      if (reflection.GetUInt32(request, field) == 0) reflection.SetUInt32(&request, field, 1);
    } else if (reflection.GetString(request, field).empty()) {
      reflection.SetString(&request, field, "none");
    }
  }
}

/// Some value in every field.
void FillAll(Message& message, const std::string& text, int depth = 0) {
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const bool raw = rest::IsRawJson(*field);
    if (field->is_map() || field->name() == "wait") continue;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (field->is_repeated()) {
          if (field->name() != "update_mask") reflection.AddString(&message, field, text);
        } else {
          reflection.SetString(&message, field, raw ? "{\"a\":[1,\"x\"]}" : text);
        }
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        reflection.SetInt32(&message, field, 3);
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        reflection.SetUInt32(&message, field, 77);
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        reflection.SetBool(&message, field, true);
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (field->message_type()->file()->package() == "google.protobuf") break;
        if (!field->is_repeated() && depth < 3) FillAll(*reflection.MutableMessage(&message, field), text, depth + 1);
        break;
      default:
        break;
    }
  }
}

void Compare(World& world, const MethodDescriptor& method, const Message& request, const std::string& what,
             const std::string& role = "admin") {
  const std::string& token = world.seed.tokens.at(role);
  Answer by_rest = world.server.ThroughRest(method, request, token);
  Answer by_grpc = world.server.ThroughGrpc(method, request, token);
  by_rest.body = Comparable(by_rest.body);
  by_grpc.body = Comparable(by_grpc.body);
  // REST pointers start at the body that the caller wrote, which for a patch is one field of the request.
  const auto& route = method.options().GetExtension(api::route);
  if (!route.body().empty() && route.body() != "*") {
    for (auto& [pointer, detail] : by_grpc.violations) {
      if (pointer.starts_with("/" + route.body() + "/")) pointer.erase(0, route.body().size() + 1);
    }
  }
  CAPTURE(method.full_name(), what, request.ShortDebugString());
  CHECK(by_rest == by_grpc);
  if (by_rest.code != "OK") {
    CHECK_FALSE(by_rest.reason.empty());
    CHECK_FALSE(by_rest.remediation.empty());
  }
}

}  // namespace

TEST_CASE("the same request through REST and gRPC gives the same answer, for every method") {
  World world;
  for (const MethodDescriptor* method : UnaryMethods()) {
    auto request = NewMessage(method->input_type());
    FillPath(*method, *request);
    Compare(world, *method, *request, "nothing given");
    for (const std::string& text :
         {std::string("kind-dev"), std::string("a1"), std::string(300, 'x'), std::string("UPPER case \xc3\xa9")}) {
      // Deleting or changing what the other door is to find again, or taking a name before it, would be no fair
      // comparison.
      const std::string& verb = method->options().GetExtension(api::route).method();
      const bool leaves_traces = verb == "DELETE" || verb == "PATCH" || method->name() == "CreateEnvironment";
      if (leaves_traces && text.size() < 10) continue;
      request = NewMessage(method->input_type());
      FillAll(*request, text);
      Compare(world, *method, *request, "everything is " + text.substr(0, 10));
    }
  }
}

TEST_CASE("requests that succeed answer the same through both doors") {
  World world;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"Clusters.ListClusters", "{}"},
      {"Clusters.ListClusters", R"({"filter":"group = \"x\""})"},
      {"Clusters.GetCluster", R"({"id":"kind-dev"})"},
      {"Clusters.UpdateCluster",
       R"({"id":"kind-dev","etag":"*","cluster":{"labels":{"a":"b"},"display_name":"Dev"},"update_mask":["labels.a","display_name"]})"},
      {"Clusters.ListClusterNamespaces", R"({"id":"kind-dev"})"},
      {"Targets.ListTargets", "{}"},
      {"Adapters.ListAdapters", "{}"},
      {"Adapters.GetAdapter", R"({"id":"a1"})"},
      {"Adapters.DrainAdapter", R"({"id":"a1","resume":true})"},
      {"Adapters.ListEnrollmentTokens", "{}"},
      {"Meshes.ListMeshes", R"({"cluster":"kind-dev"})"},
      {"Objects.ListObjects", R"({"kind":"Deployment","q":"web"})"},
      {"Operations.ListOperationTypes", "{}"},
      {"Operations.ListOperations", R"({"filter":"state = QUEUED"})"},
      {"Events.ListEvents", R"({"page_size":1000})"},
      {"Events.ListAudit", R"({"action":"none"})"},
      {"Access.WhoAmI", "{}"},
      {"Access.ListRoles", "{}"},
      {"Access.CreateToken", R"({"name":"ci","roles":["admin"],"lifetime_seconds":60})"},
      {"Secrets.CreateSecret", R"({"name":"s1","data":{"k":"v"}})"},
      {"Secrets.ListSecrets", "{}"},
      {"Smi.ValidateSmi", R"({"documents":"kind: Nothing\n"})"},
      {"Smi.ConvertSmi", R"({"documents":"kind: Nothing\n","split_version":"v1alpha2"})"},
      {"Smi.ExplainSmi", R"({"documents":"kind: Nothing\n","mesh_types":["nobody"]})"},
      {"System.GetVersion", "{}"},
  };
  for (const auto& [name, text] : cases) {
    CAPTURE(name, text);
    const MethodDescriptor* found = nullptr;
    for (const MethodDescriptor* method : UnaryMethods()) {
      if (method->service()->name() + "." + method->name() == name) found = method;
    }
    REQUIRE(found != nullptr);
    auto request = NewMessage(found->input_type());
    REQUIRE(google::protobuf::util::JsonStringToMessage(text, request.get()).ok());
    CHECK(world.server.ThroughRest(*found, *request, world.seed.tokens["admin"]).code == "OK");
    Compare(world, *found, *request, "succeeds");
  }
}

TEST_CASE("every method refuses every role that it should, through both doors") {
  World world;
  for (const MethodDescriptor* method : UnaryMethods()) {
    const auto permission = static_cast<security::Permission>(method->options().GetExtension(api::permission));
    auto request = NewMessage(method->input_type());
    FillPath(*method, *request);
    for (const std::string& role : security::KnownRoles()) {
      CAPTURE(method->full_name(), role);
      const bool allowed = security::Allows({role}, permission);
      const Answer by_rest = world.server.ThroughRest(*method, *request, world.seed.tokens[role]);
      CHECK((by_rest.reason == "PERMISSION_DENIED") == !allowed);
      if (!allowed) CHECK(by_rest.http_status == 403);
      CHECK((world.server.ThroughGrpc(*method, *request, world.seed.tokens[role]).code == "PERMISSION_DENIED") ==
            !allowed);
    }
  }
}

TEST_CASE("every method but the public ones refuses a missing, expired, foreign or garbled token") {
  World world;
  world.seed.tokens["missing"] = "";
  const std::map<std::string, std::string> reasons = {{"missing", "TOKEN_MISSING"},
                                                      {"expired", "TOKEN_EXPIRED"},
                                                      {"foreign", "TOKEN_INVALID"},
                                                      {"garbled", "TOKEN_INVALID"}};
  for (const MethodDescriptor* method : UnaryMethods()) {
    const bool open = method->options().GetExtension(api::permission) == api::PERMISSION_PUBLIC;
    auto request = NewMessage(method->input_type());
    FillPath(*method, *request);
    for (const auto& [token, reason] : reasons) {
      CAPTURE(method->full_name(), token);
      const Answer by_rest = world.server.ThroughRest(*method, *request, world.seed.tokens[token]);
      const Answer by_grpc = world.server.ThroughGrpc(*method, *request, world.seed.tokens[token]);
      CHECK(by_rest == by_grpc);
      if (open && token == "missing") {
        CHECK(by_rest.code == "OK");
      } else {
        CHECK(by_rest.reason == reason);
        CHECK(by_rest.http_status == 401);
        CHECK_FALSE(by_rest.remediation.empty());
      }
    }
  }
}
