#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "libs/base/clock.h"
#include "tests/protocol/sdk/scripted_hub.h"

namespace meshplay::testing {
namespace {

TEST_CASE("An adapter enrols once, and a restart uses what it got") {
  ScriptedHub hub;
  ScriptedMesh mesh;
  RunningAdapter adapter(mesh, hub.EnrollFile());
  pb::Hello first;
  hub.Welcome(&first);
  CHECK(first.adapter_id() == "adapter-1");
  CHECK(first.replaces_instance_id().empty());
  REQUIRE(first.targets_size() == 1);
  CHECK(adapter.Stop() == 0);
  const auto permissions = std::filesystem::status(adapter.state() + "/identity.json").permissions();
  CHECK((permissions & std::filesystem::perms(0077)) == std::filesystem::perms::none);

  adapter.Start(mesh);
  pb::Hello second;
  hub.Welcome(&second);
  CHECK(second.instance_id() != first.instance_id());
  CHECK(second.replaces_instance_id() == first.instance_id());
  CHECK(hub.enrolments == 1);
}

TEST_CASE("A refused token ends the adapter with exit code 7") {
  ScriptedHub hub;
  ScriptedMesh mesh;
  RunningAdapter adapter(mesh, hub.EnrollFile("spent"));
  CHECK(adapter.WaitForEnd() == 7);
}

TEST_CASE("An enrolment file without a token ends the adapter with exit code 2") {
  ScriptedMesh mesh;
  RunningAdapter adapter(mesh, "{}");
  CHECK(adapter.WaitForEnd() == 2);
}

TEST_CASE("A hub of another authority is never sent the token, and a stop ends the wait") {
  ScriptedHub hub;
  hub.trust_bundle =
      NewCertificateAuthority("foreign", std::chrono::hours(1), SystemClock().NowUnixMs())->certificate_chain_pem;
  ScriptedMesh mesh;
  RunningAdapter adapter(mesh, hub.EnrollFile());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // long enough to have tried
  CHECK(hub.enrolments == 0);
  CHECK(adapter.Stop() == 0);
  CHECK(hub.enrolments == 0);
}

TEST_CASE("A certificate is renewed when it is due and the new one opens the next session") {
  ScriptedHub hub;
  hub.renew_after = std::chrono::seconds(1);
  ScriptedMesh mesh;
  RunningAdapter adapter(mesh, hub.EnrollFile());
  auto talk = hub.Welcome();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (hub.renewals == 0 && std::chrono::steady_clock::now() < deadline) {
    talk->Cut();
    talk = hub.Welcome();
  }
  CHECK(hub.renewals == 1);
  const auto kept = [&] { return nlohmann::json::parse(*ReadFile(adapter.state() + "/identity.json")); };
  CHECK(kept().at("certificate_chain_pem") == hub.LastCertificate());
}

TEST_CASE("An expired certificate ends the adapter unless there is a new token") {
  ScriptedHub hub;
  hub.certificate_life = std::chrono::seconds(8);
  hub.renew_after = std::chrono::seconds(3'600);
  ScriptedMesh mesh;
  RunningAdapter adapter(mesh, hub.EnrollFile());
  hub.Welcome();
  CHECK(adapter.Stop() == 0);
  const UnixMs expiry = ReadCertificate(hub.LastCertificate())->not_after_unix_ms;
  std::this_thread::sleep_until(std::chrono::system_clock::time_point(std::chrono::milliseconds(expiry + 1)));
  adapter.Start(mesh);
  CHECK(adapter.WaitForEnd() == 7);

  hub.certificate_life = std::chrono::seconds(3'600);
  std::ofstream(std::filesystem::path(adapter.state()).parent_path() / "enroll.json")
      << hub.EnrollFile("another good token");
  adapter.Start(mesh);
  pb::Hello hello;
  hub.Welcome(&hello);
  CHECK(hello.adapter_id() == "adapter-1");
  CHECK(hub.enrolments == 2);
}

}  // namespace
}  // namespace meshplay::testing
