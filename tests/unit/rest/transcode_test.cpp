#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "meshplay/v1/access.pb.h"
#include "meshplay/v1/inventory.pb.h"
#include "meshplay/v1/operations.pb.h"
#include "server/rest/transcode.h"

using namespace meshplay;
using namespace meshplay::rest;

namespace {

template <class Message>
std::vector<std::string> Read(const std::string& text, Message& message) {
  const auto document = ParseJson(text);
  REQUIRE(document.has_value());
  std::vector<Violation> violations;
  ReadMessage(*document, "", message, violations);
  std::vector<std::string> faults;
  for (const Violation& violation : violations) faults.push_back(violation.pointer + ": " + violation.detail);
  return faults;
}

template <class Message>
std::vector<std::string> FaultsOf(const std::string& text) {
  Message message;
  return Read(text, message);
}

using Faults = std::vector<std::string>;

}  // namespace

TEST_CASE("a document fills nested messages, raw JSON, times and durations") {
  v1::CreateOperationRequest request;
  REQUIRE(Read(R"({"type":"istio.install","target":{"cluster":"demo","mesh_type":"istio"},
    "parameters":{"b":1,"a":{"n":9007199254740993,"f":1.0}},"not_before":"2026-01-31T12:00:00.5Z","deadline":"3.5s",
    "priority":0,"options":{"prune":true}})",
               request)
              .empty());
  CHECK(request.target().mesh_type() == "istio");
  CHECK(request.parameters_json() == R"({"a":{"f":1.0,"n":9007199254740993},"b":1})");
  CHECK(request.not_before().seconds() == 1769860800);
  CHECK(request.not_before().nanos() == 500'000'000);
  CHECK(request.deadline().seconds() == 3);
  CHECK(request.deadline().nanos() == 500'000'000);
  CHECK(request.has_priority());
  CHECK(request.options().prune());
}

TEST_CASE("both spellings of a name are read, but not together") {
  v1::CreateOperationRequest request;
  REQUIRE(Read(R"({"planDigest":"d","target":{"meshType":"istio"}})", request).empty());
  CHECK(request.plan_digest() == "d");
  CHECK(request.target().mesh_type() == "istio");
  CHECK(FaultsOf<v1::CreateOperationRequest>(R"({"plan_digest":"a","planDigest":"b"})") ==
        Faults{"/plan_digest: the same field is given twice under two spellings"});
}

TEST_CASE("nothing unknown or of the wrong type is taken, and each fault has its pointer") {
  using Request = v1::CreateOperationRequest;
  CHECK(FaultsOf<Request>(R"([])") == Faults{": must be an object"});
  CHECK(FaultsOf<Request>(R"({"nope":1})") == Faults{"/nope: unknown field"});
  CHECK(FaultsOf<Request>(R"({"a/b~c":1})") == Faults{"/a~1b~0c: unknown field"});
  CHECK(FaultsOf<Request>(R"({"target":{"cluster":5,"x":1}})") ==
        Faults{"/target/cluster: must be a string", "/target/x: unknown field"});
  CHECK(FaultsOf<Request>(R"({"target":"demo"})") == Faults{"/target: must be an object"});
  CHECK(FaultsOf<Request>(R"({"parameters_json":"{}"})") == Faults{"/parameters_json: unknown field"});
  CHECK(FaultsOf<Request>(R"({"options":{"prune":"true"}})") == Faults{"/options/prune: must be true or false"});
  CHECK(FaultsOf<Request>(R"({"not_before":"yesterday"})").front().starts_with("/not_before: must be an RFC 3339"));
  CHECK(FaultsOf<Request>(R"({"deadline":5})").front().starts_with("/deadline: must be a duration"));
  for (const char* number : {"-1", "1.5", "4294967296", "\"x\"", "\" 7\"", "true"}) {
    CAPTURE(number);
    CHECK(FaultsOf<Request>(std::string(R"({"priority":)") + number + "}") ==
          Faults{"/priority: must be a whole number of at least 0"});
  }
  CHECK(FaultsOf<v1::CreateTokenRequest>(R"({"roles":"viewer"})") == Faults{"/roles: must be an array"});
  CHECK(FaultsOf<v1::CreateTokenRequest>(R"({"roles":["viewer",1,null]})") ==
        Faults{"/roles/1: must be a string", "/roles/2: must be a string"});
}

TEST_CASE("a hundred faults are told and no more") {
  nlohmann::json document = nlohmann::json::object();
  for (int i = 0; i < 300; ++i) document["x" + std::to_string(i)] = 1;
  CHECK(FaultsOf<v1::CreateTokenRequest>(document.dump()).size() == 100);
}

TEST_CASE("maps take strings only") {
  v1::CreateSecretRequest request;
  REQUIRE(Read(R"({"name":"n","data":{"a/b":"1","c":""}})", request).empty());
  CHECK(request.data().at("a/b") == "1");
  CHECK(FaultsOf<v1::CreateSecretRequest>(R"({"data":{"a/b":1,"c":null}})") ==
        Faults{"/data/a~1b: must be a string", "/data/c: must be a string"});
  CHECK(FaultsOf<v1::CreateSecretRequest>(R"({"data":[]})") == Faults{"/data: must be an object of strings"});
}

TEST_CASE("null is the same as leaving a field out, but raw JSON keeps it") {
  v1::CreateOperationRequest request;
  REQUIRE(Read(R"({"type":null,"target":null,"priority":null,"parameters":null})", request).empty());
  CHECK(request.type().empty());
  CHECK_FALSE(request.has_target());
  CHECK_FALSE(request.has_priority());
  CHECK(request.parameters_json() == "null");
}

TEST_CASE("64-bit numbers are read from number or text and written as text") {
  v1::Event event;
  REQUIRE(Read(R"({"seq":"18446744073709551615"})", event).empty());
  CHECK(event.seq() == 18446744073709551615ULL);
  REQUIRE(Read(R"({"seq":9007199254740993})", event).empty());
  CHECK(WriteMessage(event)["seq"] == "9007199254740993");
  CHECK(FaultsOf<v1::Event>(R"({"seq":1e3})").size() == 1);
  CHECK(FaultsOf<v1::Event>(R"({"seq":"18446744073709551616"})").size() == 1);
}

TEST_CASE("enums are read and written by name") {
  v1::Operation operation;
  REQUIRE(Read(R"({"state":"RUNNING"})", operation).empty());
  CHECK(operation.state() == v1::RUNNING);
  CHECK(WriteMessage(operation)["state"] == "RUNNING");
  CHECK(FaultsOf<v1::Operation>(R"({"state":4})").front().starts_with("/state: must be one of"));
  CHECK(FaultsOf<v1::Operation>(R"({"state":"running"})").size() == 1);
}

TEST_CASE("answers carry every field that has no presence, in snake_case and proto order") {
  v1::ListClustersResponse response;
  (*response.add_clusters()->mutable_labels())["b"] = "2";
  (*response.mutable_clusters(0)->mutable_labels())["a"] = "1";
  response.mutable_clusters(0)->mutable_create_time()->set_seconds(1769860800);
  const auto document = WriteMessage(response);
  const auto& cluster = document["clusters"][0];
  CHECK(cluster["display_name"] == "");
  CHECK(cluster["claims"] == nlohmann::ordered_json::array());
  CHECK(cluster["labels"].dump() == R"({"a":"1","b":"2"})");
  CHECK(cluster["create_time"] == "2026-01-31T12:00:00Z");
  CHECK_FALSE(cluster.contains("update_time"));
  CHECK(document.begin().key() == "clusters");
  CHECK(document["next_page_token"] == "");
}

TEST_CASE("raw JSON is spliced as it is, its numbers and key order kept") {
  v1::Operation operation;
  operation.set_parameters_json(R"({"z":9007199254740993,"a":[1.0,"<"]})");
  const auto document = WriteMessage(operation);
  CHECK(document["parameters"].dump() == R"({"z":9007199254740993,"a":[1.0,"<"]})");
  CHECK_FALSE(document.contains("output"));
  CHECK_FALSE(document.contains("parameters_json"));
  CHECK(document["done"] == false);
  CHECK_FALSE(document.contains("error"));
}

TEST_CASE("bytes that are no UTF-8 are replaced instead of failing the answer") {
  v1::VersionResponse version;
  version.set_version("a\xff");
  CHECK(DumpDocument(WriteMessage(version)).find("\xef\xbf\xbd") != std::string::npos);
}

TEST_CASE("query texts fill fields of their type") {
  v1::ListEventsRequest request;
  std::vector<Violation> violations;
  CHECK(ReadText("page_size", "-5", request, violations));
  CHECK(request.page_size() == -5);
  CHECK(ReadText("pageSize", "7", request, violations));
  CHECK(violations.empty());
  CHECK_FALSE(ReadText("page_size", "many", request, violations));
  CHECK_FALSE(ReadText("nope", "1", request, violations));
  CHECK(violations == std::vector<Violation>{{"/page_size", "must be a whole number"}, {"/nope", "unknown parameter"}});
  v1::CreateOperationRequest create;
  violations.clear();
  CHECK(ReadText("target.cluster", "demo", create, violations));
  CHECK(create.target().cluster() == "demo");
  CHECK(ReadText("wait", "20s", create, violations));
  CHECK(create.wait().seconds() == 20);
  CHECK_FALSE(ReadText("parameters", "{}", create, violations));
  CHECK_FALSE(ReadText("type.x", "1", create, violations));
  CHECK_FALSE(ReadText("target", "x", create, violations));
  v1::DrainAdapterRequest drain;
  violations.clear();
  CHECK(ReadText("resume", "true", drain, violations));
  CHECK_FALSE(ReadText("resume", "1", drain, violations));
}
