#include "tests/integration/envoy/tls_caller.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace meshplay::test {
namespace {

constexpr int kPatienceSeconds = 20;

int Dial(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  const timeval patience{kPatienceSeconds, 0};
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return socket;
  ::close(socket);
  return -1;
}

bool Present(SSL_CTX* context, const KeyPair& identity) {
  const auto bio = [](const std::string& text) {
    return std::unique_ptr<BIO, decltype(&BIO_free)>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
                                                     &BIO_free);
  };
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      PEM_read_bio_X509(bio(identity.certificate_chain_pem).get(), nullptr, nullptr, nullptr), &X509_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(bio(identity.private_key_pem.Reveal()).get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  return certificate && key && SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
         SSL_CTX_use_PrivateKey(context, key.get()) == 1;
}

}  // namespace

TlsCaller::TlsCaller(int port, int meant_port, const std::string& server_name, const KeyPair* identity)
    : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free), socket_(Dial(port)) {
  if (socket_ < 0 || (identity != nullptr && !Present(context_.get(), *identity))) return;
  const std::string proxy = "PROXY TCP4 127.0.0.1 127.0.0.1 50000 " + std::to_string(meant_port) + "\r\n";
  if (::send(socket_, proxy.data(), proxy.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(proxy.size())) return;
  tls_.reset(SSL_new(context_.get()));
  SSL_set_fd(tls_.get(), socket_);
  SSL_set_tlsext_host_name(tls_.get(), server_name.c_str());
  connected_ = SSL_connect(tls_.get()) == 1;
}

TlsCaller::~TlsCaller() {
  tls_.reset();
  if (socket_ >= 0) ::close(socket_);
}

bool TlsCaller::ReadMore() {
  std::array<char, 16'384> buffer;
  const int count = SSL_read(tls_.get(), buffer.data(), static_cast<int>(buffer.size()));
  if (count <= 0) return false;
  unread_.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

HttpAnswer TlsCaller::Send(const std::string& request) {
  HttpAnswer answer;
  if (!connected_) return answer;
  connected_ = SSL_write(tls_.get(), request.data(), static_cast<int>(request.size())) > 0;
  std::size_t end = std::string::npos;
  while (connected_ && (end = unread_.find("\r\n\r\n")) == std::string::npos) connected_ = ReadMore();
  if (!connected_) return answer;
  std::string head = unread_.substr(0, end + 2);
  unread_.erase(0, end + 4);
  const int status = std::atoi(head.c_str() + std::min(head.find(' '), head.size() - 1));
  std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
  const std::size_t at = head.find("\r\ncontent-length: ");
  const std::size_t length = at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 18, nullptr, 10);
  while (connected_ && unread_.size() < length) connected_ = ReadMore();
  if (!connected_) return answer;
  answer = {status, unread_.substr(0, length)};
  unread_.erase(0, length);
  if (head.find("\r\nconnection: close\r\n") != std::string::npos) connected_ = false;
  return answer;
}

}  // namespace meshplay::test
