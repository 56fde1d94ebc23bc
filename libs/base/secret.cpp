#include "libs/base/secret.h"

#include <openssl/crypto.h>

namespace meshplay {

Secret::~Secret() {
  // Up to the capacity: a moved-from short string still holds its characters behind an empty size.
  value_.resize(value_.capacity());
  OPENSSL_cleanse(value_.data(), value_.size());
}

}  // namespace meshplay
