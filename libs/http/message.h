#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/secret.h"

namespace meshplay::http {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete };

struct Header {
  std::string name;
  std::string value;
};

struct TlsOptions {
  std::string ca_pem;  ///< Trust anchors; empty: the system's.
  std::string client_certificate_pem;
  Secret client_key_pem;
  std::string server_name;  ///< For SNI and verification; empty: the URL's host.
  bool verify = true;       ///< False accepts any certificate.
};

struct Request {
  Method method = Method::kGet;
  std::string url;
  std::vector<Header> headers = {};  ///< Host, Content-Length, Connection and User-Agent are set by the client.
  std::string body = {};
  std::chrono::milliseconds timeout{30'000};  ///< Everything from name look-up to the last byte of the answer.
  std::stop_token stop = {};                  ///< Ends the call at once from any thread: kCancelled CANCELLED.
  std::size_t max_body_bytes = 16 * 1024 * 1024;
};

struct Response {
  int status = 0;
  std::vector<Header> headers;
  std::string body;
  std::string_view HeaderValue(std::string_view name) const;  ///< First match, any case; empty when absent.
};

}  // namespace meshplay::http
