#include "tests/unit/http/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace meshplay::testing {
namespace {

int Listen(int& port, int backlog) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int reuse = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("bind");
  if (backlog > 0 && ::listen(listener, backlog) != 0) throw std::runtime_error("listen");
  socklen_t length = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  port = ntohs(address.sin_port);
  return listener;
}

X509* ReadCertificate(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return certificate;
}

SSL_CTX* MakeContext(const ServerTls& tls) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  X509* certificate = ReadCertificate(tls.certificate_chain_pem);
  BIO* bio = BIO_new_mem_buf(tls.private_key_pem.data(), static_cast<int>(tls.private_key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  if (SSL_CTX_use_certificate(context, certificate) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1) {
    throw std::runtime_error("server certificate");
  }
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (!tls.client_ca_pem.empty()) {
    X509* authority = ReadCertificate(tls.client_ca_pem);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
    X509_free(authority);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

std::string Head(int status, const HeaderList& headers) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
  for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
  return head;
}

// Parses one request from the front of `buffer`, reading more as needed; false when the peer is gone.
bool ReadRequest(Wire& wire, std::string& buffer, SeenRequest& request) {
  std::size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = wire.ReadSome();
    if (more.empty()) return false;
    buffer += more;
  }
  const std::string head = buffer.substr(0, end + 2);
  buffer.erase(0, end + 4);
  std::size_t line_begin = 0;
  for (std::size_t line_end; (line_end = head.find("\r\n", line_begin)) != std::string::npos;
       line_begin = line_end + 2) {
    const std::string line = head.substr(line_begin, line_end - line_begin);
    if (line_begin == 0) {
      const auto first = line.find(' ');
      const auto last = line.rfind(' ');
      request.method = line.substr(0, first);
      request.target = line.substr(first + 1, last - first - 1);
      continue;
    }
    const auto colon = line.find(':');
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    request.headers[name] = line.substr(std::min(line.size(), colon + 2));
  }
  const auto length = request.headers.find("content-length");
  const std::size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
  while (buffer.size() < size) {
    const std::string more = wire.ReadSome();
    if (more.empty()) return false;
    buffer += more;
  }
  request.body = buffer.substr(0, size);
  buffer.erase(0, size);
  return true;
}

}  // namespace

void Wire::Raw(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    long count = 0;
    if (tls_ != nullptr) {
      count = SSL_write(tls_, bytes.data() + sent, static_cast<int>(bytes.size() - sent));
    } else {
      count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    }
    if (count <= 0) {
      cut_ = true;
      return;
    }
    sent += static_cast<std::size_t>(count);
  }
}

void Wire::Answer(int status, const std::string& body, const HeaderList& headers) {
  Raw(Head(status, headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

void Wire::BeginChunked(int status, const HeaderList& headers) {
  Raw(Head(status, headers) + "Transfer-Encoding: chunked\r\n\r\n");
}

void Wire::Chunk(const std::string& data) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  Raw(size + data + "\r\n");
}

void Wire::EndChunked() {
  Raw("0\r\n\r\n");
}

std::string Wire::ReadSome() {
  char buffer[16 * 1024];
  const long count =
      tls_ != nullptr ? SSL_read(tls_, buffer, sizeof buffer) : ::recv(socket_, buffer, sizeof buffer, 0);
  return count <= 0 ? std::string() : std::string(buffer, static_cast<std::size_t>(count));
}

void Wire::WaitForPeerToClose() {
  while (!ReadSome().empty()) {
  }
  cut_ = true;
}

void Wire::Cut() {
  cut_ = true;
}

LoopbackServer::LoopbackServer(Handler handler, std::optional<ServerTls> tls, int port)
    : handler_(std::move(handler)), port_(port) {
  if (tls) tls_.reset(MakeContext(*tls));
  listener_ = Listen(port_, 64);
  acceptor_ = std::thread([this] { Accept(); });
}

LoopbackServer::~LoopbackServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    for (const auto& [number, socket] : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string LoopbackServer::url(const std::string& target) const {
  return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_) + target;
}

std::vector<SeenRequest> LoopbackServer::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

bool LoopbackServer::WaitForRequests(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return seen_changed_.wait_for(lock, std::chrono::seconds(60), [&] { return seen_.size() >= count; });
}

void LoopbackServer::Accept() {
  int number = 0;
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      ::close(socket);
      return;
    }
    sockets_[++number] = socket;
    threads_.emplace_back([this, socket, number] { Serve(socket, number); });
  }
}

void LoopbackServer::Serve(int socket, int number) {
  // OpenSSL writes without MSG_NOSIGNAL, and peers that hang up are part of the tests.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  {
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(tls_ ? SSL_new(tls_.get()) : nullptr, &SSL_free);
    bool open = true;
    if (ssl) {
      SSL_set_fd(ssl.get(), socket);
      open = SSL_accept(ssl.get()) == 1;
    }
    Wire wire(socket, ssl.get());
    std::string buffer;
    while (open && !wire.is_cut()) {
      SeenRequest request;
      request.connection = number;
      if (!ReadRequest(wire, buffer, request)) break;
      {
        const std::lock_guard lock(mutex_);
        seen_.push_back(request);
      }
      seen_changed_.notify_all();
      handler_(request, wire);
    }
  }
  const std::lock_guard lock(mutex_);
  sockets_.erase(number);
  ::close(socket);
}

int ClosedPort() {
  int port = 0;
  ::close(Listen(port, 0));
  return port;
}

}  // namespace meshplay::testing
