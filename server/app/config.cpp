#include "server/app/config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "libs/base/duration.h"
#include "libs/base/files.h"
#include "libs/base/yaml.h"

namespace meshplay::app {

namespace {

Error Invalid(const std::string& key, const std::string& what) {
  return InvalidArgument("CONFIG_INVALID", key + ": " + what);
}

Setting Text(std::string key, std::string Config::*member, std::string help) {
  return {std::move(key), std::move(help),
          [member](Config& config, const std::string& text) -> Status {
            config.*member = text;
            return {};
          },
          [member](const Config& config) { return config.*member; }};
}

Setting Choice(std::string key, std::string Config::*member, std::vector<std::string> values, std::string help) {
  const std::string name = key;
  return {std::move(key), std::move(help),
          [member, values, name](Config& config, const std::string& text) -> Status {
            if (std::find(values.begin(), values.end(), text) == values.end()) {
              std::string list;
              for (const std::string& value : values) list += (list.empty() ? "" : ", ") + value;
              return Invalid(name, "must be one of " + list);
            }
            config.*member = text;
            return {};
          },
          [member](const Config& config) { return config.*member; }};
}

Setting Flag(std::string key, bool Config::*member, std::string help) {
  const std::string name = key;
  return {std::move(key), std::move(help),
          [member, name](Config& config, const std::string& text) -> Status {
            if (text != "true" && text != "false") return Invalid(name, "must be true or false");
            config.*member = text == "true";
            return {};
          },
          [member](const Config& config) { return config.*member ? std::string("true") : std::string("false"); }};
}

Setting Time(std::string key, std::chrono::milliseconds Config::*member, std::chrono::milliseconds least,
             std::chrono::milliseconds most, std::string help) {
  const std::string name = key;
  return {std::move(key), std::move(help),
          [member, name, least, most](Config& config, const std::string& text) -> Status {
            const auto value = ParseDuration(text);
            if (!value) return Invalid(name, "must be a duration such as 30s");
            if (*value < least || *value > most) {
              return Invalid(name, "must be between " + FormatDuration(least) + " and " + FormatDuration(most));
            }
            config.*member = *value;
            return {};
          },
          [member](const Config& config) { return FormatDuration(config.*member); }};
}

Setting Number(std::string key, std::uint64_t Config::*member, std::uint64_t least, std::uint64_t most,
               std::string help) {
  const std::string name = key;
  return {std::move(key), std::move(help),
          [member, name, least, most](Config& config, const std::string& text) -> Status {
            std::uint64_t number = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
            if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
              return Invalid(name,
                             "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
            }
            config.*member = number;
            return {};
          },
          [member](const Config& config) { return std::to_string(config.*member); }};
}

std::string Spelled(const std::string& key, char dot, bool upper) {
  std::string text;
  for (const char c : key) {
    if (c == '.' || c == '_') {
      text += dot;
    } else {
      text += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    }
  }
  return text;
}

/// {"rest": {"listen": "x"}} becomes rest.listen = x.
Status Flatten(const nlohmann::json& value, const std::string& key, std::map<std::string, std::string>& out) {
  if (value.is_object()) {
    for (const auto& [name, item] : value.items()) MP_CHECK(Flatten(item, key.empty() ? name : key + "." + name, out));
    return {};
  }
  if (value.is_array()) return Invalid(key, "must not be a list");
  if (value.is_null()) return Invalid(key.empty() ? "the file" : key, "has no value");
  if (key.empty()) return Invalid("the file", "must hold settings, not one value");
  out[key] = value.is_string() ? value.get<std::string>() : value.dump();
  return {};
}

}  // namespace

const std::vector<Setting>& Settings() {
  using std::chrono::milliseconds;
  constexpr milliseconds kSecond{1'000};
  constexpr milliseconds kHour{3'600'000};
  static const std::vector<Setting> settings = {
      Text("data_dir", &Config::data_dir, "Folder of the database, the certificate authority and keys"),
      Text("ports_file", &Config::ports_file,
           "File that receives the bound addresses as JSON once the server is ready"),
      Text("admin_token_file", &Config::admin_token_file,
           "File (mode 0600) that receives the first admin token; it is printed when this is not set"),
      Text("rest.listen", &Config::rest_listen, "Address of the REST door"),
      Text("rest.certificate", &Config::rest_certificate, "PEM certificate chain of the REST door"),
      Text("rest.key", &Config::rest_key, "PEM private key of the REST door"),
      Flag("rest.allow_plain_http", &Config::rest_allow_plain_http, "Serve plain HTTP beyond loopback"),
      Text("grpc.listen", &Config::grpc_listen, "Address of the public gRPC door"),
      Text("grpc.certificate", &Config::grpc_certificate, "PEM certificate chain of the gRPC door"),
      Text("grpc.key", &Config::grpc_key, "PEM private key of the gRPC door"),
      Flag("grpc.allow_plaintext", &Config::grpc_allow_plaintext, "Serve gRPC without TLS beyond loopback"),
      Text("hub.listen", &Config::hub_listen, "Address to which adapters dial (always mutual TLS)"),
      Text("hub.advertise", &Config::hub_advertise, "Address that enrolment files name; the bound one when empty"),
      Text("hub.names", &Config::hub_names, "More DNS names and IP addresses for the hub's certificate, by commas"),
      Time("hub.lease_ttl", &Config::hub_lease_ttl, milliseconds(1'000), milliseconds(300'000),
           "How long an adapter may act without hearing from the server"),
      Time("hub.step_timeout", &Config::hub_step_timeout, milliseconds(500), milliseconds(300'000),
           "Longest mutating call of an adapter that did not announce a longer one"),
      Choice("log.level", &Config::log_level, {"debug", "info", "warning", "error"}, "Least level that is logged"),
      Choice("log.format", &Config::log_format, {"text", "json"}, "Form of log lines"),
      Time("operation_deadline", &Config::operation_deadline, kSecond, 168 * kHour,
           "How long an operation may take when neither caller nor manifest says"),
      Text("approval_categories", &Config::approval_categories,
           "Categories of operations that wait for an approval, by commas: INSTALL,UNINSTALL"),
      Time("policy_drift_interval", &Config::policy_drift_interval, 10 * kSecond, 24 * kHour,
           "How often each mesh of a policy is compared with it even when nothing seems to have changed"),
      Time("policy_reference_grace", &Config::policy_reference_grace, kSecond, 24 * kHour,
           "How long what a policy made stays when something that it refers to disappears from the cluster"),
      Number("calls_per_second", &Config::calls_per_second, 0, 1'000'000,
             "API calls of one principal, with bursts of twice as many; 0 is no limit"),
      Number("events_keep_days", &Config::events_keep_days, 1, 3'650, "Days for which events are kept"),
      Number("operations_keep_days", &Config::operations_keep_days, 1, 3'650,
             "Days for which finished operations are kept"),
      Number("audit_keep_days", &Config::audit_keep_days, 1, 3'650, "Days for which audit rows are kept"),
      Time("stop_bound", &Config::stop_bound, kSecond, milliseconds(60'000), "How long a graceful stop may take"),
  };
  return settings;
}

std::string FlagOf(const Setting& setting) {
  return "--" + Spelled(setting.key, '-', false);
}
std::string VariableOf(const Setting& setting) {
  return "MESHPLAY_" + Spelled(setting.key, '_', true);
}

Result<LoadedConfig> LoadConfig(const std::string& path, const std::map<std::string, std::string>& flags) {
  std::map<std::string, std::string> file;
  if (!path.empty()) {
    MP_TRY(const std::string text, ReadFile(path));
    MP_TRY(const auto documents, ParseYaml(text));
    if (documents.size() > 1) return Invalid("the file", "must hold one YAML document");
    for (const YamlDocument& document : documents) MP_CHECK(Flatten(document.value, "", file));
  }
  LoadedConfig loaded;
  const auto apply = [&](const Setting& setting, const std::string& text, const char* source) -> Status {
    loaded.sources[setting.key] = source;
    return setting.set(loaded.config, text);
  };
  for (const Setting& setting : Settings()) {
    loaded.sources[setting.key] = "default";
    if (const auto found = file.find(setting.key); found != file.end()) {
      MP_CHECK(apply(setting, found->second, "file"));
      file.erase(found);
    }
    if (const char* value = std::getenv(VariableOf(setting).c_str())) MP_CHECK(apply(setting, value, "environment"));
    if (const auto found = flags.find(setting.key); found != flags.end()) {
      MP_CHECK(apply(setting, found->second, "flag"));
    }
  }
  if (!file.empty()) {
    return InvalidArgument("CONFIG_KEY_UNKNOWN", path + ": unknown key " + file.begin()->first)
        .WithRemediation("`meshplay-server config print` lists every key.");
  }
  return loaded;
}

std::string PrintConfig(const LoadedConfig& loaded) {
  std::string text;
  for (const Setting& setting : Settings()) {
    text += setting.key + ": " + nlohmann::json(setting.get(loaded.config)).dump() + "  # " +
            loaded.sources.at(setting.key) + "; " + setting.help + "\n";
  }
  return text;
}

}  // namespace meshplay::app
