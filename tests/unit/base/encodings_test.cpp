#include <catch2/catch.hpp>

#include "libs/base/base64.h"
#include "libs/base/duration.h"
#include "libs/base/gzip.h"
#include "libs/base/utf8.h"

namespace meshplay {

using std::chrono::milliseconds;

TEST_CASE("Base64 gives the values of RFC 4648 and reads them back") {
  const std::pair<std::string, std::string> values[] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xfb\xff", "+/8="}};
  for (const auto& [bytes, text] : values) {
    CHECK(Base64Encode(bytes) == text);
    CHECK(*Base64Decode(text) == bytes);
  }
}

TEST_CASE("Base64 that is not strict is refused") {
  for (const char* text : {"Zg", "Zg=", "Zg===", "====", "=", "Zh==", "Zm9=", "Z g=", "Zm8\n", "Zg==Zg==", "-_8="}) {
    INFO(text);
    const auto bytes = Base64Decode(text);
    REQUIRE_FALSE(bytes);
    CHECK(bytes.error().reason() == "BASE64_INVALID");
  }
}

TEST_CASE("gzip goes both ways, also with several members and without content") {
  const std::string text(300'000, 'x');
  const std::string packed = *Gzip(text);
  CHECK(packed.size() < 2'000);
  CHECK(packed == *Gzip(text));
  CHECK(*Gunzip(packed, text.size()) == text);
  CHECK(*Gunzip(*Gzip("a") + *Gzip("b"), 10) == "ab");
  CHECK(*Gunzip(*Gzip(""), 0) == "");
}

TEST_CASE("a gzip bomb, damaged, cut and followed data are refused") {
  const std::string bomb = *Gzip(std::string(50'000'000, '\0'));
  CHECK(Gunzip(bomb, 1'000'000).error().reason() == "GZIP_TOO_LARGE");
  const std::string good = *Gzip("hello hello hello");
  std::string damaged = good;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);
  for (const std::string& bad :
       {damaged, good.substr(0, good.size() - 1), good + "x", std::string(), std::string("x")}) {
    const auto content = Gunzip(bad, 1000);
    REQUIRE_FALSE(content);
    CHECK(content.error().reason() == "GZIP_INVALID");
  }
}

TEST_CASE("durations are read and written") {
  CHECK(*ParseDuration("250ms") == milliseconds(250));
  CHECK(*ParseDuration("3.5s") == milliseconds(3'500));
  CHECK(*ParseDuration("2m") == milliseconds(120'000));
  CHECK(*ParseDuration("1h30m") == milliseconds(5'400'000));
  for (const std::int64_t ms : {0, 1, 250, 3'500, 60'000, 5'400'000, 3'600'001, 61'020}) {
    CHECK(*ParseDuration(FormatDuration(milliseconds(ms))) == milliseconds(ms));
  }
  CHECK(FormatDuration(milliseconds(5'400'000)) == "1h30m");
  CHECK(FormatDuration(milliseconds(-1'500)) == "-1.5s");
  for (const char* text : {"", "1", "s", "-1s", "+1s", "1s1m", "1s1s", "1 s", "nanh", "infs", "1e9h", "999999999h",
                           "1d", "1.2.3s", " 1s"}) {
    INFO(text);
    CHECK_FALSE(ParseDuration(text));
  }
}

TEST_CASE("UTF-8 is checked strictly") {
  for (const char* good : {"", "a", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"})
    CHECK(IsUtf8(good));
  for (const char* bad : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"}) {
    CHECK_FALSE(IsUtf8(bad));
  }
  CHECK(CountCodePoints("a\xC3\xA4\xF0\x9F\x98\x80") == 3);
}

}  // namespace meshplay
