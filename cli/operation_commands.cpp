#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/operations.h"

namespace meshplay::cli {

void AddOperations(CLI::App& app, Session& session) {
  auto* operations = app.add_subcommand("operations", "Work with operations");
  operations->require_subcommand(1);
  auto* list = operations->add_subcommand("list", "List operations, newest first");
  auto* filter = list->add_option("--filter", "For example: state = RUNNING AND cluster = \"demo\"");
  auto* limit = list->add_option("--limit", "At most so many")->default_val(50)->check(CLI::Range(1, 10'000));
  list->callback([&session, filter, limit] {
    const std::string path = "/v1/operations?" + Query({{"filter", filter->count() ? filter->as<std::string>() : ""}});
    const auto most = limit->as<std::size_t>();
    session.command = [&session, path, most](Server& server) {
      return PrintList(server, session, path, "operations",
                       {{"ID", "/id"},
                        {"TYPE", "/type"},
                        {"KIND", "/kind"},
                        {"CLUSTER", "/target/cluster"},
                        {"STATE", "/state"},
                        {"PHASE", "/phase"},
                        {"PROGRESS", "/progress/text"},
                        {"ERROR", "/error/reason"},
                        {"CREATED", "/create_time"}},
                       most);
    };
  });
  struct Verb {
    const char* name;
    const char* help;
  };
  for (const Verb& verb :
       {Verb{"get", "Show one"}, Verb{"steps", "Show its attempts and steps"},
        Verb{"changes", "Show what happened to each object"}, Verb{"plan", "Show the plan it made"}}) {
    auto* command = operations->add_subcommand(verb.name, verb.help);
    auto* id = command->add_option("ID", "Id of the operation")->required();
    const std::string suffix = std::string(verb.name) == "get" ? "" : "/" + std::string(verb.name);
    command->callback([&session, id, suffix] {
      const std::string path = "/v1/operations/" + Segment(id->as<std::string>()) + suffix;
      session.command = [&session, path](Server& server) { return PrintAnswer(server.Get(path), session); };
    });
  }
  auto* watch =
      operations->add_subcommand("watch", "Show its steps until it is final; the exit code says how it ended");
  auto* watch_id = watch->add_option("ID", "Id of the operation")->required();
  auto* timeout = watch->add_option("--timeout", "Seconds to wait")->default_val(1'800);
  watch->callback([&session, watch_id, timeout] {
    const std::string id = watch_id->as<std::string>();
    const std::chrono::seconds wait(timeout->as<int>());
    session.command = [&session, id, wait](Server& server) {
      return WatchOperation(server, id, session.format(), wait);
    };
  });
  for (const Verb& verb : {Verb{"cancel", "Ask for cancellation"}, Verb{"retry", "Run a finished operation again"}}) {
    auto* command = operations->add_subcommand(verb.name, verb.help);
    auto* id = command->add_option("ID", "Id of the operation")->required();
    auto* reason = command->add_option("--reason", "Why, for the audit record");
    const std::string name = verb.name;
    command->callback([&session, id, reason, name] {
      const std::string path = "/v1/operations/" + Segment(id->as<std::string>()) + ":" + name;
      const nlohmann::json body = {{"reason", reason->count() ? reason->as<std::string>() : ""}};
      session.command = [&session, path, body](Server& server) {
        return PrintAnswer(server.Post(path, body), session);
      };
    });
  }
  auto* resolve = operations->add_subcommand("resolve", "Say how an indeterminate operation ended");
  auto* resolve_id = resolve->add_option("ID", "Id of the operation")->required();
  auto* as = resolve->add_option("--as", "What is true")
                 ->required()
                 ->check(CLI::IsMember({"applied", "not_applied", "cleaned"}));
  auto* note = resolve->add_option("--note", "Why, for the audit record");
  resolve->callback([&session, resolve_id, as, note] {
    const std::string path = "/v1/operations/" + Segment(resolve_id->as<std::string>()) + ":resolve";
    const nlohmann::json body = {{"resolution", as->as<std::string>()},
                                 {"note", note->count() ? note->as<std::string>() : ""}};
    session.command = [&session, path, body](Server& server) { return PrintAnswer(server.Post(path, body), session); };
  });
  app.add_subcommand("types", "What can be done where")->callback([&session] {
    session.command = [&session](Server& server) {
      return PrintList(server, session, "/v1/operationTypes", "operation_types",
                       {{"TYPE", "/type"},
                        {"MESH", "/mesh_type"},
                        {"TITLE", "/title"},
                        {"ALIASES", "/aliases"},
                        {"CLUSTERS", "/clusters"}});
    };
  });
}

}  // namespace meshplay::cli
