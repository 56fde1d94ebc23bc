#pragma once

#include <functional>
#include <string>

#include "tests/unit/http/loopback.h"

namespace meshplay::testing {

/// Sec-WebSocket-Accept for a client's key (RFC 6455, 4.2.2).
std::string WebSocketAccept(const std::string& key);

/// One unmasked binary message of a channel of `v5.channel.k8s.io`: 1 stdout, 2 stderr, 3 the outcome. At most 64 KiB.
std::string ChannelMessage(char channel, const std::string& data);

/// Accepts an exec over a WebSocket, then runs `play`, then cuts.
LoopbackServer::Handler AcceptingExec(std::function<void(Wire&)> play);

/// An exec that succeeds with that output.
LoopbackServer::Handler ExecThatPrints(const std::string& output);

}  // namespace meshplay::testing
