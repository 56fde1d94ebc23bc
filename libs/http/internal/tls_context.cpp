#include "libs/http/internal/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/buffer.hpp>
#include <boost/system/system_error.hpp>
#include <memory>

namespace meshplay::http {
namespace {

namespace ssl = boost::asio::ssl;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

// An encrypted key must fail instead of asking on the terminal.
int NoPassword(char*, int, int, void*) {
  return -1;
}

Error Invalid(const char* what) {
  ERR_clear_error();
  return InvalidArgument("TLS_MATERIAL_INVALID", what);
}

// Asio's own loader accepts text without any certificate.
Status AddAuthorities(SSL_CTX* context, const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (true) {
    const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, &NoPassword, nullptr), &X509_free);
    if (!certificate) break;
    if (X509_STORE_add_cert(store, certificate.get()) != 1) return Invalid("the CA certificate cannot be used");
    ++count;
  }
  const auto last = ERR_peek_last_error();
  if (count == 0 || ERR_GET_REASON(last) != PEM_R_NO_START_LINE) return Invalid("the CA certificate is no valid PEM");
  ERR_clear_error();
  // An intermediate in the list is an anchor too, as it is for Go clients.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

Status UseKeyPair(ssl::context& context, const TlsOptions& options) {
  if (options.client_certificate_pem.empty() != options.client_key_pem.empty()) {
    return Invalid("a client certificate and its key must come together");
  }
  if (options.client_certificate_pem.empty()) return {};
  boost::system::error_code ec;
  context.use_certificate_chain(boost::asio::buffer(options.client_certificate_pem), ec);
  if (ec) return Invalid("the client certificate is no valid PEM");
  const std::string& key = options.client_key_pem.Reveal();
  context.use_private_key(boost::asio::buffer(key), ssl::context::pem, ec);
  if (ec) return Invalid("the client key is no valid unencrypted PEM, or belongs to another certificate");
  if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
    return Invalid("the client key belongs to another certificate");
  }
  return {};
}

}  // namespace

Result<ssl::context> MakeTlsContext(const TlsOptions& options) {
  try {
    ERR_clear_error();
    ssl::context context(ssl::context::tls_client);
    SSL_CTX* native = context.native_handle();
    SSL_CTX_set_default_passwd_cb(native, &NoPassword);
    if (SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1) return Invalid("TLS 1.2 is not available");
    if (options.ca_pem.empty()) {
      SSL_CTX_set_default_verify_paths(native);
    } else {
      MP_CHECK(AddAuthorities(native, options.ca_pem));
    }
    context.set_verify_mode(options.verify ? ssl::verify_peer : ssl::verify_none);
    MP_CHECK(UseKeyPair(context, options));
    return Result<ssl::context>(std::move(context));
  } catch (const boost::system::system_error&) {
    return Invalid("a TLS context cannot be made");
  }
}

}  // namespace meshplay::http
