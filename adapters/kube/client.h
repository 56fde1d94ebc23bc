#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kube/kubeconfig.h"
#include "adapters/kube/object.h"
#include "libs/base/result.h"

namespace meshplay::kube {

class Discovery;
class Transport;
struct Budget;

struct ClientOptions {
  std::string user_agent = "meshplay-adapter";
  std::chrono::milliseconds connect_timeout{5'000};  ///< Name look-up, TCP and TLS.
  std::chrono::milliseconds call_timeout{10'000};    ///< One call with all its attempts; see Call::timeout.
  int max_attempts = 4;                              ///< Of one call, the first included.
  std::chrono::milliseconds retry_base{200};         ///< First pause; doubles with jitter up to retry_cap.
  std::chrono::milliseconds retry_cap{5'000};
  std::size_t max_body_bytes = 64 * 1024 * 1024;
  std::size_t max_watch_event_bytes = 16 * 1024 * 1024;
  int list_page_size = 500;
};

/// What every call takes: a way to end it from another thread, and how long it may take with all its attempts.
struct Call {
  std::stop_token stop = {};  ///< A request to stop ends the call at once: kCancelled CANCELLED.
  std::optional<std::chrono::milliseconds> timeout = {};  ///< Unset: ClientOptions::call_timeout.
};

struct ServerVersion {
  std::string git_version;  ///< "v1.37.2"
  int major = 0;
  int minor = 0;
  std::string platform;
};

/// One served resource.
struct ResourceType {
  Gvk gvk;
  std::string plural;
  bool namespaced = false;
  std::vector<std::string> verbs;
  bool preferred_version = false;  ///< The group's preferred version.
  bool Can(std::string_view verb) const;
};

struct Selection {
  std::string name_space = {};      ///< Empty: every namespace.
  std::string label_selector = {};  ///< Kubernetes syntax, "app=web,tier!=x".
  std::string field_selector = {};  ///< "metadata.name=web".
};

struct ObjectList {
  std::vector<nlohmann::json> items;  ///< With apiVersion and kind filled in.
  std::string resource_version;       ///< Of the whole list: where a watch goes on.
};

enum class ChangeKind { kAdded, kModified, kDeleted, kBookmark };

struct Change {
  ChangeKind kind;
  const nlohmann::json& object;  ///< Valid during the callback only. A bookmark holds only its resourceVersion.
};

struct WatchOptions {
  std::string resource_version;
  std::chrono::seconds server_timeout{300};  ///< The server ends the watch after about this long.
  bool bookmarks = true;
};

/// Why a watch ended without an error.
enum class WatchEnd {
  kServerClosed,   ///< Normal: watch again from last_resource_version.
  kExpired,        ///< 410: the resource version is too old; list again.
  kHandlerStopped  ///< The handler returned false.
};

struct WatchOutcome {
  WatchEnd end = WatchEnd::kServerClosed;
  std::string last_resource_version;  ///< Of the last change or bookmark seen; else the one asked for.
};

struct ApplyOptions {
  std::string field_manager;  ///< Required: "meshplay-<mesh type>".
  bool force = false;         ///< Take over fields of other managers.
  bool dry_run = false;       ///< Everything but the write.
};

struct WriteOptions {
  std::string field_manager = "meshplay";
  bool dry_run = false;
};

/// A write's answer: the object as stored (or as it would be).
struct WriteOutcome {
  nlohmann::json object;
  bool created = false;  ///< Apply made a new object (HTTP 201).
};

enum class Propagation { kBackground, kForeground, kOrphan };

struct DeleteOptions {
  std::string uid = {};               ///< Precondition: only this incarnation.
  std::string resource_version = {};  ///< Precondition: only this state.
  Propagation propagation = Propagation::kBackground;
  std::optional<int> grace_period_seconds = {};
  bool dry_run = false;
};

enum class DeleteEnd { kGone, kAlreadyAbsent, kWaitingForFinalizers };

struct AccessQuestion {
  std::string verb;  ///< "create", "patch", "delete", ...
  std::string group;
  std::string resource;  ///< Plural; "pods/exec" names a subresource.
  std::string name_space = {};
  std::string name = {};
  bool operator==(const AccessQuestion&) const = default;
};

struct AccessAnswer {
  AccessQuestion question;
  bool allowed = false;
};

struct ExecRequest {
  std::string name_space;
  std::string pod;
  std::string container = {};
  std::vector<std::string> command;  ///< Argument vector; no shell.
  std::string stdin_text = {};       ///< Sent whole, then closed; empty: no stdin at all.
  std::size_t max_output_bytes = 1024 * 1024;
};

struct ExecOutcome {
  int exit_code = -1;
  std::string stdout_text;
  std::string stderr_text;
};

struct ProxyAnswer {
  int status = 0;  ///< What the pod or Service answered, whatever it is.
  std::string content_type;
  std::string body;
};

/// A client of one API server as one identity.
///
/// Threads:   any thread may call any method at the same time; each call blocks its thread and uses one connection.
/// Ownership: keeps no reference to anything of the caller's.
/// Retries:   429 and 5xx, failed connections and lost answers are tried again inside a call's timeout, with jittered
///            pauses and Retry-After obeyed. A write is sent again only when a second delivery is harmless (apply,
///            delete with uid, update with resourceVersion) or the server has certainly not acted on the first.
/// Proxies:   none are used, whatever the environment says.
/// Errors of every call (others are named at the method):
///   kUnavailable        TARGET_UNREACHABLE (metadata request_sent=yes|no), TARGET_SERVER_ERROR
///   kResourceExhausted  TARGET_THROTTLED (with retry_after), TARGET_ANSWER_TOO_LARGE
///   kUnauthenticated    TARGET_UNAUTHENTICATED;  kPermissionDenied TARGET_FORBIDDEN
///   kDeadlineExceeded   TARGET_TIMEOUT (metadata request_sent=yes|no);  kCancelled CANCELLED
///   kNotFound           KIND_UNKNOWN (the server does not serve the kind), OBJECT_NOT_FOUND
///   kInvalidArgument    OBJECT_INVALID, OBJECT_NAME_INVALID;  kInternal TARGET_ANSWER_INVALID
/// of writes also:
///   kAborted            OBJECT_CONFLICT, FIELD_CONFLICT (metadata managers, fields)
///   kAlreadyExists      OBJECT_EXISTS
///   kFailedPrecondition ADMISSION_DENIED (metadata webhook when known), NAMESPACE_TERMINATING, QUOTA_EXCEEDED
class Client {
 public:
  /// Checks the material (URL, PEM) without any network traffic.
  /// Errors: kInvalidArgument HTTP_URL_INVALID, TLS_MATERIAL_INVALID.
  static Result<std::unique_ptr<Client>> Create(Access access, ClientOptions options = {});
  ~Client();  ///< No call may be in progress.
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& server_url() const;
  const std::string& default_namespace() const;

  // --- the cluster ---
  Result<std::string> ClusterUid(const Call& call = {});  ///< UID of the namespace kube-system: the cluster's identity.
  Result<ServerVersion> Version(const Call& call = {});
  /// Asks /readyz. False when the server says it is not ready.
  Result<bool> Ready(const Call& call = {});

  // --- discovery ---
  /// Every served resource of every version. Cached until DropDiscovery() or an answer that shows it is stale.
  /// Groups whose aggregated server does not answer are left out and named by StaleGroups().
  Result<std::vector<ResourceType>> ResourceTypes(const Call& call = {});
  Result<std::vector<std::string>> StaleGroups(const Call& call = {});
  /// The resource of a kind; asks the server again when the cache does not know it.
  Result<ResourceType> Resolve(const Gvk& gvk, const Call& call = {});
  /// The preferred served version of a kind, or nothing when the kind is not served.
  Result<std::optional<ResourceType>> FindKind(const std::string& group, const std::string& kind,
                                               const Call& call = {});
  void DropDiscovery();

  // --- reading ---
  Result<nlohmann::json> Get(const ObjectRef& ref, const Call& call = {});
  /// As Get, but absence of the object or of its whole kind is a value.
  Result<std::optional<nlohmann::json>> Find(const ObjectRef& ref, const Call& call = {});
  /// The whole list of one consistent moment, fetched in pages. When a page token expires under way the list starts
  /// over without pages.
  Result<ObjectList> List(const Gvk& gvk, const Selection& selection = {}, const Call& call = {});
  /// Delivers changes on the calling thread until the server ends the watch, `handler` returns false or the call is
  /// stopped (an error, kCancelled). Not retried; see Reflector. Call::timeout bounds the wait for the first byte only.
  Result<WatchOutcome> Watch(const Gvk& gvk, const Selection& selection, const WatchOptions& options,
                             const std::function<bool(const Change&)>& handler, const Call& call = {});

  // --- writing ---
  /// Server-side apply with strict field validation. `object` is the full desired set of fields of this manager.
  Result<WriteOutcome> Apply(const nlohmann::json& object, const ApplyOptions& options, const Call& call = {});
  Result<WriteOutcome> Create(const nlohmann::json& object, const WriteOptions& options = {}, const Call& call = {});
  /// Replaces the object; metadata.resourceVersion in `object` makes it a compare-and-swap (OBJECT_CONFLICT).
  Result<WriteOutcome> Update(const nlohmann::json& object, const WriteOptions& options = {}, const Call& call = {});
  Result<WriteOutcome> MergePatch(const ObjectRef& ref, const nlohmann::json& patch, const WriteOptions& options = {},
                                  const Call& call = {});
  Result<WriteOutcome> JsonPatch(const ObjectRef& ref, const nlohmann::json& patch, const WriteOptions& options = {},
                                 const Call& call = {});
  /// MergePatch on the status subresource.
  Result<WriteOutcome> MergePatchStatus(const ObjectRef& ref, const nlohmann::json& patch,
                                        const WriteOptions& options = {}, const Call& call = {});
  /// Asks for deletion. Absence is a value; a failed precondition is OBJECT_CONFLICT.
  Result<DeleteEnd> Delete(const ObjectRef& ref, const DeleteOptions& options = {}, const Call& call = {});
  /// Delete, then watches until that incarnation is gone. Errors: kDeadlineExceeded OBJECT_NOT_GONE_IN_TIME with
  /// metadata finalizers.
  Status DeleteAndWait(const ObjectRef& ref, const DeleteOptions& options, std::chrono::milliseconds wait,
                       std::stop_token stop = {});

  // --- pods ---
  /// GET through the API server's pod proxy. `port` may be a number or "https:8443"; `path` starts with "/".
  Result<ProxyAnswer> PodProxyGet(const std::string& name_space, const std::string& pod, const std::string& port,
                                  const std::string& path, const Call& call = {});
  /// The same to one of a Service's pods, chosen by the API server.
  Result<ProxyAnswer> ServiceProxyGet(const std::string& name_space, const std::string& service,
                                      const std::string& port, const std::string& path, const Call& call = {});
  /// Runs a program in a container (v5.channel.k8s.io WebSocket). Errors also: kResourceExhausted
  /// EXEC_OUTPUT_TOO_LARGE; kFailedPrecondition EXEC_FAILED when it did not start.
  Result<ExecOutcome> Exec(const ExecRequest& request, const Call& call = {});

  // --- permissions ---
  /// One SelfSubjectAccessReview a question, in order.
  Result<std::vector<AccessAnswer>> CanI(const std::vector<AccessQuestion>& questions, const Call& call = {});

 private:
  Client(std::unique_ptr<Transport> transport, ClientOptions options);
  Budget BudgetOf(const Call& call) const;
  Result<ProxyAnswer> ProxyGet(std::string (*path_of)(const std::string&, const std::string&),
                               const std::string& name_space, const std::string& name, const std::string& port,
                               const std::string& path, const Call& call);
  Result<ResourceType> ResolveWithin(const Gvk& gvk, const Budget& budget);
  Result<std::string> CollectionPath(const Gvk& gvk, const std::string& name_space, const Budget& budget);
  Result<std::string> ObjectPath(const ObjectRef& ref, const Budget& budget);
  Result<WriteOutcome> Patch(const ObjectRef& ref, const nlohmann::json& patch, const char* media_type,
                             const char* subresource, const WriteOptions& options, const Call& call);
  Error Noticed(Error error);
  const ClientOptions options_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Discovery> discovery_;
};

}  // namespace meshplay::kube
