#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "cli/commands.h"
#include "libs/base/files.h"

namespace meshplay::cli {

namespace {

/// No echo of what is typed while this lives, when standard input is a terminal.
class Hidden {
 public:
  Hidden() {
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
    std::cerr << "token: " << std::flush;
  }
  ~Hidden() {
    if (!changed_) return;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::cerr << "\n";
  }
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

Result<std::string> ReadToken(const std::string& token_file) {
  std::string token;
  if (!token_file.empty()) {
    MP_TRY(token, ReadFile(token_file, 4'096));
  } else if (std::getenv("MESHPLAY_TOKEN") == nullptr) {
    const Hidden hidden;
    std::getline(std::cin, token);
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  return token;
}

}  // namespace

int Login(const Session& session, const std::string& token_file) {
  Connection connection = LoadConnection(session.server_flag, session.ca_flag);
  const auto token = ReadToken(token_file);
  if (!token) return Fail(token.error());
  if (!token->empty()) connection.token = Secret(*token);
  auto server = Server::Connect(connection);
  if (!server) return Fail(server.error());
  const auto who = server->Get("/v1/whoami");
  if (!who) return Fail(who.error());
  if (const Status saved = SaveConnection(connection); !saved) return Fail(saved.error());
  std::cerr << "logged in at " << connection.server_url << " as "
            << Cell(who->value("principal", nlohmann::ordered_json("?"))) << "\n";
  return kDone;
}

}  // namespace meshplay::cli
