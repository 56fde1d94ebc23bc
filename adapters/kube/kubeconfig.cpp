#include "adapters/kube/kubeconfig.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "adapters/kube/internal/base64.h"
#include "adapters/kube/object.h"
#include "libs/base/files.h"
#include "libs/base/yaml.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxEntries = 1'000;

Error Invalid(std::string pointer, std::string detail) {
  return InvalidArgument("KUBECONFIG_INVALID", "the kubeconfig is not usable: " + detail)
      .WithViolation(std::move(pointer), std::move(detail));
}

// Text of a member; absent or null reads as empty, another type is an error.
Result<std::string> Text(const json& object, const std::string& pointer, const std::string& key) {
  const json& value = ValueAt(object, "/" + key);
  if (value.is_null()) return std::string();
  if (!value.is_string()) return Invalid(pointer + "/" + key, "a string is expected here");
  return value.get<std::string>();
}

Result<bool> Flag(const json& object, const std::string& pointer, const std::string& key) {
  const json& value = ValueAt(object, "/" + key);
  if (value.is_null()) return false;
  if (!value.is_boolean()) return Invalid(pointer + "/" + key, "true or false is expected here");
  return value.get<bool>();
}

// Calls `read` with the name, the inner object and its pointer for each entry of a list such as "clusters".
template <class Read>
Status EachEntry(const json& document, const std::string& list, const std::string& inner, Read read) {
  const json& entries = ValueAt(document, "/" + list);
  if (entries.is_null()) return {};
  if (!entries.is_array()) return Invalid("/" + list, "a list is expected here");
  if (entries.size() > kMaxEntries) return Invalid("/" + list, "more than 1000 entries");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string pointer = "/" + list + "/" + std::to_string(i);
    if (!entries[i].is_object()) return Invalid(pointer, "an object is expected here");
    MP_TRY(const std::string name, Text(entries[i], pointer, "name"));
    if (name.empty()) return Invalid(pointer + "/name", "an entry needs a name");
    const json& content = ValueAt(entries[i], "/" + inner);
    if (!content.is_object() && !content.is_null()) return Invalid(pointer + "/" + inner, "an object is expected here");
    MP_CHECK(read(name, content, pointer + "/" + inner));
  }
  return {};
}

Result<ExecCredentialCommand> ReadExec(const json& exec, const std::string& pointer) {
  ExecCredentialCommand command;
  if (exec.is_null()) return command;
  if (!exec.is_object()) return Invalid(pointer, "an object is expected here");
  MP_TRY(command.api_version, Text(exec, pointer, "apiVersion"));
  if (command.api_version != "client.authentication.k8s.io/v1" &&
      command.api_version != "client.authentication.k8s.io/v1beta1") {
    return Invalid(pointer + "/apiVersion", "client.authentication.k8s.io/v1 or v1beta1 is expected here");
  }
  MP_TRY(const std::string program, Text(exec, pointer, "command"));
  if (program.empty()) return Invalid(pointer + "/command", "a program is expected here");
  command.argv.push_back(program);
  const json& arguments = ValueAt(exec, "/args");
  if (!arguments.is_null() && !arguments.is_array()) return Invalid(pointer + "/args", "a list is expected here");
  for (const json& argument : arguments) {
    if (!argument.is_string()) return Invalid(pointer + "/args", "every argument must be a string");
    command.argv.push_back(argument.get<std::string>());
  }
  const json& variables = ValueAt(exec, "/env");
  if (!variables.is_null() && !variables.is_array()) return Invalid(pointer + "/env", "a list is expected here");
  for (const json& variable : variables) {
    MP_TRY(const std::string name, Text(variable, pointer + "/env", "name"));
    if (name.empty()) return Invalid(pointer + "/env", "a variable needs a name");
    MP_TRY(command.environment[name], Text(variable, pointer + "/env", "value"));
  }
  MP_TRY(command.provide_cluster_description, Flag(exec, pointer, "provideClusterInfo"));
  return command;
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// The first of `keys` that is set; empty when none is.
std::string FirstSet(const json& object, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const json& value = ValueAt(object, std::string("/") + key);
    if (!value.is_null() && !(value.is_string() && value.get_ref<const std::string&>().empty())) return key;
  }
  return {};
}

Error Unsupported(const std::string& key) {
  return Error(ErrorCode::kUnimplemented, "KUBECONFIG_UNSUPPORTED",
               "the kubeconfig uses '" + key + "', which is not supported");
}

template <class Entry>
const Entry* Named(const std::vector<Entry>& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

Result<Kubeconfig> Kubeconfig::Load(const std::string& path, KubeconfigOptions options) {
  MP_TRY(const std::string text, ReadFile(path, 1024 * 1024));
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return Parse(text, KubeconfigOrigin::kLocalFile, folder, options);
}

Result<Kubeconfig> Kubeconfig::Parse(std::string_view text, KubeconfigOrigin origin, const std::string& folder,
                                     KubeconfigOptions options) {
  auto documents = ParseYaml(text);
  // A parser's message may quote the text, which holds keys.
  if (!documents) return Invalid("", "it is no valid YAML (" + documents.error().reason() + ")");
  if (documents->size() != 1) return Invalid("", "exactly one YAML document is expected");
  const json& document = documents->front().value;
  if (!document.is_object()) return Invalid("", "an object is expected");
  MP_TRY(const std::string kind, Text(document, "", "kind"));
  if (!kind.empty() && kind != "Config") return Invalid("/kind", "the kind must be Config");

  Kubeconfig config;
  config.origin_ = origin;
  config.folder_ = folder;
  config.options_ = options;
  MP_TRY(config.current_context_, Text(document, "", "current-context"));
  const auto read_context = [&](const std::string& name, const json& content, const std::string& at) -> Status {
    Context context{name, {}, {}, {}};
    MP_TRY(context.cluster, Text(content, at, "cluster"));
    MP_TRY(context.user, Text(content, at, "user"));
    MP_TRY(context.name_space, Text(content, at, "namespace"));
    config.contexts_.push_back(std::move(context));
    return {};
  };
  MP_CHECK(EachEntry(document, "contexts", "context", read_context));
  const auto read_cluster = [&](const std::string& name, const json& content, const std::string& at) -> Status {
    Cluster cluster;
    cluster.name = name;
    MP_TRY(cluster.server, Text(content, at, "server"));
    MP_TRY(cluster.ca_data, Text(content, at, "certificate-authority-data"));
    MP_TRY(cluster.ca_file, Text(content, at, "certificate-authority"));
    MP_TRY(cluster.tls_server_name, Text(content, at, "tls-server-name"));
    cluster.unsupported = FirstSet(content, {"proxy-url"});
    MP_TRY(cluster.insecure, Flag(content, at, "insecure-skip-tls-verify"));
    config.clusters_.push_back(std::move(cluster));
    return {};
  };
  MP_CHECK(EachEntry(document, "clusters", "cluster", read_cluster));
  const auto read_user = [&](const std::string& name, const json& content, const std::string& at) -> Status {
    User user;
    user.name = name;
    MP_TRY(user.certificate_data, Text(content, at, "client-certificate-data"));
    MP_TRY(user.certificate_file, Text(content, at, "client-certificate"));
    MP_TRY(std::string key, Text(content, at, "client-key-data"));
    user.key_data = Secret(std::move(key));
    MP_TRY(user.key_file, Text(content, at, "client-key"));
    MP_TRY(std::string token, Text(content, at, "token"));
    user.token = Secret(std::move(token));
    MP_TRY(user.token_file, Text(content, at, "tokenFile"));
    MP_TRY(user.username, Text(content, at, "username"));
    MP_TRY(std::string password, Text(content, at, "password"));
    user.password = Secret(std::move(password));
    // Leaving one of these out would make us somebody else.
    user.unsupported = FirstSet(content, {"auth-provider", "as-uid", "as-groups", "as-user-extra"});
    MP_TRY(user.impersonate, Text(content, at, "as"));
    MP_TRY(user.exec, ReadExec(ValueAt(content, "/exec"), at + "/exec"));
    config.users_.push_back(std::move(user));
    return {};
  };
  MP_CHECK(EachEntry(document, "users", "user", read_user));
  return config;
}

std::vector<std::string> Kubeconfig::contexts() const {
  std::vector<std::string> names;
  for (const Context& context : contexts_) names.push_back(context.name);
  return names;
}

Result<Access> Kubeconfig::AccessFor(const std::string& context) const {
  const std::string& wanted = context.empty() ? current_context_ : context;
  const Context* found = Named(contexts_, wanted);
  if (found == nullptr) {
    return NotFound("KUBECONFIG_CONTEXT_UNKNOWN",
                    wanted.empty() ? "the kubeconfig has no current context" : "the kubeconfig has no such context");
  }
  Access access;
  access.context = found->name;
  if (!found->name_space.empty()) access.default_namespace = found->name_space;
  MP_CHECK(FillCluster(found->cluster, access));
  if (!found->user.empty()) MP_CHECK(FillUser(found->user, access));
  return access;
}

Status Kubeconfig::FillCluster(const std::string& name, Access& access) const {
  const Cluster* cluster = Named(clusters_, name);
  if (cluster == nullptr) return Invalid("/clusters", "the context names a cluster that is not there");
  if (!cluster->unsupported.empty()) return Unsupported(cluster->unsupported);
  if (cluster->server.empty()) return Invalid("/clusters", "the cluster has no server");
  if (cluster->insecure && !options_.allow_insecure) {
    return Error(ErrorCode::kPermissionDenied, "KUBECONFIG_INSECURE_FORBIDDEN",
                 "insecure-skip-tls-verify is not allowed here")
        .WithRemediation("Put the cluster's CA into certificate-authority-data.");
  }
  access.server_url = cluster->server;
  access.tls_server_name = cluster->tls_server_name;
  access.insecure_skip_tls_verify = cluster->insecure;
  MP_TRY(access.ca_pem, TextOrFile("/clusters", cluster->ca_data, cluster->ca_file));
  return {};
}

Status Kubeconfig::FillUser(const std::string& name, Access& access) const {
  const User* user = Named(users_, name);
  if (user == nullptr) return Invalid("/users", "the context names a user that is not there");
  if (!user->unsupported.empty()) return Unsupported(user->unsupported);
  MP_TRY(access.client_certificate_pem, TextOrFile("/users", user->certificate_data, user->certificate_file));
  MP_TRY(std::string key, TextOrFile("/users", user->key_data.Reveal(), user->key_file));
  access.client_key_pem = Secret(std::move(key));
  access.token = user->token;
  if (!user->token_file.empty()) {
    // Only checked here: the client reads it when it needs it.
    MP_CHECK(TextOrFile("/users", "", user->token_file));
    access.token_file =
        user->token_file.front() == '/' || folder_.empty() ? user->token_file : folder_ + "/" + user->token_file;
  }
  access.username = user->username;
  access.password = user->password;
  access.impersonate_user = user->impersonate;
  if (!user->exec.argv.empty()) {
    if (origin_ != KubeconfigOrigin::kLocalFile || !options_.allow_exec) {
      return Error(ErrorCode::kPermissionDenied, "KUBECONFIG_EXEC_FORBIDDEN",
                   "the kubeconfig wants to run a credential program, which is not allowed here")
          .WithRemediation("Use a token or a client certificate, or allow exec plugins for this local file.");
    }
    access.exec = user->exec;
    // A program named by a relative path lies beside the kubeconfig; a bare name is found on PATH.
    std::string& program = access.exec.argv.front();
    if (program.front() != '/' && program.find('/') != std::string::npos) program = folder_ + "/" + program;
  }
  return {};
}

Result<std::string> Kubeconfig::TextOrFile(const std::string& user_or_cluster, const std::string& data_base64,
                                           const std::string& file) const {
  if (!data_base64.empty()) {
    auto text = Base64Decode(data_base64);
    if (!text) return Invalid(user_or_cluster, "a data field is no base64");
    return std::move(*text);
  }
  if (file.empty()) return std::string();
  if (origin_ != KubeconfigOrigin::kLocalFile) {
    return Error(ErrorCode::kPermissionDenied, "KUBECONFIG_FILES_FORBIDDEN",
                 "the kubeconfig names a file of this machine, which is not allowed here")
        .WithRemediation("Embed the content (kubectl config view --flatten --raw).");
  }
  return ReadFile(file.front() == '/' || folder_.empty() ? file : folder_ + "/" + file, 1024 * 1024);
}

Result<Access> InClusterAccess(const std::string& folder) {
  const std::string host = Environment("KUBERNETES_SERVICE_HOST");
  const std::string port = Environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return FailedPrecondition("NOT_IN_CLUSTER", "this process does not run in a pod of a Kubernetes cluster")
        .WithRemediation("Name a kubeconfig.");
  }
  Access access;
  access.context = "in-cluster";
  access.server_url = "https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
  MP_TRY(access.ca_pem, ReadFile(folder + "/ca.crt"));
  access.token_file = folder + "/token";
  MP_CHECK(ReadFile(access.token_file));
  auto name_space = ReadFile(folder + "/namespace");
  if (name_space && !name_space->empty()) access.default_namespace = std::move(*name_space);
  return access;
}

}  // namespace meshplay::kube
