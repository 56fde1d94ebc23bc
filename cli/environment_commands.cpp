#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/parameters.h"

namespace meshplay::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Parts of an environment as given on the command line; what was not given stays as it is.
struct EnvironmentRequest {
  std::string id;
  std::string spec_file;  ///< YAML or JSON of the whole; the parts below win.
  std::vector<std::string> clusters;
  std::vector<std::string> cluster_labels;  ///< KEY=VALUE
  std::string display_name;
};

std::string PathOf(const std::string& id) {
  return "/v1/environments/" + Segment(id);
}

void AddParts(CLI::App& command, EnvironmentRequest& request) {
  command.add_option("ID", request.id, "Its id")->required();
  command.add_option("--spec", request.spec_file,
                     "YAML or JSON file with the fields of the API, such as cluster_expressions; flags win");
  command.add_option("--cluster", request.clusters, "Cluster id");
  command.add_option("--cluster-label", request.cluster_labels, "KEY=VALUE that the cluster must have");
  command.add_option("--display-name", request.display_name, "For people");
}

Status Merge(const EnvironmentRequest& request, Json& body) {
  if (!request.spec_file.empty()) {
    MP_TRY(const Json given, ReadObject(request.spec_file, "--spec"));
    for (const auto& [name, value] : given.items()) body[name] = value;
  }
  if (!request.clusters.empty()) body["clusters"] = request.clusters;
  if (!request.cluster_labels.empty()) {
    body["cluster_labels"] = Json::object();
    MP_CHECK(PutPairs(request.cluster_labels, "--cluster-label", body["cluster_labels"]));
  }
  if (!request.display_name.empty()) body["display_name"] = request.display_name;
  return {};
}

int Create(Server& server, const EnvironmentRequest& request, const Session& session) {
  Json body = Json::object();
  if (const Status merged = Merge(request, body); !merged) return Fail(merged.error());
  body["id"] = request.id;
  return PrintAnswer(server.Post("/v1/environments", body), session);
}

int Update(Server& server, const EnvironmentRequest& request, const Session& session) {
  const auto now = server.Get(PathOf(request.id));
  if (!now) return Fail(now.error());
  Json body = Json::object();
  for (const char* name : {"display_name", "labels", "clusters", "cluster_labels", "cluster_expressions"}) {
    if (now->contains(name)) body[name] = now->at(name);
  }
  if (const Status merged = Merge(request, body); !merged) return Fail(merged.error());
  return PrintAnswer(server.Put(PathOf(request.id), body, now->value("etag", "")), session);
}

}  // namespace

void AddEnvironments(CLI::App& app, Session& session) {
  // Kept alive by the commands that use it.
  const auto request = std::make_shared<EnvironmentRequest>();
  auto* environment = app.add_subcommand("environment", "Named groups of clusters that policies select");
  environment->require_subcommand(1);
  environment->add_subcommand("list", "List them")->callback([&session] {
    session.command = [&session](Server& server) {
      return PrintList(
          server, session, "/v1/environments", "environments",
          {{"ID", "/id"}, {"NAME", "/display_name"}, {"CLUSTERS", "/clusters"}, {"CLUSTER LABELS", "/cluster_labels"}});
    };
  });
  auto* get = environment->add_subcommand("get", "Show one");
  get->add_option("ID", request->id, "Its id")->required();
  get->callback([&session, request] {
    session.command = [&session, request](Server& server) {
      return PrintAnswer(server.Get(PathOf(request->id)), session);
    };
  });
  auto* create = environment->add_subcommand("create", "Name a group of clusters");
  AddParts(*create, *request);
  create->callback([&session, request] {
    session.command = [&session, request](Server& server) { return Create(server, *request, session); };
  });
  auto* update = environment->add_subcommand("update", "Change parts of a group; policies that name it follow");
  AddParts(*update, *request);
  update->callback([&session, request] {
    session.command = [&session, request](Server& server) { return Update(server, *request, session); };
  });
  auto* remove = environment->add_subcommand("delete", "Forget a group that no policy names");
  remove->add_option("ID", request->id, "Its id")->required();
  remove->callback([&session, request] {
    session.command = [request](Server& server) { return DeleteItem(server, PathOf(request->id)); };
  });
}

}  // namespace meshplay::cli
