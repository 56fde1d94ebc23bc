#include <catch2/catch.hpp>

#include "adapters/cilium/emitter/emit.h"
#include "adapters/gamma/emit.h"
#include "tests/unit/consul_emitter/inputs.h"

using meshplay::testing::Ran;
using meshplay::testing::RunTranslateOn;

namespace {

const std::vector<meshplay::translate::TranslateEmitter> kEmitters = {meshplay::cilium::Emitter(),
                                                                      meshplay::gamma::Emitter("cilium")};

}  // namespace

TEST_CASE("the adapter's command writes Cilium's policies", "[cilium][command]") {
  const Ran ran = RunTranslateOn(kEmitters, "cilium.yaml", "D-CIL1");

  CHECK(ran.code == 0);
  REQUIRE(ran.objects.size() == 1);
  CHECK(ran.objects[0]["spec"]["ingress"][0]["toPorts"][0]["rules"]["http"][1]["path"] == "/metrics(\\?.*)?");
  CHECK(ran.report.back()["level"] == "FULL");
}

TEST_CASE("the exit code tells what came of the objects", "[cilium][command]") {
  CHECK(RunTranslateOn(kEmitters, "cilium.yaml", "D-R UDPRoute").code == 0);
  CHECK(RunTranslateOn(kEmitters, "cilium.yaml", "D-R a header regex").code == 3);
  CHECK(RunTranslateOn(kEmitters, "cilium.yaml", "V11").code == 4);
  CHECK(RunTranslateOn(kEmitters, "cilium.yaml", "an invalid target").code == 2);
}

TEST_CASE("--as gamma writes routes only", "[cilium][command]") {
  const Ran access = RunTranslateOn(kEmitters, "cilium.yaml", "D-CIL1", {"--as", "gamma"});
  CHECK(access.code == 4);
  CHECK(access.objects.empty());

  const Ran split = RunTranslateOn(kEmitters, "cilium.yaml", "EX2", {"--as", "gamma"});
  CHECK(split.code == 0);
  CHECK(split.objects.size() == 1);
}
