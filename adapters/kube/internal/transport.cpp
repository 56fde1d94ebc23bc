#include "adapters/kube/internal/transport.h"

#include <algorithm>
#include <condition_variable>
#include <random>

#include "adapters/kube/internal/answer.h"
#include "libs/http/url.h"

namespace meshplay::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Error Cancelled() {
  return Error(ErrorCode::kCancelled, "CANCELLED", "the call was cancelled");
}

}  // namespace

milliseconds Budget::Left() const {
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()));
}

bool SleepFor(milliseconds length, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, length, [] { return false; });
  return !stop.stop_requested();
}

double RandomFraction() {
  std::random_device source;
  return static_cast<double>(source()) / (static_cast<double>(std::random_device::max()) + 1.0);
}

Result<std::unique_ptr<Transport>> Transport::Create(Access access, const ClientOptions& options) {
  MP_CHECK(http::ParseUrl(access.server_url));
  std::string base = access.server_url;
  while (!base.empty() && base.back() == '/') base.pop_back();
  std::unique_ptr<Transport> transport(new Transport(std::move(access), options));
  transport->base_url_ = std::move(base);
  const Access& checked = transport->access();
  const bool by_program = !checked.exec.argv.empty();
  MP_TRY(transport->client_, transport->MakeClient({"", checked.client_certificate_pem, checked.client_key_pem, 0}));
  transport->generation_ = by_program ? -1 : 0;
  return transport;
}

Result<std::shared_ptr<http::Client>> Transport::MakeClient(const Credentials::Identity& identity) const {
  http::ClientOptions options;
  options.tls.ca_pem = access().ca_pem;
  options.tls.server_name = access().tls_server_name;
  options.tls.verify = !access().insecure_skip_tls_verify;
  options.tls.client_certificate_pem = identity.client_certificate_pem;
  options.tls.client_key_pem = identity.client_key_pem;
  options.user_agent = options_.user_agent;
  options.connect_timeout = options_.connect_timeout;
  MP_TRY(std::unique_ptr<http::Client> client, http::Client::Create(std::move(options)));
  return std::shared_ptr<http::Client>(std::move(client));
}

Result<Transport::Session> Transport::Open(const Budget& budget) {
  MP_TRY(const Credentials::Identity identity, credentials_.Current(budget.stop));
  Session session;
  if (!identity.authorization.empty()) session.headers.push_back({"Authorization", identity.authorization});
  if (!access().impersonate_user.empty()) session.headers.push_back({"Impersonate-User", access().impersonate_user});
  const std::lock_guard lock(mutex_);
  if (generation_ != identity.generation) {
    MP_TRY(client_, MakeClient(identity));
    generation_ = identity.generation;
  }
  session.client = client_;
  return session;
}

http::Request Transport::MakeRequest(const RestRequest& request, const Session& session, const Budget& budget) const {
  http::Request out;
  out.method = request.method;
  out.url = base_url_ + request.path;
  out.headers = session.headers;
  out.headers.push_back({"Accept", request.accept});
  if (!request.content_type.empty()) out.headers.push_back({"Content-Type", request.content_type});
  out.headers.insert(out.headers.end(), request.headers.begin(), request.headers.end());
  out.body = request.body;
  out.timeout = budget.Left();
  out.stop = budget.stop;
  out.max_body_bytes = options_.max_body_bytes;
  return out;
}

Result<http::Response> Transport::Exchange(const RestRequest& request, const Budget& budget) {
  bool renewed = false;
  int attempt = 1;
  while (true) {
    MP_TRY(const Session session, Open(budget));
    auto answer = session.client->Send(MakeRequest(request, session, budget));
    if (answer && answer->status == 401 && !renewed && credentials_.Drop()) {
      renewed = true;
      continue;
    }
    RetryAdvice advice = AdviseRetry(answer, request.repeatable || request.method == http::Method::kGet);
    if (answer && answer->status >= 500 && !request.retry_server_errors) advice.retry = false;
    const milliseconds pause =
        advice.pause.value_or(BackoffPause(options_.retry_base, options_.retry_cap, attempt, RandomFraction()));
    if (!advice.retry || attempt >= options_.max_attempts || pause >= budget.Left()) {
      if (!answer) return ErrorOfTransport(answer.error());
      return answer;
    }
    if (!SleepFor(pause, budget.stop)) return Cancelled();
    ++attempt;
  }
}

Result<http::Response> Transport::Send(const RestRequest& request, const Budget& budget) {
  MP_TRY(http::Response answer, Exchange(request, budget));
  if (answer.status >= 300) return ErrorOfAnswer(answer);
  return answer;
}

Result<nlohmann::json> Transport::SendForJson(const RestRequest& request, const Budget& budget) {
  MP_TRY(const http::Response answer, Send(request, budget));
  return ParseAnswer(answer.body);
}

Result<http::Response> Transport::Stream(const RestRequest& request, const Budget& budget, milliseconds idle_timeout,
                                         const std::function<bool(std::string_view)>& on_chunk) {
  for (bool renewed = false;; renewed = true) {
    MP_TRY(const Session session, Open(budget));
    http::Request message = MakeRequest(request, session, budget);
    message.max_body_bytes = 1024 * 1024;
    auto answer = session.client->Stream(message, {idle_timeout}, on_chunk);
    if (!answer) return ErrorOfTransport(answer.error());
    if (answer->status == 401 && !renewed && credentials_.Drop()) continue;
    if (answer->status >= 300) return ErrorOfAnswer(*answer);
    return answer;
  }
}

Result<http::WebSocketOpening> Transport::OpenWebSocket(const RestRequest& request,
                                                        const http::WebSocketOptions& options, const Budget& budget) {
  for (bool renewed = false;; renewed = true) {
    MP_TRY(const Session session, Open(budget));
    auto opening = http::OpenWebSocket(*session.client, MakeRequest(request, session, budget), options);
    if (!opening) return ErrorOfTransport(opening.error());
    if (!opening->socket && opening->declined.status == 401 && !renewed && credentials_.Drop()) continue;
    return opening;
  }
}

}  // namespace meshplay::kube
