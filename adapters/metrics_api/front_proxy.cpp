#include "adapters/metrics_api/front_proxy.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/url/pct_string_view.hpp>
#include <cctype>
#include <nlohmann/json.hpp>

#include "adapters/kube/object.h"
#include "libs/base/json.h"
#include "libs/base/tls.h"

namespace meshplay::metrics_api {
namespace {

using nlohmann::json;

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
void FreeChain(STACK_OF(X509) * chain) {
  sk_X509_pop_free(chain, X509_free);
}
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Chain = std::unique_ptr<STACK_OF(X509), FreeWith<FreeChain>>;
using Store = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using Verification = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
using Text = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

int NoPassphrase(char*, int, int, void*) {
  return -1;
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Error Unknown(const std::string& what) {
  ERR_clear_error();
  return FailedPrecondition("FRONT_PROXY_UNKNOWN", "ConfigMap kube-system/extension-apiserver-authentication " + what)
      .WithRemediation("The cluster's API server needs its aggregation flags (--requestheader-client-ca-file, ...).");
}

Result<Store> StoreOf(const std::string& pem) {
  const Text text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Store store(X509_STORE_new());
  int count = 0;
  while (text && store) {
    const Certificate certificate(PEM_read_bio_X509(text.get(), nullptr, NoPassphrase, nullptr));
    if (!certificate) break;
    if (X509_STORE_add_cert(store.get(), certificate.get()) == 1) ++count;
  }
  if (count == 0) return Unknown("names no authority of front proxies (requestheader-client-ca-file)");
  ERR_clear_error();
  // An intermediate in the list is an anchor too, as it is for the API server itself.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return store;
}

/// A list of texts that the API server keeps as JSON; nothing when it is something else.
std::optional<std::vector<std::string>> ListOf(const json& config_map, const char* key) {
  const std::string text = kube::TextAt(config_map, std::string("/data/") + key);
  std::vector<std::string> list;
  if (text.empty()) return list;
  const auto parsed = ParseJson(text);
  if (!parsed || !parsed->is_array()) return std::nullopt;
  for (const json& entry : *parsed) {
    if (!entry.is_string()) return std::nullopt;
    list.push_back(entry.get<std::string>());
  }
  return list;
}

Certificate FromDer(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return Certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

std::string CommonNameOf(const std::string& der) {
  const auto pem = DerToPem(der);
  if (!pem) return {};
  const auto fields = ReadCertificate(*pem);
  return fields ? fields->subject_common_name : std::string();
}

std::string Unescaped(const std::string& text) {
  const auto view = boost::urls::make_pct_string_view(text);
  return view ? view->decode() : text;
}

}  // namespace

struct FrontProxy::State {
  Store store;
  std::vector<std::string> allowed_names;
  std::vector<std::string> user_headers, uid_headers, group_headers, extra_prefixes;  ///< In lower case.
};

FrontProxy::FrontProxy(std::unique_ptr<const State> state) : state_(std::move(state)) {}
FrontProxy::~FrontProxy() = default;

Result<std::shared_ptr<const FrontProxy>> FrontProxy::Read(const json& config_map) {
  auto state = std::make_unique<State>();
  MP_TRY(state->store, StoreOf(kube::TextAt(config_map, "/data/requestheader-client-ca-file")));
  const std::pair<const char*, std::vector<std::string>*> lists[] = {
      {"requestheader-allowed-names", &state->allowed_names},
      {"requestheader-username-headers", &state->user_headers},
      {"requestheader-uid-headers", &state->uid_headers},
      {"requestheader-group-headers", &state->group_headers},
      {"requestheader-extra-headers-prefix", &state->extra_prefixes}};
  for (const auto& [key, target] : lists) {
    auto list = ListOf(config_map, key);
    if (!list) return Unknown(std::string("has no list of texts at ") + key);
    *target = std::move(*list);
    if (target == &state->allowed_names) continue;
    for (std::string& name : *target) name = Lower(std::move(name));
  }
  if (state->user_headers.empty()) return Unknown("names no header for users (requestheader-username-headers)");
  return std::shared_ptr<const FrontProxy>(new FrontProxy(std::move(state)));
}

bool FrontProxy::Trusts(const std::vector<std::string>& client_chain_der) const {
  if (client_chain_der.empty()) return false;
  const Certificate leaf = FromDer(client_chain_der.front());
  const Chain others(sk_X509_new_null());
  const Verification verification(X509_STORE_CTX_new());
  if (!leaf || !others || !verification) return false;
  for (std::size_t i = 1; i < client_chain_der.size(); ++i) {
    Certificate other = FromDer(client_chain_der[i]);
    if (other && sk_X509_push(others.get(), other.get()) > 0) static_cast<void>(other.release());
  }
  const bool verified = X509_STORE_CTX_init(verification.get(), state_->store.get(), leaf.get(), others.get()) == 1 &&
                        X509_STORE_CTX_set_purpose(verification.get(), X509_PURPOSE_SSL_CLIENT) == 1 &&
                        X509_verify_cert(verification.get()) == 1;
  ERR_clear_error();
  if (!verified) return false;
  const std::vector<std::string>& names = state_->allowed_names;
  return names.empty() || std::find(names.begin(), names.end(), CommonNameOf(client_chain_der.front())) != names.end();
}

std::optional<RemoteUser> FrontProxy::UserOf(const std::vector<http::Header>& headers) const {
  const auto first = [&headers](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      for (const http::Header& header : headers) {
        if (Lower(header.name) == name && !header.value.empty()) return header.value;
      }
    }
    return std::string();
  };
  RemoteUser user;
  user.name = first(state_->user_headers);
  if (user.name.empty()) return std::nullopt;
  user.uid = first(state_->uid_headers);
  for (const http::Header& header : headers) {
    const std::string name = Lower(header.name);
    const std::vector<std::string>& groups = state_->group_headers;
    if (std::find(groups.begin(), groups.end(), name) != groups.end()) user.groups.push_back(header.value);
    for (const std::string& prefix : state_->extra_prefixes) {
      if (name.size() <= prefix.size() || !name.starts_with(prefix)) continue;
      user.extra[Unescaped(name.substr(prefix.size()))].push_back(header.value);
    }
  }
  return user;
}

}  // namespace meshplay::metrics_api
