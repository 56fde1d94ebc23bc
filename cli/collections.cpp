#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace meshplay::cli {

int PrintList(Server& server, const Session& session, const std::string& path, const std::string& items_name,
              const std::vector<Column>& columns, std::size_t limit) {
  const auto items = server.List(path, items_name, limit);
  if (!items) return Fail(items.error());
  PrintItems(*items, columns, session.format());
  return kDone;
}

int PrintAnswer(const Result<nlohmann::ordered_json>& answer, const Session& session) {
  if (!answer) return Fail(answer.error());
  PrintItem(*answer, session.format());
  return kDone;
}

int DeleteItem(Server& server, const std::string& path) {
  const auto now = server.Get(path);
  if (!now) return Fail(now.error());
  const auto answer = server.Delete(path, now->value("etag", ""));
  return answer ? kDone : Fail(answer.error());
}

namespace {

/// `NAME list` and `NAME get ID` of one collection.
CLI::App* AddCollection(CLI::App& app, Session& session, const std::string& name, const std::string& help,
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
      return PrintAnswer(server.Get("/v1/" + name + "/" + Segment(wanted)), session);
    };
  });
  return collection;
}

void AddForget(CLI::App& clusters, Session& session) {
  auto* forget = clusters.add_subcommand("forget", "Forget a cluster that is gone, with its meshes and objects");
  auto* id = forget->add_option("ID", "Its id; no connected adapter may claim it")->required();
  forget->callback([&session, id] {
    session.command = [path = "/v1/clusters/" + Segment(id->as<std::string>())](Server& server) {
      return DeleteItem(server, path);
    };
  });
}

}  // namespace

void AddCollections(CLI::App& app, Session& session) {
  auto* clusters =
      AddCollection(app, session, "clusters", "Clusters that adapters claim", "clusters",
                    {{"ID", "/id"}, {"NAME", "/display_name"}, {"KUBERNETES", "/kubernetes_version"}, {"UID", "/uid"}});
  AddForget(*clusters, session);
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
}

}  // namespace meshplay::cli
