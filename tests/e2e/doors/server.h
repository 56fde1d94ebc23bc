#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/files.h"
#include "libs/http/client.h"

namespace meshplay::testing {

/// A data folder with an adapter that claims the cluster "kind-dev", its manifest, one mesh, and tokens of every role:
/// what a server finds when it is started again.
struct Seed {
  std::map<std::string, std::string> tokens;  ///< By role; and "expired", "foreign", "garbled".
  static Seed Plant(const std::string& data_dir);
};

/// What one call answered, in the form that both doors share.
struct Answer {
  std::string code;  ///< "OK" or the name of the error code.
  std::string reason;
  std::string detail;
  std::string remediation;
  std::vector<std::pair<std::string, std::string>> violations;
  nlohmann::ordered_json body;
  int http_status = 0;  ///< 0 through gRPC.
  bool operator==(const Answer& other) const;
};
std::ostream& operator<<(std::ostream& out, const Answer& answer);

/// The real server in a temporary folder on free ports.
class ServerProcess {
 public:
  /// `more_flags`: flag, value, flag, value... over the defaults.
  explicit ServerProcess(const std::string& data_dir, const std::vector<std::string>& more_flags = {});
  ~ServerProcess();  ///< SIGKILL when it still runs.
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  bool WaitForPorts();  ///< False when the process ended first.
  int Terminate();      ///< SIGTERM, then waits 15 s at most; the exit code, -1 when it had to be killed.
  int WaitForExit(std::chrono::milliseconds bound);
  std::string log() const;
  const std::string& rest() const { return rest_; }
  const std::string& grpc() const { return grpc_; }

  http::Response Send(http::Method method, const std::string& target, const std::string& token,
                      const std::string& body = "", std::vector<http::Header> headers = {});
  /// The method through one door. A REST call is built from the route and the message.
  Answer ThroughRest(const google::protobuf::MethodDescriptor& method, const google::protobuf::Message& request,
                     const std::string& token);
  Answer ThroughGrpc(const google::protobuf::MethodDescriptor& method, const google::protobuf::Message& request,
                     const std::string& token);
  Answer GrpcBytes(const google::protobuf::MethodDescriptor& method, const std::string& bytes,
                   const std::string& token);
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::string folder_;
  std::string rest_;
  std::string grpc_;
  pid_t pid_ = -1;
  int exit_code_ = -1;
  std::unique_ptr<http::Client> client_;
  std::shared_ptr<grpc::Channel> channel_;
};

std::unique_ptr<google::protobuf::Message> NewMessage(const google::protobuf::Descriptor* type);
Answer AnswerOf(const http::Response& response);

}  // namespace meshplay::testing
