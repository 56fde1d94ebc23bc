#include "cli/interrupt.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace meshplay::cli {

namespace {

// A signal handler can be handed nothing: the text stands here before the handler is set, and write() is all it does.
std::array<char, 512> text;
volatile std::sig_atomic_t text_size = 0;

extern "C" void TellAndExit(int) {
  if (write(STDERR_FILENO, text.data(), static_cast<std::size_t>(text_size)) < 0) _exit(130);
  _exit(130);
}

}  // namespace

OnInterrupt::OnInterrupt(const std::string& message) {
  const std::size_t size = std::min(message.size(), text.size());
  std::copy_n(message.begin(), size, text.begin());
  text_size = static_cast<std::sig_atomic_t>(size);
  std::signal(SIGINT, TellAndExit);
}

OnInterrupt::~OnInterrupt() {
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace meshplay::cli
