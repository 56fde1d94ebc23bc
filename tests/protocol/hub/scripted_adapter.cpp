#include "tests/protocol/hub/scripted_adapter.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "meshplay/rpc/status.pb.h"

namespace meshplay::testing {

std::shared_ptr<grpc::Channel> Dial(int port, const std::string& trust_bundle_pem, const Identity& identity) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = trust_bundle_pem;
  options.pem_private_key = identity.private_key_pem.Reveal();
  options.pem_cert_chain = identity.certificate_chain_pem;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxSendMessageSize(16 * 1024 * 1024);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port), grpc::SslCredentials(options), arguments);
}

std::string ReasonOf(const grpc::Status& status) {
  rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return {};
  for (const auto& any : details.details()) {
    rpc::ErrorInfo info;
    if (any.type_url() == "type.googleapis.com/google.rpc.ErrorInfo" && info.ParseFromString(any.value())) {
      return info.reason();
    }
  }
  return {};
}

ScriptedSession::ScriptedSession(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(pb::AdapterControl::NewStub(channel)), stream_(stub_->Session(&context_)) {
  reader_ = std::thread([this] { Read(); });
}

ScriptedSession::~ScriptedSession() {
  Cut();
  reader_.join();
}

void ScriptedSession::Read() {
  pb::ServerFrame frame;
  while (stream_->Read(&frame)) {
    const std::lock_guard lock(mutex_);
    if (first_ == pb::ServerFrame::BODY_NOT_SET) first_ = frame.body_case();
    frames_.push_back(frame);
    arrived_.notify_all();
  }
  const grpc::Status status = stream_->Finish();
  const std::lock_guard lock(mutex_);
  status_ = status;
  ended_ = true;
  arrived_.notify_all();
}

bool ScriptedSession::Send(const pb::AdapterFrame& frame) {
  return stream_->Write(frame);
}

pb::ServerFrame ScriptedSession::Wait(pb::ServerFrame::BodyCase kind, std::chrono::milliseconds bound) {
  std::unique_lock lock(mutex_);
  const auto find = [&] {
    return std::find_if(frames_.begin(), frames_.end(),
                        [&](const pb::ServerFrame& frame) { return frame.body_case() == kind; });
  };
  arrived_.wait_for(lock, bound, [&] { return find() != frames_.end() || ended_; });
  const auto found = find();
  INFO("waiting for frame kind " << static_cast<int>(kind) << "; stream " << (ended_ ? "ended: " : "open ")
                                 << status_.error_code() << " " << status_.error_message() << " " << ReasonOf(status_));
  REQUIRE(found != frames_.end());
  pb::ServerFrame frame = *found;
  frames_.erase(found);
  return frame;
}

bool ScriptedSession::Has(pb::ServerFrame::BodyCase kind) {
  const std::lock_guard lock(mutex_);
  return std::any_of(frames_.begin(), frames_.end(),
                     [&](const pb::ServerFrame& frame) { return frame.body_case() == kind; });
}

void ScriptedSession::Cut() {
  context_.TryCancel();
}

void ScriptedSession::HalfClose() {
  stream_->WritesDone();
}

grpc::Status ScriptedSession::End() {
  std::unique_lock lock(mutex_);
  REQUIRE(arrived_.wait_for(lock, 60s, [&] { return ended_; }));
  return status_;
}

}  // namespace meshplay::testing
