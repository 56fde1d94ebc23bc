#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// The cases as data. Pure.
namespace meshplay::conformance {

inline constexpr int kPort = 9091;
inline constexpr int kSecondPort = 9092;
inline constexpr int kUdpPort = 9093;

/// One request (or `count` of them) from one application, and what should become of it.
struct Call {
  std::string from = "app-a";
  std::string service = "app-b";
  std::string path = "/echo";
  std::string method = "GET";
  std::map<std::string, std::string> headers = {};
  bool allowed = true;
  int port = kPort;
  std::string scheme = "http";
  std::string server = "app-b";  ///< Who receives it when it is allowed.
};

/// Many requests to one Service, and who should receive how much of them.
struct Share {
  enum class Rule {
    kExactly,    ///< Weights of 0 and 1: everything goes to one.
    kWeights,    ///< |k/n - w| <= 4 * sqrt(w (1 - w) / n)
    kBoth,       ///< Each gets something.
    kMoreAtB,    ///< Each gets something, app-b more than app-c.
    kNoBackend,  ///< Every request fails, nobody gets anything.
  };
  Rule rule = Rule::kBoth;
  double to_b = 0;  ///< The share of app-b; app-c has the rest.
  std::map<std::string, std::string> headers = {};
  int requests = 50;  ///< 0: as RunOptions says.
};

struct Step {
  enum class Kind {
    kKnown,    ///< The SMI kind is known.
    kInstall,  ///< The applications are there and answer.
    kApply,    ///< The documents are taken.
    kCalls,
    kShares,
    kMetrics,
  };
  std::string id;
  std::string title;
  Kind kind = Kind::kCalls;
  std::vector<nlohmann::json> documents = {};  ///< In force during the step; those of the step before are not.
  std::vector<Call> calls = {};                ///< kMetrics: the one whose traffic should be told of.
  std::vector<Share> shares = {};
  std::string smi_group = {}, smi_kind = {}, short_name = {};  ///< kKnown
  std::string resource = {};                                   ///< kMetrics
};

struct Group {
  std::string name;
  std::string smi_version;
  bool legacy = false;
  std::vector<Step> steps;
};

/// All groups, for these two namespaces.
std::vector<Group> MakeSuite(const std::string& home, const std::string& other);

}  // namespace meshplay::conformance
