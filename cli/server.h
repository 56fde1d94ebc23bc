#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/exit_codes.h"
#include "libs/base/result.h"
#include "libs/base/secret.h"
#include "libs/http/client.h"

namespace meshplay::cli {

/// Where the server is and who asks: from flags, MESHPLAY_SERVER and MESHPLAY_TOKEN, or what `login` saved.
struct Connection {
  std::string server_url = "http://127.0.0.1:9081";
  Secret token;
  std::string ca_path;  ///< PEM of the authority of an HTTPS server; empty: the system's.
};

/// ~/.config/meshplay/config.json (or $XDG_CONFIG_HOME), mode 0600.
std::string ConfigPath();
Connection LoadConnection(const std::string& server_flag, const std::string& ca_flag);
Status SaveConnection(const Connection& connection);

/// The REST API as the commands see it: JSON in, JSON or an Error with its exit code out.
/// Threads: one.
class Server {
 public:
  static Result<Server> Connect(Connection connection);

  Result<nlohmann::ordered_json> Get(const std::string& path);
  Result<std::string> GetText(const std::string& path);  ///< An answer that is no JSON, as it came.
  Result<nlohmann::ordered_json> Post(const std::string& path, const nlohmann::json& body,
                                      const std::map<std::string, std::string>& headers = {});
  /// `etag` is the one that the change is based on.
  Result<nlohmann::ordered_json> Put(const std::string& path, const nlohmann::json& body, const std::string& etag);
  Result<nlohmann::ordered_json> Delete(const std::string& path, const std::string& etag);
  /// Every page of a list: the field `items_name` of all answers joined, at most `limit` items.
  Result<nlohmann::ordered_json> List(const std::string& path, const std::string& items_name, std::size_t limit);
  /// Follows an event stream; `on_event` gets id, name and data, false ends it.
  Status Follow(const std::string& path, const std::string& last_event_id,
                const std::function<bool(const std::string&, const std::string&, const std::string&)>& on_event);

  const std::string& url() const { return connection_.server_url; }

 private:
  Server(Connection connection, std::unique_ptr<http::Client> client);
  Result<std::string> AskText(http::Request request);
  Result<nlohmann::ordered_json> Ask(http::Request request);
  http::Request NewRequest(http::Method method, const std::string& path) const;

  Connection connection_;
  std::unique_ptr<http::Client> client_;
};

/// One segment of a path, encoded: an id from the command line reaches no other path.
std::string Segment(const std::string& text);

/// Query text: "a=1&b=x%20y", without empty values.
std::string Query(const std::map<std::string, std::string>& parameters);

/// Prints an error with its remedy to stderr and says how to exit.
int Fail(const Error& error);

}  // namespace meshplay::cli
