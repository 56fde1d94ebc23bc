#include <catch2/catch.hpp>

#include "adapters/consul/emitter/emit.h"
#include "adapters/gamma/emit.h"
#include "tests/unit/consul_emitter/inputs.h"

using meshplay::testing::Ran;
using meshplay::testing::RunTranslateOn;

namespace {

const std::vector<meshplay::translate::TranslateEmitter> kEmitters = {meshplay::consul::Emitter(),
                                                                      meshplay::gamma::Emitter("consul")};

}  // namespace

TEST_CASE("the adapter's command writes Consul's entries, in the order in which they are applied",
          "[consul][command]") {
  const Ran ran = RunTranslateOn(kEmitters, "consul.yaml", "D-W thirds");

  CHECK(ran.code == 0);
  REQUIRE(ran.objects.size() == 4);
  CHECK(ran.objects[3]["kind"] == "ServiceSplitter");
  CHECK(ran.objects[3]["spec"]["splits"][0]["weight"] == 33.34);
  CHECK(ran.report.at(0)["level"] == "FULL");
}

TEST_CASE("the exit code tells what came of the objects", "[consul][command]") {
  CHECK(RunTranslateOn(kEmitters, "consul.yaml", "D-CON1 EX1").code == 0);
  CHECK(RunTranslateOn(kEmitters, "consul.yaml", "D-CON1 with a second port").code == 4);
  CHECK(
      RunTranslateOn(kEmitters, "consul.yaml", "D-CON1 with a second port", {"--option", "allowWidening=true"}).code ==
      3);
  CHECK(RunTranslateOn(kEmitters, "consul.yaml", "a reference to nothing").code == 2);
  const Ran refused = RunTranslateOn(kEmitters, "consul.yaml", "D-CON1 EX1", {"--option", "istio.mtls=true"});
  CHECK(refused.code == 2);
  CHECK(refused.report["error"]["reason"] == "SMI_OPTION_UNKNOWN");
}

TEST_CASE("--as gamma writes routes of Services instead", "[consul][command]") {
  const Ran ran = RunTranslateOn(kEmitters, "consul.yaml", "a split of all requests", {"--as", "gamma"});

  CHECK(ran.code == 0);
  REQUIRE(ran.objects.size() == 1);
  CHECK(ran.objects[0]["kind"] == "HTTPRoute");
}
