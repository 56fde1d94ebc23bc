#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace meshplay {

/// A fresh UUIDv7 (RFC 9562 §5.7) in lower-case text form. Ids made by one process sort in the order they were made,
/// also within a millisecond. Threads: any.
std::string NewUuidV7();

/// A random UUIDv4, for values that must not tell when they were made. Threads: any.
std::string NewUuidV4();

bool IsUuid(std::string_view text);  ///< 8-4-4-4-12 lower-case hexadecimal digits.

/// True for names people choose: `[a-z]([a-z0-9-]{0,61}[a-z0-9])?`.
bool IsResourceName(std::string_view text);

/// A name-based id: the same parts give the same UUID (v8 layout over SHA-256), used where a server id is a function
/// of facts, such as (cluster uid, mesh type, mesh key). Parts are length-prefixed, so ("a","bc") differs from
/// ("ab","c").
std::string DeriveUuid(std::initializer_list<std::string_view> parts);

/// `count` bytes from the system's random source. Threads: any.
std::string RandomBytes(std::size_t count);

std::string HexEncode(std::string_view bytes);                   ///< Lower case.
std::string Base64UrlEncode(std::string_view bytes);             ///< No padding.
std::string Sha256(std::string_view bytes);                      ///< 32 raw bytes.
std::string Sha256Hex(std::string_view bytes);                   ///< 64 hexadecimal digits.
bool EqualConstantTime(std::string_view a, std::string_view b);  ///< Time depends on the lengths only.

}  // namespace meshplay
