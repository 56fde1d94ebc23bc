#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "libs/base/result.h"

namespace meshplay::kube {

/// What a Reflector tells, always on its own thread, one call at a time. A handler may block; the reflector then waits
/// (and may have to list again). Any function may be empty.
struct ReflectorHandlers {
  /// A full list: everything not in it is gone. Comes first, and again whenever the watch could not be resumed.
  std::function<void(const std::vector<nlohmann::json>& objects)> replaced;
  /// One change after the last `replaced`. Never a bookmark.
  std::function<void(ChangeKind kind, const nlohmann::json& object)> changed;
  /// A quiet point: everything up to this resource version was delivered.
  std::function<void(const std::string& resource_version)> bookmark;
  /// List or watch failed (a plain reconnect is no failure); tried again after `pause`. KIND_UNKNOWN arrives here too:
  /// the kind may come later.
  std::function<void(const Error& error, std::chrono::milliseconds pause)> failed;
};

struct ReflectorOptions {
  Selection selection = {};
  std::chrono::seconds server_timeout{300};     ///< Of one watch; the real value is drawn from [this, 2*this).
  std::chrono::milliseconds backoff_base{500};  ///< After a failure; doubles with jitter up to backoff_cap.
  std::chrono::milliseconds backoff_cap{30'000};
};

/// Keeps a caller's picture of one kind true: list, watch, resume, list again after 410.
///
/// Threads:   one thread of its own, from construction to Stop(). Stop() and the destructor may be called from any
///            thread but the reflector's own.
/// Ownership: keeps a reference to `client`, which must outlive it.
class Reflector {
 public:
  Reflector(Client& client, Gvk gvk, ReflectorHandlers handlers, ReflectorOptions options = {});
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  /// Ends the watch at once and joins the thread; no handler runs afterwards. Again: no effect.
  void Stop();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace meshplay::kube
