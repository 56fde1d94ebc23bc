#include "adapters/metrics/prometheus.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "libs/base/json.h"
#include "libs/http/client.h"
#include "libs/http/url.h"

namespace meshplay::metrics {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxAddressBytes = 1024;
constexpr std::size_t kMaxAnswerBytes = 16 * 1024 * 1024;
constexpr std::size_t kMaxSamples = 100'000;
constexpr std::size_t kShownBytes = 300;

Error Invalid(std::string detail) {
  return InvalidArgument("PROMETHEUS_ADDRESS_INVALID", "the address of a Prometheus cannot be used")
      .WithViolation("/prometheus", std::move(detail))
      .WithRemediation("Use http://HOST:PORT, https://HOST:PORT or service:NAMESPACE/NAME:PORT.");
}

Error Failed(std::string detail) {
  return Internal("PROMETHEUS_FAILED", "Prometheus did not answer the query: " + detail.substr(0, kShownBytes));
}

bool IsLabel(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Result<PrometheusAddress> ParseService(std::string_view text) {
  PrometheusAddress address;
  const std::size_t slash = text.find('/');
  const std::size_t colon = text.find(':');
  if (slash == std::string_view::npos || colon == std::string_view::npos || colon < slash) {
    return Invalid("a Service is service:NAMESPACE/NAME:PORT");
  }
  const std::size_t prefix = std::min(text.find('/', colon), text.size());
  address.name_space = text.substr(0, slash);
  address.service = text.substr(slash + 1, colon - slash - 1);
  address.port = text.substr(colon + 1, prefix - colon - 1);
  address.prefix = text.substr(prefix);
  while (address.prefix.ends_with('/')) address.prefix.pop_back();
  if (!IsLabel(address.name_space) || !IsLabel(address.service) || !IsLabel(address.port)) {
    return Invalid("namespace, name and port of a Service are DNS labels");
  }
  return address;
}

std::string QueryPath(const std::string& promql) {
  return "/api/v1/query?query=" + http::PercentEncode(promql);
}

}  // namespace

Result<PrometheusAddress> ParseAddress(std::string_view text) {
  constexpr std::string_view kService = "service:";
  if (text.size() > kMaxAddressBytes) return Invalid("is longer than 1 KiB");
  if (text.starts_with(kService)) return ParseService(text.substr(kService.size()));
  if (!text.starts_with("http://") && !text.starts_with("https://")) return Invalid("is neither a URL nor a Service");
  const auto url = http::ParseUrl(text);
  if (!url) return Invalid(url.error().message());
  if (text.find('@') != std::string_view::npos) return Invalid("must not hold a user name or password");
  if (text.find_first_of("?#") != std::string_view::npos) return Invalid("must not hold a query");
  PrometheusAddress address;
  address.url = text;
  while (address.url.ends_with('/')) address.url.pop_back();
  return address;
}

struct Prometheus::State {
  PrometheusAddress address;
  kube::Client* cluster = nullptr;
  std::unique_ptr<http::Client> http;
};

Prometheus::Prometheus(std::unique_ptr<State> state) : state_(std::move(state)) {}
Prometheus::~Prometheus() = default;

Result<std::unique_ptr<Prometheus>> Prometheus::Create(PrometheusAddress address, kube::Client* client) {
  auto state = std::make_unique<State>();
  state->cluster = client;
  if (!address.is_service()) {
    MP_TRY(state->http, http::Client::Create());
  } else if (client == nullptr) {
    return Invalid("a Service needs a cluster");
  }
  state->address = std::move(address);
  return std::unique_ptr<Prometheus>(new Prometheus(std::move(state)));
}

Result<std::vector<Sample>> Prometheus::Query(const std::string& promql, std::chrono::milliseconds timeout) const {
  const PrometheusAddress& address = state_->address;
  int status = 0;
  std::string body;
  if (address.is_service()) {
    kube::Call call;
    call.timeout = timeout;
    auto answer = state_->cluster->ServiceProxyGet(address.name_space, address.service, address.port,
                                                   address.prefix + QueryPath(promql), call);
    if (!answer) return Unavailable("PROMETHEUS_UNREACHABLE", answer.error().message());
    status = answer->status;
    body = std::move(answer->body);
  } else {
    http::Request request;
    request.url = address.url + QueryPath(promql);
    request.timeout = timeout;
    request.max_body_bytes = kMaxAnswerBytes;
    auto answer = state_->http->Send(request);
    if (!answer) return Unavailable("PROMETHEUS_UNREACHABLE", answer.error().message());
    status = answer->status;
    body = std::move(answer->body);
  }
  if (status / 100 != 2) return Failed("status " + std::to_string(status) + ": " + body);
  return ParseVector(body);
}

Result<std::vector<Sample>> ParseVector(std::string_view body) {
  const auto document = ParseJson(body, {kMaxAnswerBytes, 16, 4'000'000});
  if (!document) return Failed(document.error().message());
  const json empty = json::object();
  const auto& data = document->is_object() && document->contains("data") ? (*document)["data"] : empty;
  if (!data.is_object() || data.value("resultType", json()) != "vector" || !data.contains("result")) {
    return Failed("its answer is no vector");
  }
  const json& result = data["result"];
  if (!result.is_array() || result.size() > kMaxSamples) return Failed("its answer has too many series");
  std::vector<Sample> samples;
  for (const json& series : result) {
    Sample sample;
    const bool good = series.is_object() && series.contains("metric") && series["metric"].is_object() &&
                      series.contains("value") && series["value"].is_array() && series["value"].size() == 2 &&
                      series["value"][1].is_string();
    if (!good) return Failed("a series has not the agreed form");
    for (const auto& [label, value] : series["metric"].items()) {
      if (value.is_string()) sample.labels[label] = value.get<std::string>();
    }
    sample.value = std::strtod(series["value"][1].get_ref<const std::string&>().c_str(), nullptr);
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace meshplay::metrics
