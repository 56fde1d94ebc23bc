#include "adapters/consul/emitter/emit.h"
#include "adapters/gamma/emit.h"
#include "adapters/serve/translator.h"

int main(int argc, char** argv) {
  return meshplay::serve::TranslatorMain(
      {{"consul", "Consul", {meshplay::consul::Emitter(), meshplay::gamma::Emitter("consul")}}}, argc, argv);
}
