#include "server/app/config.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <set>

#include "libs/base/files.h"

using namespace meshplay;
using namespace meshplay::app;

namespace {

/// A variable of this process for the life of one test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

struct File {
  explicit File(const std::string& text) {
    REQUIRE(folder.has_value());
    path = folder->path() + "/meshplay.yaml";
    REQUIRE(WriteFileAtomically(path, text).has_value());
  }
  Result<TemporaryDirectory> folder = TemporaryDirectory::Create("config");
  std::string path;
};

Error FaultOf(const std::string& text) {
  const File file(text);
  const auto loaded = LoadConfig(file.path, {});
  REQUIRE_FALSE(loaded.has_value());
  return loaded.error();
}

}  // namespace

TEST_CASE("without file, variables or flags everything has a default that is valid") {
  const auto loaded = LoadConfig("", {});
  REQUIRE(loaded.has_value());
  CHECK(loaded->config.rest_listen == "127.0.0.1:9081");
  CHECK(loaded->config.grpc_listen == "127.0.0.1:9082");
  CHECK(loaded->config.hub_listen == "127.0.0.1:9083");
  for (const Setting& setting : Settings()) {
    CAPTURE(setting.key);
    CHECK(loaded->sources.at(setting.key) == "default");
    Config config;
    const std::string text = setting.get(config);
    CHECK(setting.set(config, text).has_value());
    CHECK(setting.get(config) == text);
    CHECK_FALSE(setting.help.empty());
  }
}

TEST_CASE("a flag wins over a variable, a variable over the file, the file over the default") {
  const File file(
      "rest:\n  listen: 127.0.0.1:1\nlog.level: debug\ngrpc:\n  listen: 127.0.0.1:2\nevents_keep_days: 7\n");
  const Variable rest("MESHPLAY_REST_LISTEN", "127.0.0.1:11");
  const Variable level("MESHPLAY_LOG_LEVEL", "error");
  const auto loaded = LoadConfig(file.path, {{"rest.listen", "127.0.0.1:111"}});
  REQUIRE(loaded.has_value());
  CHECK(loaded->config.rest_listen == "127.0.0.1:111");
  CHECK(loaded->sources.at("rest.listen") == "flag");
  CHECK(loaded->config.log_level == "error");
  CHECK(loaded->sources.at("log.level") == "environment");
  CHECK(loaded->config.grpc_listen == "127.0.0.1:2");
  CHECK(loaded->sources.at("grpc.listen") == "file");
  CHECK(loaded->config.events_keep_days == 7);
  CHECK(loaded->sources.at("hub.listen") == "default");
  const std::string printed = PrintConfig(*loaded);
  CHECK(printed.find("rest.listen: \"127.0.0.1:111\"  # flag;") != std::string::npos);
  CHECK(printed.find("log.level: \"error\"  # environment;") != std::string::npos);
}

TEST_CASE("unknown keys, lists, empty values and wrong types are errors that name the key") {
  const Error unknown = FaultOf("rest:\n  listne: x\n");
  CHECK(unknown.reason() == "CONFIG_KEY_UNKNOWN");
  CHECK(unknown.message().find("rest.listne") != std::string::npos);
  CHECK_FALSE(unknown.remediation().empty());
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"rest:\n  listen: [a]\n", "rest.listen"},
      {"rest:\n  listen:\n", "rest.listen"},
      {"log.level: loud\n", "log.level"},
      {"stop_bound: soon\n", "stop_bound"},
      {"stop_bound: 1ms\n", "stop_bound"},
      {"events_keep_days: 0\n", "events_keep_days"},
      {"events_keep_days: 1.5\n", "events_keep_days"},
      {"rest.allow_plain_http: maybe\n", "rest.allow_plain_http"},
      {"just text\n", "the file"},
      {"log.level: info\n---\nlog.level: debug\n", "the file"}};
  for (const auto& [text, key] : cases) {
    CAPTURE(text);
    const Error error = FaultOf(text);
    CHECK(error.reason() == "CONFIG_INVALID");
    CHECK(error.message().find(key) != std::string::npos);
  }
  CHECK(LoadConfig("/nowhere/meshplay.yaml", {}).error().reason() == "FILE_NOT_FOUND");
  CHECK(LoadConfig("", {{"log.level", "loud"}}).error().reason() == "CONFIG_INVALID");
}

TEST_CASE("each setting has one flag and one variable") {
  std::set<std::string> flags;
  std::set<std::string> variables;
  for (const Setting& setting : Settings()) {
    flags.insert(FlagOf(setting));
    variables.insert(VariableOf(setting));
  }
  CHECK(flags.size() == Settings().size());
  CHECK(variables.size() == Settings().size());
  CHECK(flags.count("--rest-allow-plain-http") == 1);
  CHECK(variables.count("MESHPLAY_REST_ALLOW_PLAIN_HTTP") == 1);
}
