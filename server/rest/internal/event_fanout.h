#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/rest/http_message.h"
#include "server/services/api.h"

namespace meshplay::rest {

/// Where the fan-out puts encoded bytes for one reader. Implemented by the connection.
/// Threads: called on the fan-out's thread; must not block.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  virtual void Push(const std::shared_ptr<const std::string>& bytes) = 0;
  virtual void End() = 0;         ///< After what was pushed: close.
  virtual bool Gone() const = 0;  ///< Nobody reads any more; the fan-out forgets it.
};

/// Follows the event table once for all event streams that ask for the same thing: readers with one filter share a
/// cursor as soon as they stand at the same place, and a frame is encoded once for all of them.
/// Threads: one thread of its own; Add from any thread.
class EventFanout {
 public:
  EventFanout(services::Api& api, std::chrono::milliseconds ping);
  ~EventFanout();

  /// Opens the cursor (blocks for a read: call from a worker). Errors: those of Api::OpenEvents.
  Status Add(const StreamRequest& request, std::shared_ptr<Subscriber> subscriber);
  void Stop();
  std::size_t subscribers() const;

 private:
  struct Group {
    std::string key;
    std::unique_ptr<services::Api::EventCursor> cursor;
    std::list<std::shared_ptr<Subscriber>> members;
    bool ended = false;
  };
  void Run();
  void Advance(Group& group, std::chrono::milliseconds wait);
  void MergeGroups();
  void PingAll();

  services::Api& api_;
  const std::chrono::milliseconds ping_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::list<std::shared_ptr<Group>> groups_;
  bool stopping_ = false;
  std::thread thread_;
};

/// The text/event-stream form of one frame.
std::string EncodeFrame(const v1::EventFrame& frame);

}  // namespace meshplay::rest
