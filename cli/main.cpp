#include <CLI/CLI.hpp>
#include <csignal>
#include <functional>
#include <iostream>
#include <string>

#include "cli/operations.h"
#include "cli/print.h"
#include "cli/server.h"
#include "libs/base/files.h"

namespace {

using meshplay::Result;
using meshplay::Secret;
using meshplay::Status;
using meshplay::cli::Column;
using meshplay::cli::Connection;
using meshplay::cli::Fail;
using meshplay::cli::Format;
using meshplay::cli::Query;
using meshplay::cli::RunRequest;
using meshplay::cli::Server;
using Json = nlohmann::ordered_json;

/// What every command has at hand.
struct Session {
  std::string server_flag;
  std::string ca_flag;
  std::string output = "table";
  std::function<int(Server&)> command;  ///< Set by the subcommand that was given.

  Format format() const { return output == "json" ? Format::kJson : output == "yaml" ? Format::kYaml : Format::kTable; }
};

int PrintList(Server& server, const Session& session, const std::string& path, const std::string& items_name,
              const std::vector<Column>& columns, std::size_t limit = 1'000) {
  const auto items = server.List(path, items_name, limit);
  if (!items) return Fail(items.error());
  PrintItems(*items, columns, session.format());
  return meshplay::cli::kDone;
}

int PrintAnswer(const Result<Json>& answer, const Session& session) {
  if (!answer) return Fail(answer.error());
  PrintItem(*answer, session.format());
  return meshplay::cli::kDone;
}

/// `NAME list` and `NAME get ID` of one collection.
void AddCollection(CLI::App& app, Session& session, const std::string& name, const std::string& help,
                   const std::string& items_name, const std::vector<Column>& columns) {
  auto* collection = app.add_subcommand(name, help);
  const auto list = [&session, name, items_name, columns](Server& server) {
    return PrintList(server, session, "/v1/" + name, items_name, columns);
  };
  collection->callback([&session, list] {
    if (!session.command) session.command = list;
  });
  collection->add_subcommand("list", "List them")->callback([&session, list] { session.command = list; });
  auto* get = collection->add_subcommand("get", "Show one");
  auto* id = get->add_option("ID", "Its id")->required();
  get->callback([&session, name, id] {
    const std::string wanted = id->as<std::string>();
    session.command = [&session, name, wanted](Server& server) {
      return PrintAnswer(server.Get("/v1/" + name + "/" + wanted), session);
    };
  });
}

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
      const std::string path = "/v1/operations/" + id->as<std::string>() + suffix;
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
      const std::string path = "/v1/operations/" + id->as<std::string>() + ":" + name;
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
    const std::string path = "/v1/operations/" + resolve_id->as<std::string>() + ":resolve";
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

void AddRunOptions(CLI::App& command, RunRequest& request) {
  command.add_option("--cluster", request.cluster, "Cluster id")->required();
  command.add_option("--mesh", request.mesh, "Mesh id");
  command.add_option("--mesh-type", request.mesh_type, "Mesh type, for example istio");
  command.add_option("-n,--namespace", request.name_space, "Namespace, where the operation takes one");
  command.add_option("--reason", request.reason, "Why, for the audit record");
  command.add_option("--idempotency-key", request.idempotency_key, "The same key never starts a second operation");
  command.add_option("--owner", request.owner_id, "Name of the set that the objects belong to");
  command.add_flag("--plan", request.plan, "Show what would change; change nothing");
  command.add_flag("--wait", request.wait, "Show the steps until it is done; the exit code says how it ended");
  command.add_flag("--force-conflicts", request.force_conflicts, "Take fields that another manager owns");
  command.add_flag("--prune", request.prune, "Delete objects of the owner that are no longer in the set");
  command.add_option_function<int>(
      "--timeout", [&request](int seconds) { request.timeout = std::chrono::seconds(seconds); }, "Seconds to wait");
}

Result<std::string> ReadDocuments(const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& file : files) {
    std::string part;
    if (file == "-") {
      part.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    } else {
      MP_TRY(part, meshplay::ReadFile(file));
    }
    if (!text.empty()) text += "\n---\n";
    text += part;
  }
  return text;
}

void AddRun(CLI::App& app, Session& session, RunRequest& request, std::vector<std::string>& files) {
  auto* run = app.add_subcommand("run", "Start an operation");
  run->add_option("TYPE", request.type, "Operation type, for example istio.install; see `types`")->required();
  run->add_option("-p,--parameter", request.parameters, "KEY=VALUE, KEY=@FILE; dots nest; may be given often");
  run->add_option("-f,--parameters-file", request.parameters_file, "JSON or YAML object with parameters");
  run->add_option("--plan-digest", request.plan_digest, "Do exactly this plan or fail");
  AddRunOptions(*run, request);
  run->callback([&session, &request] {
    session.command = [&session, &request](Server& server) { return RunOperation(server, request, session.format()); };
  });

  auto* smi = app.add_subcommand("smi", "Service Mesh Interface documents");
  smi->require_subcommand(1);
  for (const std::string verb : {"apply", "delete"}) {
    auto* command =
        smi->add_subcommand(verb, verb == "apply" ? "Put documents into force on a mesh" : "Take them back");
    command->add_option("-f,--file", files, "YAML or JSON file, - is standard input; may be given often")->required();
    AddRunOptions(*command, request);
    command->callback([&session, &request, &files, verb] {
      session.command = [&session, &request, &files, verb](Server& server) {
        const auto text = ReadDocuments(files);
        if (!text) return Fail(text.error());
        request.type = "smi." + verb;
        request.documents = *text;
        return RunOperation(server, request, session.format());
      };
    });
  }
  auto* validate = smi->add_subcommand("validate", "Check documents without applying them");
  validate->add_option("-f,--file", files, "YAML or JSON file, - is standard input; may be given often")->required();
  validate->callback([&session, &files] {
    session.command = [&session, &files](Server& server) {
      const auto text = ReadDocuments(files);
      if (!text) return Fail(text.error());
      const auto answer = server.Post("/v1/smi:validate", {{"documents", *text}});
      if (!answer) return Fail(answer.error());
      if (session.format() == Format::kTable) {
        PrintItems(answer->value("findings", Json::array()),
                   {{"DOCUMENT", "/document"},
                    {"SEVERITY", "/severity"},
                    {"CODE", "/code"},
                    {"AT", "/pointer"},
                    {"SUMMARY", "/summary"}},
                   Format::kTable);
      } else {
        PrintItem(*answer, session.format());
      }
      return static_cast<int>(answer->value("valid", false) ? meshplay::cli::kDone : meshplay::cli::kUsage);
    };
  });
}

void AddEvents(CLI::App& app, Session& session) {
  auto* events = app.add_subcommand("events", "Show events, or follow them");
  CLI::Option* follow = events->add_flag("--follow")->description("Go on until interrupted");
  auto* since = events->add_option("--since", "Only after this sync token (the id of an event)");
  auto* subject = events->add_option("--subject", "Only this subject; a prefix when it ends in /");
  auto* kind = events->add_option("--kind", "Only this kind; a prefix when it ends in .");
  events->callback([&session, follow, since, subject, kind] {
    const auto text = [](const CLI::Option* option) {
      return option->count() > 0 ? option->as<std::string>() : std::string();
    };
    const std::string from = text(since);
    const std::string filter = Query({{"subject", text(subject)}, {"kind", text(kind)}});
    if (follow->count() == 0) {
      const std::string path = "/v1/events?" + filter + (from.empty() ? "" : "&" + Query({{"since", from}}));
      session.command = [&session, path](Server& server) {
        const auto page = server.Get(path);
        if (!page) return Fail(page.error());
        PrintItems(page->value("events", Json::array()),
                   {{"ID", "/id"}, {"TIME", "/time"}, {"KIND", "/kind"}, {"SUBJECT", "/subject"}}, session.format());
        return static_cast<int>(meshplay::cli::kDone);
      };
      return;
    }
    session.command = [&session, from, filter](Server& server) {
      std::string last = from;
      while (true) {
        const Status end = server.Follow(
            "/v1/events?" + filter, last, [&](const std::string& id, const std::string& name, const std::string& data) {
              if (!id.empty()) last = id;
              if (name == "bookmark") return true;
              if (session.format() == Format::kTable) {
                const Json event = Json::parse(data, nullptr, false);
                std::cout << id << "  " << name << "  " << (event.is_object() ? event.value("subject", "") : "")
                          << std::endl;
              } else {
                std::cout << data << std::endl;
              }
              return name != "reset";
            });
        // A cut stream goes on where it stopped; a refusal does not get better.
        if (!end && end.error().code() != meshplay::ErrorCode::kUnavailable) return Fail(end.error());
        if (!end) return Fail(end.error());
      }
    };
  });
}

int Login(const Session& session, const std::string& token_file) {
  Connection connection = meshplay::cli::LoadConnection(session.server_flag, session.ca_flag);
  std::string token;
  if (!token_file.empty()) {
    const auto text = meshplay::ReadFile(token_file, 4'096);
    if (!text) return Fail(text.error());
    token = *text;
  } else if (std::getenv("MESHPLAY_TOKEN") == nullptr) {
    std::cerr << "token: " << std::flush;
    std::getline(std::cin, token);
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == ' ')) token.pop_back();
  if (!token.empty()) connection.token = Secret(token);
  auto server = Server::Connect(connection);
  if (!server) return Fail(server.error());
  const auto who = server->Get("/v1/whoami");
  if (!who) return Fail(who.error());
  if (const Status saved = SaveConnection(connection); !saved) return Fail(saved.error());
  std::cerr << "logged in at " << connection.server_url << " as " << who->value("principal", "?") << "\n";
  return meshplay::cli::kDone;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app(
      "Command line of Meshplay.\n"
      "Exit codes: 0 done, 1 internal error, 2 usage or invalid input, 3 partial, 4 none or refused, 5 operation "
      "failed,\n"
      "6 indeterminate, 7 not permitted, 8 not found, 9 unreachable or timed out.");
  Session session;
  RunRequest request;
  std::vector<std::string> files;
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--server", session.server_flag, "URL of the server (MESHPLAY_SERVER)");
  app.add_option("--ca", session.ca_flag, "PEM file with the authority of an HTTPS server");
  app.add_option("-o,--output", session.output, "table, json or yaml")->check(CLI::IsMember({"table", "json", "yaml"}));

  auto* login = app.add_subcommand("login",
                                   "Remember a server and a token, read from --token-file, MESHPLAY_TOKEN or "
                                   "standard input");
  std::string token_file;
  login->add_option("--token-file", token_file, "File that holds the token");
  AddCollection(app, session, "clusters", "Clusters that adapters claim", "clusters",
                {{"ID", "/id"}, {"NAME", "/display_name"}, {"KUBERNETES", "/kubernetes_version"}, {"UID", "/uid"}});
  AddCollection(app, session, "adapters", "Adapters and their sessions", "adapters",
                {{"ID", "/id"},
                 {"MESH", "/mesh_type"},
                 {"STATE", "/state"},
                 {"CONNECTED", "/connected"},
                 {"CLUSTERS", "/clusters"},
                 {"VERSION", "/software_version"}});
  AddCollection(app, session, "meshes", "Meshes, found or installed", "meshes",
                {{"ID", "/id"},
                 {"CLUSTER", "/cluster"},
                 {"TYPE", "/mesh_type"},
                 {"VERSION", "/version"},
                 {"REVISION", "/revision"},
                 {"HEALTH", "/health"},
                 {"MANAGED", "/managed"},
                 {"STALE", "/stale"},
                 {"NAMESPACES", "/member_namespaces"}});
  AddCollection(app, session, "targets", "What operations lock: one for each cluster and mesh type", "targets",
                {{"ID", "/id"},
                 {"CLUSTER", "/cluster"},
                 {"MESH", "/mesh_type"},
                 {"FENCE", "/fence"},
                 {"LOCKED BY", "/locked_by"},
                 {"QUARANTINED BY", "/quarantined_by"},
                 {"HOLD", "/hold_reason"}});
  AddCollection(app, session, "objects", "Kubernetes objects that matter to meshes", "objects",
                {{"KIND", "/object/kind"},
                 {"NAMESPACE", "/object/namespace"},
                 {"NAME", "/object/name"},
                 {"CLUSTER", "/cluster"},
                 {"HEALTH", "/health"},
                 {"ID", "/id"}});
  AddOperations(app, session);
  AddRun(app, session, request, files);
  AddEvents(app, session);
  app.add_subcommand("version", "Version of the server")->callback([&session] {
    session.command = [&session](Server& server) { return PrintAnswer(server.Get("/version"), session); };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? meshplay::cli::kDone : meshplay::cli::kUsage;
  }
  if (login->parsed()) return Login(session, token_file);
  auto server = Server::Connect(meshplay::cli::LoadConnection(session.server_flag, session.ca_flag));
  if (!server) return Fail(server.error());
  return session.command(*server);
}
