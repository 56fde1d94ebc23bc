#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/result.h"
#include "libs/base/secret.h"

namespace meshplay::kube {

/// A program that prints an ExecCredential (client.authentication.k8s.io/v1). Run without a shell.
struct ExecCredentialCommand {
  std::vector<std::string> argv;                   ///< Empty: none. argv[0] is a path or is found on PATH.
  std::map<std::string, std::string> environment;  ///< Added to PATH and HOME of this process; nothing else is passed.
  std::string api_version;
  bool provide_cluster_description = false;  ///< KUBERNETES_EXEC_INFO names the server and its CA as well.
};

/// All that is needed to talk to one API server as one identity. PEM texts are already read; the token file is read
/// again while the client lives because service account tokens rotate.
struct Access {
  std::string context;          ///< Name of the kubeconfig context; "in-cluster" for a service account.
  std::string server_url;       ///< "https://host:port", perhaps with a path.
  std::string ca_pem;           ///< Empty: the system's authorities.
  std::string tls_server_name;  ///< Empty: the host of server_url.
  bool insecure_skip_tls_verify = false;
  std::string client_certificate_pem;
  Secret client_key_pem;
  Secret token;
  std::string token_file;  ///< Wins over `token`.
  std::string username;    ///< HTTP basic, with `password`.
  Secret password;
  ExecCredentialCommand exec;
  std::string default_namespace = "default";
  std::string impersonate_user;
};

/// Where a kubeconfig comes from decides what it may ask of this machine.
enum class KubeconfigOrigin {
  kLocalFile,  ///< A file of the adapter's own machine, named by whoever started the adapter.
  kReceived,   ///< Bytes from elsewhere (a secret from the server): may not name files or programs.
};

struct KubeconfigOptions {
  bool allow_exec = false;      ///< Run exec credential plugins; only ever for kLocalFile.
  bool allow_insecure = false;  ///< Honour insecure-skip-tls-verify; otherwise such a cluster is refused.
};

/// A parsed kubeconfig. Threads: const methods from any thread.
class Kubeconfig {
 public:
  /// Reads a file of this machine; relative file names inside it are relative to its folder.
  /// Errors: those of ReadFile; kInvalidArgument KUBECONFIG_INVALID with a pointer into the document.
  static Result<Kubeconfig> Load(const std::string& path, KubeconfigOptions options = {});

  /// Parses text. `folder` resolves relative names of a kLocalFile.
  static Result<Kubeconfig> Parse(std::string_view text, KubeconfigOrigin origin, const std::string& folder = "",
                                  KubeconfigOptions options = {});

  std::vector<std::string> contexts() const;  ///< In file order.
  const std::string& current_context() const { return current_context_; }

  /// Resolves a context ("" is the current one) and reads the files it names.
  /// Errors: kNotFound KUBECONFIG_CONTEXT_UNKNOWN; kInvalidArgument KUBECONFIG_INVALID; kPermissionDenied
  /// KUBECONFIG_EXEC_FORBIDDEN, KUBECONFIG_FILES_FORBIDDEN, KUBECONFIG_INSECURE_FORBIDDEN; kUnimplemented
  /// KUBECONFIG_UNSUPPORTED for proxy-url, auth-provider and impersonation beyond a user name; those of ReadFile.
  Result<Access> AccessFor(const std::string& context = "") const;

 private:
  Kubeconfig() = default;
  Status FillCluster(const std::string& name, Access& access) const;
  Status FillUser(const std::string& name, Access& access) const;
  Result<std::string> TextOrFile(const std::string& user_or_cluster, const std::string& data_base64,
                                 const std::string& file) const;

  struct Context {
    std::string name, cluster, user, name_space;
  };
  struct Cluster {
    std::string name, server, ca_data, ca_file, tls_server_name;
    std::string unsupported;  ///< A key that changes the meaning and that we do not have.
    bool insecure = false;
  };
  struct User {
    std::string name, certificate_data, certificate_file, token_file, username, impersonate;
    Secret key_data, token, password;
    std::string key_file;
    std::string unsupported;
    ExecCredentialCommand exec;
  };
  std::vector<Context> contexts_;
  std::vector<Cluster> clusters_;
  std::vector<User> users_;
  std::string current_context_;
  KubeconfigOrigin origin_ = KubeconfigOrigin::kReceived;
  std::string folder_;
  KubeconfigOptions options_;
};

/// The identity of the pod this process runs in (KUBERNETES_SERVICE_HOST/PORT and the mounted service account).
/// Errors: kFailedPrecondition NOT_IN_CLUSTER; those of ReadFile.
Result<Access> InClusterAccess(const std::string& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

}  // namespace meshplay::kube
