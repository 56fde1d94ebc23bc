#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libs/base/log.h"
#include "libs/base/result.h"

namespace meshplay::app {

/// Every setting of the server with its default. Each has one key ("rest.listen"), the same in the file, as flag
/// (--rest-listen) and as variable (MESHPLAY_REST_LISTEN). A flag wins over a variable, a variable over the file.
struct Config {
  std::string data_dir = "meshplay-data";
  std::string ports_file;
  std::string admin_token_file;
  std::string rest_listen = "127.0.0.1:9081";
  std::string rest_certificate;
  std::string rest_key;
  bool rest_allow_plain_http = false;
  std::string grpc_listen = "127.0.0.1:9082";
  std::string grpc_certificate;
  std::string grpc_key;
  bool grpc_allow_plaintext = false;
  std::string hub_listen = "127.0.0.1:9083";
  std::string hub_advertise;
  std::string hub_names;
  std::chrono::milliseconds hub_lease_ttl{30'000};
  std::chrono::milliseconds hub_step_timeout{10'000};
  std::string log_level = "info";
  std::string log_format = "text";
  std::chrono::milliseconds operation_deadline{3'600'000};
  std::string approval_categories;
  std::chrono::milliseconds policy_drift_interval{600'000};
  std::chrono::milliseconds policy_reference_grace{60'000};
  std::uint64_t calls_per_second = 20'000;
  std::uint64_t events_keep_days = 30;
  std::uint64_t operations_keep_days = 90;
  std::uint64_t audit_keep_days = 365;
  std::chrono::milliseconds stop_bound{8'000};
};

/// One row of the table behind the file, the flags, the variables, `config print` and --help.
struct Setting {
  std::string key;
  std::string help;
  std::function<Status(Config&, const std::string&)> set;  ///< Parses text. Errors: kInvalidArgument CONFIG_INVALID.
  std::function<std::string(const Config&)> get;
};

const std::vector<Setting>& Settings();
std::string FlagOf(const Setting& setting);      ///< "--rest-listen"
std::string VariableOf(const Setting& setting);  ///< "MESHPLAY_REST_LISTEN"

struct LoadedConfig {
  Config config;
  std::map<std::string, std::string> sources;  ///< key -> "default", "file", "environment" or "flag"
};

/// Reads `path` ("" for none), the environment and `flags` (by key).
/// Errors: kInvalidArgument CONFIG_INVALID (key path and cause), CONFIG_KEY_UNKNOWN; those of ReadFile and ParseYaml.
Result<LoadedConfig> LoadConfig(const std::string& path, const std::map<std::string, std::string>& flags);

/// What `config print` shows: one line a setting, with its source.
std::string PrintConfig(const LoadedConfig& loaded);

}  // namespace meshplay::app
