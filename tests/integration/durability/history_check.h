#pragma once

#include <string>

#include "tests/support/stack.h"

namespace meshplay::test {

/// Every event from the first one: pages of the list and the live stream tell the same, sequence numbers have no hole
/// and no duplicate, each change of state of each operation is a transition of the engine's table, and sessions lasted.
void CheckEvents(Stack& stack);

/// The fence on the cluster's Lease is the one the store holds, nothing holds the target and no helm runs.
void CheckTargetFree(Stack& stack);

/// The release is deployed, exactly once; every earlier revision since `before` is one that was cut off and was not
/// left as if it were in progress. Returns how many revisions there are.
std::size_t CheckRelease(Stack& stack, const std::string& release, std::size_t before);

}  // namespace meshplay::test
