#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/result.h"
#include "libs/base/secret.h"
#include "meshplay/adapter/v1/adapter.grpc.pb.h"

namespace meshplay::testing {

namespace pb = meshplay::adapter::v1;
using namespace std::chrono_literals;

/// What a client needs to be somebody: PEM texts, empty for nobody.
struct Identity {
  std::string adapter_id;
  Secret private_key_pem;
  std::string certificate_chain_pem;
};

/// A channel to the hub over TLS that trusts `trust_bundle_pem`; own TCP connection.
std::shared_ptr<grpc::Channel> Dial(int port, const std::string& trust_bundle_pem, const Identity& identity);

/// Reason in the details of a failed call; "" when there is none.
std::string ReasonOf(const grpc::Status& status);

/// A raw client of the session stream: sends what it is told to, keeps what it gets.
class ScriptedSession {
 public:
  explicit ScriptedSession(const std::shared_ptr<grpc::Channel>& channel);
  ~ScriptedSession();  ///< Cuts.

  bool Send(const pb::AdapterFrame& frame);
  /// The first frame of this kind, once it is there; others stay. Fails the test after 5 s.
  pb::ServerFrame Wait(pb::ServerFrame::BodyCase kind, std::chrono::milliseconds bound = 60s);
  bool Has(pb::ServerFrame::BodyCase kind);  ///< A frame of this kind came and was not taken by Wait.
  /// Kind of the very first frame of the stream.
  pb::ServerFrame::BodyCase first() const { return first_; }
  void Cut();  ///< Like a broken connection.
  void HalfClose();
  /// Status of the stream, once it has ended. Fails the test after 5 s.
  grpc::Status End();

 private:
  void Read();

  std::unique_ptr<pb::AdapterControl::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::AdapterFrame, pb::ServerFrame>> stream_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<pb::ServerFrame> frames_;
  std::atomic<pb::ServerFrame::BodyCase> first_{pb::ServerFrame::BODY_NOT_SET};
  bool ended_ = false;
  grpc::Status status_;
  std::thread reader_;
};

}  // namespace meshplay::testing
