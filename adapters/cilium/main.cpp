#include "adapters/cilium/emitter/emit.h"
#include "adapters/gamma/emit.h"
#include "adapters/serve/translator.h"

int main(int argc, char** argv) {
  return meshplay::serve::TranslatorMain(
      {{"cilium", "Cilium", {meshplay::cilium::Emitter(), meshplay::gamma::Emitter("cilium")}}}, argc, argv);
}
