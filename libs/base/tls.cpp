#include "libs/base/tls.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>
#include <memory>

#include "libs/base/ids.h"

namespace meshplay {
namespace {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, FreeWith<Free>>;

void FreeNames(GENERAL_NAMES* names) {
  GENERAL_NAMES_free(names);
}

using Bio = Owned<BIO, BIO_free_all>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;
using Request = Owned<X509_REQ, X509_REQ_free>;
using Names = Owned<GENERAL_NAMES, FreeNames>;

constexpr std::size_t kMaxInput = 64 * 1024;
/// Machines whose clock is a little behind must accept a fresh certificate.
constexpr std::int64_t kBackdateSeconds = 300;

/// The library's own texts stay out of errors; its queue must not leak into the next call of this thread.
Error Failed(const char* what) {
  ERR_clear_error();
  return Internal("TLS_FAILED", what);
}
Error BadCertificate(const char* what) {
  ERR_clear_error();
  return InvalidArgument("CERTIFICATE_INVALID", what);
}
Error BadCsr(const char* what) {
  ERR_clear_error();
  return InvalidArgument("CSR_INVALID", what);
}

const unsigned char* Bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// Never asks a person for a passphrase.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Key NewKey() {
  return Key(EVP_EC_gen("P-256"));
}

Result<Secret> KeyToPem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Failed("a private key could not be written");
  }
  return Secret(TextOf(bio.get()));
}

Result<std::string> CertificateToPem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return Failed("a certificate could not be written");
  return TextOf(bio.get());
}

Result<Certificate> CertificateFromPem(const std::string& pem) {
  if (pem.size() > kMaxInput * 16) return BadCertificate("the certificate text is too large");
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr) : nullptr);
  if (!certificate) return BadCertificate("the text holds no PEM certificate");
  return certificate;
}

Result<Key> KeyFromPem(const Secret& pem) {
  if (pem.Reveal().size() > kMaxInput) return BadCertificate("the private key text is too large");
  const Bio bio(BIO_new_mem_buf(pem.Reveal().data(), static_cast<int>(pem.Reveal().size())));
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr) : nullptr);
  if (!key) return BadCertificate("the private key cannot be read");
  return key;
}

Result<Request> CsrFromDer(const std::string& der) {
  if (der.size() > kMaxInput) return BadCsr("the certificate request is too large");
  const unsigned char* at = Bytes(der);
  Request request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  if (!request || at != Bytes(der) + der.size()) return BadCsr("the certificate request cannot be read");
  return request;
}

bool IsPrintableAscii(const std::string& text) {
  return !text.empty() && text.size() <= 2048 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool AddName(GENERAL_NAMES* names, int type, const unsigned char* data, std::size_t size) {
  Owned<ASN1_STRING, ASN1_STRING_free> value(
      ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
  Owned<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
  if (!value || !name || ASN1_STRING_set(value.get(), data, static_cast<int>(size)) != 1) return false;
  GENERAL_NAME_set0_value(name.get(), type, value.release());
  if (sk_GENERAL_NAME_push(names, name.get()) <= 0) return false;
  static_cast<void>(name.release());
  return true;
}

bool AddAddress(GENERAL_NAMES* names, const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  const bool v6 = text.find(':') != std::string::npos;
  if (::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) != 1) return false;
  return AddName(names, GEN_IPADD, bytes.data(), v6 ? 16 : 4);
}

Status AddAlternativeNames(X509* certificate, const CertificateRequest& request) {
  const Names names(sk_GENERAL_NAME_new_null());
  if (!names) return Failed("out of memory");
  for (const std::string& name : request.uri_names) {
    if (!IsPrintableAscii(name) || name.find(':') == std::string::npos)
      return BadCertificate("a URI name is not valid");
    if (!AddName(names.get(), GEN_URI, Bytes(name), name.size())) return Failed("a name could not be added");
  }
  for (const std::string& name : request.dns_names) {
    if (!IsPrintableAscii(name) || name.size() > 253) return BadCertificate("a DNS name is not valid");
    if (!AddName(names.get(), GEN_DNS, Bytes(name), name.size())) return Failed("a name could not be added");
  }
  for (const std::string& address : request.ip_addresses) {
    if (address.find('\0') != std::string::npos || !AddAddress(names.get(), address)) {
      return BadCertificate("an IP address is not valid");
    }
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) return {};
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) != 1) {
    return Failed("the names could not be added");
  }
  return {};
}

/// `value` is one of our own constants: OpenSSL's extension language must never see input.
bool AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION, X509_EXTENSION_free> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

Status SetCommonName(X509_NAME* name, const std::string& common_name) {
  const bool printable = std::all_of(common_name.begin(), common_name.end(),
                                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
  if (common_name.empty() || common_name.size() > 64 || !printable ||
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, Bytes(common_name), static_cast<int>(common_name.size()),
                                 -1, 0) != 1) {
    return BadCertificate("the common name must have 1 to 64 printable characters");
  }
  return {};
}

/// A version 3 certificate with serial, times, subject and key; no issuer, no extensions, no signature.
Result<Certificate> NewCertificate(const std::string& common_name, EVP_PKEY* key, std::chrono::seconds lifetime,
                                   UnixMs now) {
  constexpr std::int64_t kHundredYears = 100LL * 366 * 86'400;
  if (lifetime.count() <= 0 || lifetime.count() > kHundredYears) return BadCertificate("the lifetime is out of range");
  Certificate certificate(X509_new());
  std::string serial = RandomBytes(16);
  serial[0] = static_cast<char>((static_cast<unsigned char>(serial[0]) & 0x3fU) | 0x40U);  // Positive, full length.
  const Owned<BIGNUM, BN_free> number(BN_bin2bn(Bytes(serial), static_cast<int>(serial.size()), nullptr));
  if (!certificate || !number ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) == nullptr ||
      X509_set_version(certificate.get(), X509_VERSION_3) != 1 || X509_set_pubkey(certificate.get(), key) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), now / 1000 - kBackdateSeconds) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), now / 1000 + lifetime.count()) == nullptr) {
    return Failed("a certificate could not be made");
  }
  MP_CHECK(SetCommonName(X509_get_subject_name(certificate.get()), common_name));
  return certificate;
}

Result<std::string> IssueFor(EVP_PKEY* subject_key, const KeyPair& authority, const CertificateRequest& request,
                             UnixMs now) {
  MP_TRY(const Certificate issuer, CertificateFromPem(authority.certificate_chain_pem));
  MP_TRY(const Key issuer_key, KeyFromPem(authority.private_key_pem));
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1 || X509_check_ca(issuer.get()) != 1) {
    return BadCertificate("the authority is not a CA or its key does not fit");
  }
  MP_TRY(const Certificate leaf, NewCertificate(request.common_name, subject_key, request.lifetime, now));
  MP_CHECK(AddAlternativeNames(leaf.get(), request));
  const char* const usages = request.server_auth ? (request.client_auth ? "serverAuth,clientAuth" : "serverAuth")
                                                 : (request.client_auth ? "clientAuth" : nullptr);
  if (X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer.get())) != 1 ||
      !AddExtension(leaf.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(leaf.get(), issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      (usages != nullptr && !AddExtension(leaf.get(), issuer.get(), NID_ext_key_usage, usages)) ||
      !AddExtension(leaf.get(), issuer.get(), NID_subject_key_identifier, "hash") ||
      !AddExtension(leaf.get(), issuer.get(), NID_authority_key_identifier, "keyid") ||
      X509_sign(leaf.get(), issuer_key.get(), EVP_sha256()) == 0) {
    return Failed("a certificate could not be signed");
  }
  return CertificateToPem(leaf.get());
}

UnixMs ToUnixMs(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return static_cast<UnixMs>(::timegm(&parts)) * 1000;
}

void ReadAlternativeNames(X509* certificate, CertificateFields& fields) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const auto* const value =
        static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type));
    if (type != GEN_URI && type != GEN_DNS && type != GEN_IPADD) continue;
    const auto* const data = ASN1_STRING_get0_data(value);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(value));
    if (type != GEN_IPADD) {
      (type == GEN_URI ? fields.uri_names : fields.dns_names).emplace_back(reinterpret_cast<const char*>(data), size);
      continue;
    }
    char text[INET6_ADDRSTRLEN];
    const int family = size == 4 ? AF_INET : AF_INET6;
    if ((size == 4 || size == 16) && ::inet_ntop(family, data, text, sizeof text) != nullptr) {
      fields.ip_addresses.emplace_back(text);
    }
  }
}

std::string SerialHex(X509* certificate) {
  const Owned<BIGNUM, BN_free> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!number) return {};
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(bytes.data()));
  return HexEncode(bytes);
}

Result<std::string> CertificateToDer(X509* certificate) {
  unsigned char* data = nullptr;
  const int size = i2d_X509(certificate, &data);
  if (size <= 0) return Failed("a certificate could not be written");
  std::string der(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return der;
}

}  // namespace

Result<KeyPair> NewCertificateAuthority(const std::string& common_name, std::chrono::seconds lifetime, UnixMs now) {
  const Key key = NewKey();
  if (!key) return Failed("a key could not be made");
  MP_TRY(const Certificate certificate, NewCertificate(common_name, key.get(), lifetime, now));
  X509* const raw = certificate.get();
  if (X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
      !AddExtension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !AddExtension(raw, raw, NID_subject_key_identifier, "hash") || X509_sign(raw, key.get(), EVP_sha256()) == 0) {
    return Failed("a certificate authority could not be made");
  }
  MP_TRY(Secret key_pem, KeyToPem(key.get()));
  MP_TRY(std::string pem, CertificateToPem(raw));
  return KeyPair{std::move(key_pem), std::move(pem)};
}

Result<KeyPair> IssueKeyPair(const KeyPair& authority, const CertificateRequest& request, UnixMs now) {
  const Key key = NewKey();
  if (!key) return Failed("a key could not be made");
  MP_TRY(std::string pem, IssueFor(key.get(), authority, request, now));
  MP_TRY(Secret key_pem, KeyToPem(key.get()));
  return KeyPair{std::move(key_pem), std::move(pem)};
}

Result<std::string> SignCsr(const KeyPair& authority, const std::string& csr_der, const CertificateRequest& request,
                            UnixMs now) {
  constexpr int kMinimumStrength = 112;  // RSA 2048; P-256 has 128.
  MP_TRY(const Request csr, CsrFromDer(csr_der));
  EVP_PKEY* const key = X509_REQ_get0_pubkey(csr.get());
  if (key == nullptr || X509_REQ_verify(csr.get(), key) != 1) {
    return BadCsr("the signature of the certificate request is wrong");
  }
  if (EVP_PKEY_get_security_bits(key) < kMinimumStrength) return BadCsr("the key of the certificate request is weak");
  return IssueFor(key, authority, request, now);
}

Result<KeyAndCsr> NewKeyAndCsr(const std::string& common_name) {
  const Key key = NewKey();
  const Request csr(X509_REQ_new());
  if (!key || !csr) return Failed("a key could not be made");
  MP_CHECK(SetCommonName(X509_REQ_get_subject_name(csr.get()), common_name));
  if (X509_REQ_set_version(csr.get(), 0) != 1 || X509_REQ_set_pubkey(csr.get(), key.get()) != 1 ||
      X509_REQ_sign(csr.get(), key.get(), EVP_sha256()) == 0) {
    return Failed("a certificate request could not be made");
  }
  unsigned char* data = nullptr;
  const int size = i2d_X509_REQ(csr.get(), &data);
  if (size <= 0) return Failed("a certificate request could not be written");
  std::string der(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  MP_TRY(Secret key_pem, KeyToPem(key.get()));
  return KeyAndCsr{std::move(key_pem), std::move(der)};
}

Result<std::string> CsrPublicKeyDigest(const std::string& csr_der) {
  MP_TRY(const Request csr, CsrFromDer(csr_der));
  unsigned char* data = nullptr;
  const int size = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(csr.get()), &data);
  if (size <= 0) return BadCsr("the certificate request has no key");
  const std::string info(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return Sha256Hex(info);
}

Result<CertificateFields> ReadCertificate(const std::string& certificate_pem) {
  MP_TRY(const Certificate certificate, CertificateFromPem(certificate_pem));
  X509* const raw = certificate.get();
  CertificateFields fields;
  X509_NAME* const subject = X509_get_subject_name(raw);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size >= 0) {
      fields.subject_common_name.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
      OPENSSL_free(text);
    }
  }
  ReadAlternativeNames(raw, fields);
  fields.not_before_unix_ms = ToUnixMs(X509_get0_notBefore(raw));
  fields.not_after_unix_ms = ToUnixMs(X509_get0_notAfter(raw));
  fields.serial_hex = SerialHex(raw);
  MP_TRY(const std::string der, CertificateToDer(raw));
  fields.fingerprint_sha256_hex = Sha256Hex(der);
  fields.is_ca = X509_check_ca(raw) == 1;
  ERR_clear_error();
  return fields;
}

Result<std::string> PemToDer(const std::string& certificate_pem) {
  MP_TRY(const Certificate certificate, CertificateFromPem(certificate_pem));
  return CertificateToDer(certificate.get());
}

Result<std::string> DerToPem(const std::string& certificate_der) {
  if (certificate_der.size() > kMaxInput) return BadCertificate("the certificate is too large");
  const unsigned char* at = Bytes(certificate_der);
  const Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(certificate_der.size())));
  if (!certificate || at != Bytes(certificate_der) + certificate_der.size()) {
    return BadCertificate("the certificate cannot be read");
  }
  return CertificateToPem(certificate.get());
}

}  // namespace meshplay
