#include "adapters/gamma/emit.h"
#include "adapters/kuma/emitter/emit.h"
#include "adapters/serve/translator.h"

int main(int argc, char** argv) {
  return meshplay::serve::TranslatorMain(
      {{"kuma", "Kuma", {meshplay::kuma::Emitter(), meshplay::gamma::Emitter("kuma")}}}, argc, argv);
}
