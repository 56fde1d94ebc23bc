#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/operations.h"
#include "cli/parameters.h"
#include "cli/print.h"
#include "cli/server.h"
#include "libs/base/files.h"

namespace meshplay::cli {
namespace {

using Json = nlohmann::ordered_json;

/// What is printed to standard output while this lives.
class Captured {
 public:
  Captured() : before_(std::cout.rdbuf(text_.rdbuf())) {}
  ~Captured() { std::cout.rdbuf(before_); }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* before_;
};

TEST_CASE("Dots in a key nest, values are JSON where they are JSON") {
  const auto parsed = ParseParameters({"a.b=1", "a.c=true", "d=text", "e=[1,2]", "f="}, nullptr);
  REQUIRE(parsed);
  CHECK(*parsed == nlohmann::json::parse(R"({"a":{"b":1,"c":true},"d":"text","e":[1,2],"f":""})"));
}

TEST_CASE("What the schema calls a string stays a string") {
  const auto schema = nlohmann::json::parse(R"({"properties":{"version":{"type":"string"},"n":{"type":"integer"}}})");
  const auto parsed = ParseParameters({"version=1.20", "n=3"}, schema);
  REQUIRE(parsed);
  CHECK(parsed->at("version") == "1.20");
  CHECK(parsed->at("n") == 3);
}

TEST_CASE("A parameter that cannot be read is refused with a reason") {
  for (const char* text : {"novalue", "=x", "a..b=1", ".a=1"}) {
    INFO(text);
    const auto parsed = ParseParameters({text}, nullptr);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().reason() == "PARAMETER_INVALID");
  }
  CHECK_FALSE(ParseParameters({"a=1", "a.b=2"}, nullptr));
  CHECK_FALSE(ParseParameters({"a=@/nowhere/at/all"}, nullptr));
}

TEST_CASE("A value can come from a file") {
  const auto folder = TemporaryDirectory::Create("cli-test");
  std::ofstream(folder->path() + "/value") << "12";
  const auto parsed = ParseParameters({"a=@" + folder->path() + "/value"}, nullptr);
  REQUIRE(parsed);
  CHECK(parsed->at("a") == "12");
}

TEST_CASE("A table aligns by characters and shows no control characters") {
  const Captured out;
  PrintItems(Json::parse(R"([{"n":"é","v":1},{"n":"abc\u001b[2J","v":2},{"n":"x\u009b","v":null}])"),
             {{"NAME", "/n"}, {"VALUE", "/v"}, {"MISSING", "/none/at/all"}}, Format::kTable);
  CHECK(out.text() ==
        "NAME     VALUE  MISSING\n"
        "é        1      \n"
        "abc [2J  2      \n"
        "x               \n");
}

TEST_CASE("An empty table says so, an empty list is an empty list") {
  {
    const Captured out;
    PrintItems(Json::array(), {{"NAME", "/n"}}, Format::kTable);
    CHECK(out.text() == "(none)\n");
  }
  const Captured out;
  PrintItems(Json::array(), {{"NAME", "/n"}}, Format::kJson);
  CHECK(out.text() == "[]\n");
}

TEST_CASE("Bytes that are no UTF-8 are printed, not a crash") {
  const Captured out;
  PrintItems(Json::array({Json{{"n", "a\xff"}}}), {{"NAME", "/n"}}, Format::kJson);
  PrintItems(Json::array({Json{{"n", "a\xff"}}}), {{"NAME", "/n"}}, Format::kTable);
  CHECK(out.text().find("\xef\xbf\xbd") != std::string::npos);
}

TEST_CASE("The exit code tells how an operation ended") {
  const auto code = [](const char* text) { return ExitCodeOf(Json::parse(text)); };
  CHECK(code(R"({"state":"SUCCEEDED"})") == 0);
  CHECK(code(R"({"state":"RUNNING"})") == 0);
  CHECK(code(R"({"state":"FAILED"})") == 5);
  CHECK(code(R"({"state":"CANCELLED"})") == 5);
  CHECK(code(R"({"state":"EXPIRED"})") == 5);
  CHECK(code(R"({"state":"INDETERMINATE"})") == 6);
  CHECK(code(R"({"state":"SUCCEEDED","smi_reports":[{"level":"FULL"},{"level":"PARTIAL"}]})") == 3);
  CHECK(code(R"({"state":"SUCCEEDED","smi_reports":[{"level":"NONE"},{"level":"PARTIAL"}]})") == 4);
}

TEST_CASE("An error's class decides the exit code") {
  const auto code = [](ErrorCode error) { return Fail(Error(error, "REASON", "what happened")); };
  CHECK(code(ErrorCode::kInvalidArgument) == 2);
  CHECK(code(ErrorCode::kFailedPrecondition) == 4);
  CHECK(code(ErrorCode::kPermissionDenied) == 7);
  CHECK(code(ErrorCode::kUnauthenticated) == 7);
  CHECK(code(ErrorCode::kNotFound) == 8);
  CHECK(code(ErrorCode::kUnavailable) == 9);
  CHECK(code(ErrorCode::kInternal) == 1);
}

TEST_CASE("An id from the command line stays one segment of the path") {
  CHECK(Segment("../v1/audit?x=1#y") == "..%2Fv1%2Faudit%3Fx%3D1%23y");
  CHECK(Query({{"filter", "state = RUNNING"}, {"none", ""}}) == "filter=state%20%3D%20RUNNING");
}

TEST_CASE("A saved token is for the server it was saved with and for no other") {
  const auto folder = TemporaryDirectory::Create("cli-test");
  setenv("XDG_CONFIG_HOME", folder->path().c_str(), 1);
  unsetenv("MESHPLAY_TOKEN");
  unsetenv("MESHPLAY_SERVER");
  Connection connection;
  connection.server_url = "https://one.example";
  connection.token = Secret("s3cret");
  REQUIRE(SaveConnection(connection));
  CHECK(LoadConnection("", "").token.Reveal() == "s3cret");
  CHECK(LoadConnection("https://one.example/", "").token.Reveal() == "s3cret");
  CHECK(LoadConnection("https://two.example", "").token.empty());
  setenv("MESHPLAY_TOKEN", "other", 1);
  CHECK(LoadConnection("https://two.example", "").token.Reveal() == "other");
  unsetenv("MESHPLAY_TOKEN");
  unsetenv("XDG_CONFIG_HOME");
}

}  // namespace
}  // namespace meshplay::cli
