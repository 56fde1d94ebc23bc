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
  virtual void End() = 0;            ///< After what was pushed: close.
  virtual bool Gone() const = 0;     ///< Nobody reads any more; the fan-out forgets it.
  virtual bool HasRoom() const = 0;  ///< False while much waits to be sent; asked before old events are read for it.
};

/// Follows the event table once for all event streams that ask for the same thing: readers with one token and one
/// filter share a cursor as soon as they stand at the same place, and a frame is encoded once for all of them. (One
/// token: a cursor ends when its token does.) A reader that catches up is served as fast as it reads; one that keeps
/// up is sent what happens at once and cut when too much of it waits.
/// Threads: one thread of its own; Add from any thread.
class EventFanout {
 public:
  EventFanout(services::Api& api, std::chrono::milliseconds ping);
  ~EventFanout();

  /// Opens the cursor and pushes the first frame (blocks for reads: call from a worker). Errors: those of
  /// Api::OpenEvents.
  Status Add(const StreamRequest& request, std::shared_ptr<Subscriber> subscriber);
  void Stop();
  std::size_t subscribers() const;

 private:
  struct Group {
    std::string key;
    std::unique_ptr<services::Api::EventCursor> cursor;
    std::list<std::shared_ptr<Subscriber>> members;
    bool behind = false;  ///< The last frame was full: more old events wait.
    bool ended = false;
  };
  void Run();
  static bool Advance(Group& group);
  bool AdvanceAll();
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
