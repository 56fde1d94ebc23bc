#include "libs/http/client.h"

#include <algorithm>
#include <cctype>

#include "libs/http/internal/core.h"
#include "libs/http/internal/exchange.h"
#include "libs/http/internal/tls_context.h"

namespace meshplay::http {
namespace {

bool EqualNoCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

bool IsTokenCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string PoolKey(const Url& url) {
  return (url.tls ? "s|" : "p|") + url.host + "|" + std::to_string(url.port);
}

}  // namespace

std::string_view Response::HeaderValue(std::string_view name) const {
  for (const Header& header : headers) {
    if (EqualNoCase(header.name, name)) return header.value;
  }
  return {};
}

Status CheckHeaders(const std::vector<Header>& headers) {
  for (const Header& header : headers) {
    const bool name_ok = !header.name.empty() && std::all_of(header.name.begin(), header.name.end(), IsTokenCharacter);
    const bool value_ok = std::none_of(header.value.begin(), header.value.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
    if (!name_ok || !value_ok) {
      return InvalidArgument("HTTP_HEADER_INVALID", "a request header holds characters that HTTP does not allow");
    }
  }
  return {};
}

std::unique_ptr<Connection> Client::Core::TakeIdle(const Url& url) {
  const std::string key = PoolKey(url);
  std::vector<Idle> dropped;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  const Bound::Time oldest = std::chrono::steady_clock::now() - options_.max_idle_time;
  std::unique_ptr<Connection> found;
  std::vector<Idle> kept;
  for (auto it = idle_.rbegin(); it != idle_.rend(); ++it) {
    if (it->since < oldest) {
      dropped.push_back(std::move(*it));
    } else if (!found && it->key == key) {
      if (it->connection->LooksAlive()) {
        found = std::move(it->connection);
      } else {
        dropped.push_back(std::move(*it));
      }
    } else {
      kept.push_back(std::move(*it));
    }
  }
  std::reverse(kept.begin(), kept.end());
  idle_ = std::move(kept);
  return found;
}

void Client::Core::Keep(const Url& url, std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  if (options_.max_idle_connections == 0) return;
  if (idle_.size() >= options_.max_idle_connections) idle_.erase(idle_.begin());
  idle_.push_back({PoolKey(url), std::move(connection), std::chrono::steady_clock::now()});
}

Result<std::unique_ptr<Connection>> Client::Core::Open(const Url& url, const Bound& bound) {
  auto connection = Connection::Open(url, tls_, options_.tls, bound.Within(options_.connect_timeout));
  if (!connection && bound.Passed() && connection.error().reason() == "HTTP_UNREACHABLE") {
    return Error(meshplay::ErrorCode::kDeadlineExceeded, "HTTP_TIMEOUT", connection.error().message())
        .WithMetadata("request_sent", "no");
  }
  return connection;
}

Result<Response> Client::Core::Call(const Request& request, const StreamOptions* stream,
                                    const std::function<bool(std::string_view)>& on_chunk) {
  MP_TRY(const Url url, ParseUrl(request.url));
  MP_CHECK(CheckHeaders(request.headers));
  const Bound bound{Bound::After(request.timeout), request.stop};
  bool may_resend = request.method == Method::kGet || request.method == Method::kHead;
  std::unique_ptr<Connection> connection = TakeIdle(url);
  if (!connection) may_resend = false;
  while (true) {
    if (!connection) {
      MP_TRY(connection, Open(url, bound));
    }
    Exchange exchange(*connection, request, url, options_.user_agent, bound);
    auto answer = stream != nullptr ? exchange.Stream(*stream, on_chunk) : exchange.Whole();
    if (answer) {
      if (exchange.reusable() && !request.stop.stop_requested()) Keep(url, std::move(connection));
      return answer;
    }
    if (!may_resend || exchange.answer_begun() || answer.error().reason() != "HTTP_CONNECTION_LOST") return answer;
    may_resend = false;
    connection.reset();
  }
}

Client::Client(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  auto tls = MakeTlsContext(options.tls);
  if (!tls) return std::move(tls).error();
  return std::unique_ptr<Client>(new Client(std::make_unique<Core>(std::move(options), std::move(*tls))));
}

Result<Response> Client::Send(const Request& request) {
  return core_->Call(request, nullptr, {});
}

Result<Response> Client::Stream(const Request& request, const StreamOptions& options,
                                const std::function<bool(std::string_view chunk)>& on_chunk) {
  return core_->Call(request, &options, on_chunk);
}

}  // namespace meshplay::http
