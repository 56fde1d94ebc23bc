#include "adapters/gamma/emit.h"
#include "adapters/linkerd/emitter/emit.h"
#include "adapters/serve/translator.h"

int main(int argc, char** argv) {
  return meshplay::serve::TranslatorMain(
      {{"linkerd", "Linkerd", {meshplay::linkerd::Emitter(), meshplay::gamma::Emitter("linkerd")}}}, argc, argv);
}
