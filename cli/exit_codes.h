#pragma once

namespace meshplay::cli {

/// Exit codes of meshplayctl: part of its contract (docs/operations.md). Never renumber.
enum ExitCode {
  kDone = 0,
  kInternalError = 1,
  kUsage = 2,    ///< Usage or invalid input.
  kPartial = 3,  ///< Done in part: an SMI object is only partly in force.
  kRefused = 4,  ///< Nothing was done: refused, or an SMI object has no effect on this mesh.
  kFailed = 5,   ///< The operation failed, was cancelled or expired.
  kIndeterminate = 6,
  kNotPermitted = 7,
  kNotFound = 8,
  kUnreachable = 9,  ///< The server cannot be reached, or the wait timed out.
};

}  // namespace meshplay::cli
