#include "server/security/sealer.h"

#include <sodium.h>

#include "libs/base/files.h"
#include "libs/base/ids.h"

namespace meshplay::security {
namespace {

constexpr std::size_t kKeyBytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::string_view kVersion = "1";  // First character of sealed texts: the layout, for later keys.

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

Error Broken() {
  return InvalidArgument("SEAL_BROKEN", "the value was not made by this server for this use");
}

}  // namespace

Result<Sealer> Sealer::Open(const std::string& data_directory) {
  if (sodium_init() < 0) return Internal("CRYPTO_FAILED", "libsodium does not start");
  const std::string folder = data_directory + "/keys";
  const std::string path = folder + "/seal.key";
  MP_CHECK(MakeDirectory(folder, 0700));
  Result<std::string> key = ReadFile(path, 4096);
  if (!key && key.error().code() == ErrorCode::kNotFound) {
    std::string fresh = RandomBytes(kKeyBytes);
    MP_CHECK(WriteFileAtomically(path, fresh, 0600));
    return Sealer(std::move(fresh));
  }
  if (!key) return key.error();
  if (key->size() != kKeyBytes) {
    return FailedPrecondition("SEAL_KEY_BROKEN", "the sealing key in the data folder has the wrong length")
        .WithRemediation("Restore keys/seal.key from a backup; without it stored secrets cannot be read.");
  }
  return Sealer(std::move(*key));
}

std::string Sealer::Seal(std::string_view purpose, std::string_view plain) const {
  std::string box(kNonceBytes + plain.size() + kTagBytes, '\0');
  randombytes_buf(Bytes(box), kNonceBytes);
  unsigned long long written = 0;
  crypto_aead_xchacha20poly1305_ietf_encrypt(Bytes(box) + kNonceBytes, &written, Bytes(plain), plain.size(),
                                             Bytes(purpose), purpose.size(), nullptr, Bytes(box), Bytes(key_));
  box.resize(kNonceBytes + written);
  return std::string(kVersion) + Base64UrlEncode(box);
}

Result<std::string> Sealer::Unseal(std::string_view purpose, std::string_view sealed) const {
  if (!sealed.starts_with(kVersion)) return Broken();
  const std::string_view text = sealed.substr(kVersion.size());
  std::string box(text.size(), '\0');
  std::size_t length = 0;
  const char* end = nullptr;
  if (sodium_base642bin(Bytes(box), box.size(), text.data(), text.size(), nullptr, &length, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != text.data() + text.size() || length < kNonceBytes + kTagBytes) {
    return Broken();
  }
  std::string plain(length - kNonceBytes - kTagBytes, '\0');
  unsigned long long written = 0;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(Bytes(plain), &written, nullptr, Bytes(box) + kNonceBytes,
                                                 length - kNonceBytes, Bytes(purpose), purpose.size(), Bytes(box),
                                                 Bytes(key_)) != 0) {
    return Broken();
  }
  plain.resize(written);
  return plain;
}

}  // namespace meshplay::security
