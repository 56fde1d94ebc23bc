#include "tests/unit/conformance/gate.h"

#include <poll.h>
#include <re2/re2.h>
#include <sys/socket.h>
#include <algorithm>
#include <list>
#include <numeric>
#include <sstream>

#include "adapters/conformance/app/exchange.h"

namespace meshplay::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

Gate::Gate(std::map<std::string, Service> services) : services_(std::move(services)) {
  for (const auto& [name, service] : services_) {
    for (const auto& [port, targets] : service.ports) {
      Listener& listener = listeners_.emplace_back();
      listener.service = name;
      listener.port = port;
      std::string error;
      listener.socket = conformance_app::Listen(0, false, listener.bound, error);
      if (!listener.socket.open()) throw std::runtime_error(error);
    }
  }
  loop_ = std::jthread([this](const std::stop_token& stop) { Serve(stop); });
}

Gate::~Gate() {
  loop_.request_stop();
  loop_.join();
}

int Gate::PortOf(const std::string& service, int port) const {
  for (const Listener& listener : listeners_) {
    if (listener.service == service && listener.port == port) return listener.bound;
  }
  return 1;  // nobody listens there
}

void Gate::SetDocuments(std::vector<json> documents) {
  const std::lock_guard lock(mutex_);
  coming_ = std::move(documents);
  if (delay_ == 0) documents_ = coming_;
}

void Gate::Serve(const std::stop_token& stop) {
  std::list<std::jthread> handlers;
  std::vector<pollfd> waiting;
  for (const Listener& listener : listeners_) waiting.push_back({listener.socket.descriptor(), POLLIN, 0});
  while (!stop.stop_requested()) {
    if (::poll(waiting.data(), waiting.size(), 20) <= 0) {
      handlers.clear();
      continue;
    }
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if ((waiting[i].revents & POLLIN) == 0) continue;
      conformance_app::Socket socket(::accept4(waiting[i].fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket.open()) continue;
      handlers.emplace_back([this, i, socket = std::move(socket)] { Handle(listeners_[i], socket); });
      if (handlers.size() > 64) handlers.clear();
    }
  }
}

const json* Gate::Find(const std::string& kind, const std::string& name) const {
  for (const json& document : documents_) {
    if (document["kind"] == kind && document["metadata"]["name"] == name) return &document;
  }
  return nullptr;
}

bool Gate::GroupMatches(const json& reference, const Asked& asked) const {
  const json* group = Find("HTTPRouteGroup", reference["name"]);
  if (group == nullptr) return false;
  const json wanted = reference.value("matches", json::array());
  for (const json& match : (*group)["spec"]["matches"]) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), match["name"]) == wanted.end()) continue;
    bool good = RE2::FullMatch(asked.path, "(?:" + match.value("pathRegex", std::string(".*")) + ").*");
    const json methods = match.value("methods", json::array({"*"}));
    good = good && std::any_of(methods.begin(), methods.end(),
                               [&](const json& method) { return method == "*" || method == asked.method; });
    for (const json& header : match.value("headers", json::array())) {
      for (const auto& [name, pattern] : header.items()) {
        const auto found = asked.headers.find(Lower(name));
        good = good && found != asked.headers.end() && RE2::FullMatch(found->second, pattern.get<std::string>());
      }
    }
    if (good) return true;
  }
  return false;
}

bool Gate::RuleMatches(const json& rule, int port, const Asked& asked) const {
  if (rule["kind"] == "HTTPRouteGroup") return GroupMatches(rule, asked);
  const json* route = Find(rule["kind"], rule["name"]);
  if (route == nullptr || rule["kind"] != "TCPRoute") return false;
  const json& ports = (*route)["spec"]["matches"]["ports"];
  return ports.empty() || std::find(ports.begin(), ports.end(), port) != ports.end();
}

bool Gate::Allows(const std::string& app, int port, const Asked& asked) const {
  const auto account = [](const std::string& name) { return "service-" + name.substr(name.find('-') + 1); };
  bool enforced = false;
  for (const json& document : documents_) {
    if (document["kind"] != "TrafficTarget") continue;
    enforced = true;
    const json& spec = document["spec"];
    if (spec["destination"]["name"] != account(app)) continue;
    const json& sources = spec["sources"];
    const bool known = std::any_of(sources.begin(), sources.end(),
                                   [&](const json& source) { return source["name"] == account(asked.caller); });
    const json& rules = spec["rules"];
    if (known &&
        std::any_of(rules.begin(), rules.end(), [&](const json& rule) { return RuleMatches(rule, port, asked); })) {
      return true;
    }
  }
  return !enforced;
}

std::string Gate::Choose(const Listener& listener, const Asked& asked) {
  const auto evenly = [this](const std::vector<std::string>& apps) {
    return apps.empty() ? std::string() : apps[static_cast<std::size_t>(turn_++) % apps.size()];
  };
  const std::vector<std::string>& own = services_.at(listener.service).apps;
  for (const json& document : documents_) {
    if (document["kind"] != "TrafficSplit" || document["spec"]["service"] != listener.service) continue;
    const json& spec = document["spec"];
    const json matches = spec.value("matches", json::array());
    const bool matched = matches.empty() || std::any_of(matches.begin(), matches.end(),
                                                        [&](const json& match) { return GroupMatches(match, asked); });
    if (!matched) continue;
    std::vector<std::string> tickets;
    for (const json& backend : spec["backends"]) {
      const Service& service = services_.at(backend["service"]);
      if (service.ports.count(listener.port) == 0) continue;
      const int weight = mode_ == GateMode::kIgnoresWeights ? 1 : backend["weight"].get<int>();
      for (int i = 0; i < weight; ++i) {
        tickets.insert(tickets.end(), service.apps.begin(), service.apps.end());
        if (service.apps.size() == 1) tickets.push_back(service.apps.front());
      }
    }
    return evenly(tickets);
  }
  return evenly(own);
}

void Gate::Handle(const Listener& listener, const conformance_app::Socket& socket) {
  const auto until = std::chrono::steady_clock::now() + 30s;
  std::string received;
  bool ended = false;
  std::size_t head_end = std::string::npos;
  std::size_t body_size = 0;
  Asked asked;
  while (!ended) {
    if (!conformance_app::ReceiveSome(socket, received, ended, until).empty()) return;
    head_end = received.find("\r\n\r\n");
    if (head_end == std::string::npos) continue;
    std::istringstream head(received.substr(0, head_end));
    std::string line;
    std::getline(head, line);
    std::istringstream(line) >> asked.method >> asked.path;
    while (std::getline(head, line)) {
      const auto colon = line.find(": ");
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (colon != std::string::npos) asked.headers[Lower(line.substr(0, colon))] = line.substr(colon + 2);
    }
    asked.caller = asked.headers["servicename"];
    body_size = asked.headers.count("content-length") != 0 ? std::stoul(asked.headers["content-length"]) : 0;
    if (received.size() >= head_end + 4 + body_size) break;
  }
  const auto answer = [&](int status, const std::string& body) {
    conformance_app::SendAll(socket,
                             "HTTP/1.1 " + std::to_string(status) + " X\r\nConnection: close\r\nContent-Length: " +
                                 std::to_string(body.size()) + "\r\n\r\n" + body,
                             until);
  };
  std::string app;
  bool allowed = false;
  {
    const std::lock_guard lock(mutex_);
    if (delay_ > 0 && --delay_ == 0) documents_ = coming_;
    app = Choose(listener, asked);
    allowed = !app.empty() && Allows(app, listener.port, asked);
    if (mode_ == GateMode::kAllowsAll) allowed = true;
    if (mode_ == GateMode::kFlapping && ++flaps_ % 4 == 0) allowed = !allowed;
  }
  if (app.empty()) return answer(503, "no healthy upstream");
  if (!allowed) {
    if (mode_ == GateMode::kDropsDenied) return;
    return mode_ == GateMode::kUnavailable ? answer(503, "no healthy upstream") : answer(403, "RBAC: access denied");
  }
  if (mode_ == GateMode::kAnswersItself) return answer(200, "hello");
  const int port = services_.at(listener.service).ports.at(listener.port).count(app) != 0
                       ? services_.at(listener.service).ports.at(listener.port).at(app)
                       : services_.at(app).ports.at(listener.port).at(app);
  conformance_app::Wanted wanted{"http://127.0.0.1:" + std::to_string(port) + asked.path,
                                 asked.method,
                                 received.substr(head_end + 4),
                                 {{"ServiceName", asked.caller}}};
  const auto began = std::chrono::steady_clock::now();
  const conformance_app::Answer got = conformance_app::Exchange(wanted, 30s);
  const int status = got.status == 0 ? 502 : got.status;
  if (observer_) observer_({asked.caller, app, status, std::chrono::steady_clock::now() - began});
  answer(status, got.body);
}

}  // namespace meshplay::test
