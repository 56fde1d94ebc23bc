#include <catch2/catch.hpp>

#include "libs/http/url.h"

using meshplay::http::ParseUrl;
using meshplay::http::PercentEncode;

TEST_CASE("a URL is split into what a request needs", "[http]") {
  const auto url = ParseUrl("https://Api.Example.com:6443/base/x?limit=1&a=%2F");
  REQUIRE(url);
  CHECK(url->tls);
  CHECK(url->host == "api.example.com");
  CHECK(url->port == 6443);
  CHECK(url->target == "/base/x?limit=1&a=%2F");
  CHECK(url->authority == "Api.Example.com:6443");
}

TEST_CASE("a URL without port and path gets the defaults of its scheme", "[http]") {
  const auto plain = ParseUrl("http://localhost");
  REQUIRE(plain);
  CHECK_FALSE(plain->tls);
  CHECK(plain->port == 80);
  CHECK(plain->target == "/");
  CHECK(plain->authority == "localhost");

  const auto v6 = ParseUrl("https://[::1]:443/");
  REQUIRE(v6);
  CHECK(v6->host == "::1");
  CHECK(v6->authority == "[::1]");
}

TEST_CASE("URLs that a client should not follow are refused", "[http]") {
  const std::string bad =
      GENERATE(as<std::string>{}, "", "localhost:80", "ftp://x/", "https://user:pw@host/", "https://host/#part",
               "https:///path", "https://host:99999/", "https://host:0/", "https://ho st/", "https://host/a b");
  INFO(bad);
  const auto url = ParseUrl(bad);
  REQUIRE_FALSE(url);
  CHECK(url.error().reason() == "HTTP_URL_INVALID");
  CHECK(url.error().message().find("pw") == std::string::npos);
}

TEST_CASE("percent encoding leaves only unreserved characters", "[http]") {
  CHECK(PercentEncode("aZ0-._~") == "aZ0-._~");
  CHECK(PercentEncode("a b/c?d=e&f%\xc3\xa9") == "a%20b%2Fc%3Fd%3De%26f%25%C3%A9");
}
