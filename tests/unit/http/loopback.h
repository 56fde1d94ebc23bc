#pragma once

#include <openssl/ssl.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace meshplay::testing {

struct SeenRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  ///< Names in lower case.
  std::string body;
  int connection = 0;  ///< Counts from 1 in the order of acceptance.
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// What a handler answers with: whole answers or raw bytes on one connection.
class Wire {
 public:
  Wire(int socket, SSL* tls) : socket_(socket), tls_(tls) {}
  void Answer(int status, const std::string& body, const HeaderList& headers = {});
  void BeginChunked(int status, const HeaderList& headers = {});
  void Chunk(const std::string& data);
  void EndChunked();
  void Raw(const std::string& bytes);
  std::string ReadSome();  ///< Empty when the peer is gone.
  void WaitForPeerToClose();
  void Cut();  ///< Ends the connection after the handler returns.
  bool is_cut() const { return cut_; }

 private:
  int socket_;
  SSL* tls_;
  bool cut_ = false;
};

struct ServerTls {
  std::string certificate_chain_pem;
  std::string private_key_pem;
  std::string client_ca_pem;  ///< Not empty: a client certificate of this authority is required.
};

/// An HTTP/1.1 server on a free loopback port (or the one given) that runs `handler` for every request, one thread a
/// connection.
class LoopbackServer {
 public:
  using Handler = std::function<void(const SeenRequest& request, Wire& wire)>;
  explicit LoopbackServer(Handler handler, std::optional<ServerTls> tls = {}, int port = 0);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& target = "") const;
  std::vector<SeenRequest> seen() const;
  /// Waits until that many requests have arrived; false after 10 seconds.
  bool WaitForRequests(std::size_t count) const;

 private:
  void Accept();
  void Serve(int socket, int number);

  Handler handler_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls_{nullptr, &SSL_CTX_free};
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable seen_changed_;
  std::vector<SeenRequest> seen_;
  std::map<int, int> sockets_;  // connection number to descriptor
  std::vector<std::thread> threads_;
  bool stopping_ = false;
  std::thread acceptor_;
};

/// A loopback port that nothing listens on.
int ClosedPort();

}  // namespace meshplay::testing
