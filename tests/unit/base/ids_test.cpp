#include "libs/base/ids.h"

#include <catch2/catch.hpp>
#include <set>
#include <type_traits>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/log.h"
#include "libs/base/secret.h"

namespace meshplay {

TEST_CASE("version 7 ids are unique, well formed and sort in the order they were made") {
  std::string previous;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = NewUuidV7();
    REQUIRE(IsUuid(id));
    REQUIRE(id[14] == '7');
    REQUIRE(std::string_view("89ab").find(id[19]) != std::string_view::npos);
    REQUIRE(previous < id);
    previous = id;
  }
}

TEST_CASE("version 4 ids are well formed and differ") {
  const std::string id = NewUuidV4();
  CHECK(IsUuid(id));
  CHECK(id[14] == '4');
  CHECK(id != NewUuidV4());
}

TEST_CASE("only lower-case hexadecimal of the right shape is a UUID") {
  CHECK(IsUuid("00000000-0000-0000-0000-00000000000f"));
  CHECK_FALSE(IsUuid("00000000-0000-0000-0000-00000000000F"));
  CHECK_FALSE(IsUuid("00000000-0000-0000-0000-00000000000"));
  CHECK_FALSE(IsUuid("00000000000000000000000000000000000f"));
  CHECK_FALSE(IsUuid(""));
}

TEST_CASE("resource names follow the rule of names people choose") {
  for (const std::string_view good : {"a", "a1", "prod-eu-1"}) CHECK(IsResourceName(good));
  CHECK(IsResourceName(std::string(63, 'a')));
  for (const std::string_view bad : {"", "1a", "-a", "a-", "A", "a_b", "a.b", "a b", "\xC3\xA4"}) {
    CHECK_FALSE(IsResourceName(bad));
  }
  CHECK_FALSE(IsResourceName(std::string(64, 'a')));
}

TEST_CASE("derived ids depend on every part and on where parts end") {
  const std::string id = DeriveUuid({"cluster", "istio", "istio-system"});
  CHECK(IsUuid(id));
  CHECK(id[14] == '8');
  CHECK(id == DeriveUuid({"cluster", "istio", "istio-system"}));
  CHECK(DeriveUuid({"a", "bc"}) != DeriveUuid({"ab", "c"}));
  CHECK(DeriveUuid({"a"}) != DeriveUuid({"a", ""}));
}

TEST_CASE("digests and encodings give the published test values") {
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(HexEncode(std::string("\x00\xff", 2)) == "00ff");
  CHECK(Base64UrlEncode("") == "");
  CHECK(Base64UrlEncode("f") == "Zg");
  CHECK(Base64UrlEncode("fo") == "Zm8");
  CHECK(Base64UrlEncode("foobar") == "Zm9vYmFy");
  CHECK(Base64UrlEncode("\xfb\xff") == "-_8");
  CHECK(RandomBytes(1000).size() == 1000);
  CHECK(RandomBytes(16) != RandomBytes(16));
  CHECK(EqualConstantTime("abc", "abc"));
  CHECK_FALSE(EqualConstantTime("abc", "abd"));
  CHECK_FALSE(EqualConstantTime("abc", "ab"));
}

TEST_CASE("a secret is kept, copied and moved, and does not become text or a log field") {
  Secret secret("hunter2");
  const Secret copy = secret;
  const Secret moved = std::move(secret);
  CHECK(copy.Reveal() == "hunter2");
  CHECK(moved.Reveal() == "hunter2");
  Secret assigned("old");
  assigned = copy;
  CHECK(assigned.Reveal() == "hunter2");
  CHECK(Secret().empty());
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, std::string>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<LogField, std::string_view, Secret>);
}

TEST_CASE("the machine's clocks agree with each other and the manual clock moves only when told to") {
  const SystemClock machine;
  CHECK(machine.NowUnixMs() > 1'700'000'000'000);
  const BootTime before = machine.NowBoot();
  CHECK(machine.NowBoot() >= before);
  ManualClock manual(1000);
  const BootTime start = manual.NowBoot();
  manual.Advance(std::chrono::milliseconds(5));
  manual.JumpWall(std::chrono::milliseconds(-100));
  CHECK(manual.NowUnixMs() == 905);
  CHECK(manual.NowBoot() - start == std::chrono::milliseconds(5));
}

TEST_CASE("log levels have names") {
  LogLevel level = LogLevel::kError;
  CHECK(ParseLogLevel("debug", level));
  CHECK(level == LogLevel::kDebug);
  CHECK_FALSE(ParseLogLevel("loud", level));
  CHECK(level == LogLevel::kDebug);
}

}  // namespace meshplay
