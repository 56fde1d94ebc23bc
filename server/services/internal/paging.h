#pragma once

#include <google/protobuf/message.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "server/services/internal/core.h"

namespace meshplay::services {

inline constexpr std::uint32_t kDefaultPageSize = 50;
inline constexpr std::uint32_t kMaximumPageSize = 1000;
inline constexpr std::size_t kMaximumScanned = 20'000;  ///< Rows that one call looks at under a sparse filter.

struct Page {
  std::uint32_t size = kDefaultPageSize;
  std::string cursor;  ///< Empty on the first page.
};

/// Reads page_size and page_token of a list request. A token holds cursor, caller and a fingerprint of the rest of the
/// request, sealed, and lives for three days.
/// Errors: kInvalidArgument PAGE_SIZE_INVALID, PAGE_TOKEN_INVALID, PAGE_TOKEN_EXPIRED.
Result<Page> ReadPage(const Core& core, const CallContext& context, const google::protobuf::Message& request);
std::string NextPageToken(const Core& core, const CallContext& context, const google::protobuf::Message& request,
                          const std::string& cursor);

/// Cursors that are numbers. Errors: kInvalidArgument PAGE_TOKEN_INVALID.
Result<std::uint64_t> NumberOf(const std::string& cursor);

template <class Row>
struct Rows {
  std::vector<Row> rows;
  std::string next;  ///< Cursor of the next page; empty at the end.
};

/// Collects one page of rows that `keep` wants. `fetch(cursor, limit)` gives the rows after a cursor in order,
/// `key(row)` is a row's own cursor.
template <class Row, class Fetch, class Key, class Keep>
Result<Rows<Row>> CollectPage(const Page& page, Fetch fetch, Key key, Keep keep) {
  Rows<Row> collected;
  std::string cursor = page.cursor;
  for (std::size_t scanned = 0; scanned < kMaximumScanned;) {
    // One row more than asked tells whether there is a next page.
    const std::size_t wanted = page.size + 1 - collected.rows.size();
    const auto limit = static_cast<std::uint32_t>(std::min<std::size_t>(kMaximumPageSize, wanted));
    MP_TRY(std::vector<Row> fetched, fetch(cursor, limit));
    scanned += limit;
    const bool last = fetched.size() < limit;
    for (Row& row : fetched) {
      cursor = key(row);
      if (!keep(row)) continue;
      if (collected.rows.size() == page.size) {
        collected.next = key(collected.rows.back());
        return collected;
      }
      collected.rows.push_back(std::move(row));
    }
    if (last) return collected;
  }
  collected.next = cursor;
  return collected;
}

template <class Row, class Fetch, class Key>
Result<Rows<Row>> CollectPage(const Page& page, Fetch fetch, Key key) {
  return CollectPage<Row>(page, std::move(fetch), std::move(key), [](const Row&) { return true; });
}

}  // namespace meshplay::services
