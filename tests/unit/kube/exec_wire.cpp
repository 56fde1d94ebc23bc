#include "tests/unit/kube/exec_wire.h"

#include <openssl/evp.h>

#include <catch2/catch.hpp>

namespace meshplay::testing {

std::string WebSocketAccept(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha1(), nullptr);
  unsigned char encoded[64];
  const int size = EVP_EncodeBlock(encoded, digest, static_cast<int>(length));
  return {reinterpret_cast<char*>(encoded), static_cast<std::size_t>(size)};
}

std::string ChannelMessage(char channel, const std::string& data) {
  const std::size_t size = data.size() + 1;
  std::string frame = "\x82";
  if (size < 126) {
    frame += static_cast<char>(size);
  } else {
    frame += {static_cast<char>(126), static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
  }
  return frame + channel + data;
}

LoopbackServer::Handler AcceptingExec(std::function<void(Wire&)> play) {
  return [play = std::move(play)](const SeenRequest& request, Wire& wire) {
    wire.Raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
             WebSocketAccept(request.headers.at("sec-websocket-key")) +
             "\r\nSec-WebSocket-Protocol: " + request.headers.at("sec-websocket-protocol") + "\r\n\r\n");
    play(wire);
    wire.Cut();
  };
}

LoopbackServer::Handler ExecThatPrints(const std::string& output) {
  return AcceptingExec([output](Wire& wire) {
    wire.Raw(ChannelMessage(1, output) + ChannelMessage(3, R"({"status":"Success"})"));
    wire.WaitForPeerToClose();
  });
}

}  // namespace meshplay::testing
