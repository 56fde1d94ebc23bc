#include "server/services/internal/paging.h"

#include <chrono>

#include "tests/unit/services/fixture.h"

using meshplay::Result;
using meshplay::testing::Must;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace v1 = meshplay::v1;
using namespace std::chrono_literals;

namespace {

struct PagingFixture : ServicesFixture {
  PagingFixture() {
    Connect();
    for (int i = 0; i < 4; ++i) Must(Create(Install()));
  }
  Result<v1::ListOperationsResponse> List(const std::string& token, const std::string& filter = "state = QUEUED",
                                          const std::string& principal = "token/tester") {
    v1::ListOperationsRequest request;
    request.set_page_size(2);
    request.set_filter(filter);
    request.set_page_token(token);
    return Call<v1::ListOperationsResponse>("Operations.ListOperations", request, As("viewer", principal));
  }
};

}  // namespace

TEST_CASE("a page token works for the same list, filter and caller only", "[services][paging]") {
  PagingFixture fx;
  const std::string token = Must(fx.List("")).next_page_token();
  REQUIRE_FALSE(token.empty());
  CHECK(ReasonOf(fx.List(token)) == "OK");
  CHECK(ReasonOf(fx.List(token, "state = FAILED")) == "PAGE_TOKEN_INVALID");
  CHECK(ReasonOf(fx.List(token, "state = QUEUED", "token/other")) == "PAGE_TOKEN_INVALID");
  CHECK(ReasonOf(fx.List("garbage")) == "PAGE_TOKEN_INVALID");
  CHECK(ReasonOf(fx.List(token.substr(0, token.size() - 1))) == "PAGE_TOKEN_INVALID");
  v1::ListMeshesRequest meshes;
  meshes.set_page_token(token);
  CHECK(ReasonOf(fx.Call<v1::ListMeshesResponse>("Meshes.ListMeshes", meshes)) == "PAGE_TOKEN_INVALID");
}

TEST_CASE("a page token lives for three days", "[services][paging]") {
  PagingFixture fx;
  const std::string token = Must(fx.List("")).next_page_token();
  fx.clock.Advance(72h - 1ms);
  CHECK(ReasonOf(fx.List(token)) == "OK");
  fx.clock.Advance(1ms);
  CHECK(ReasonOf(fx.List(token)) == "PAGE_TOKEN_EXPIRED");
}

TEST_CASE("page sizes are 1 to 1000, absent is 50", "[services][paging]") {
  ServicesFixture fx;
  const auto size = [&fx](int page_size) {
    v1::ListMeshesRequest request;
    request.set_page_size(page_size);
    return ReasonOf(fx.Call<v1::ListMeshesResponse>("Meshes.ListMeshes", request));
  };
  CHECK(size(0) == "OK");
  CHECK(size(1000) == "OK");
  CHECK(size(1001) == "PAGE_SIZE_INVALID");
  CHECK(size(-1) == "PAGE_SIZE_INVALID");
}

TEST_CASE("pages under a sparse filter miss nothing and repeat nothing", "[services][paging]") {
  using meshplay::services::CollectPage;
  using meshplay::services::Page;
  std::vector<int> all;
  for (int i = 1; i <= 3'000; ++i) all.push_back(i);
  const auto fetch = [&all](const std::string& after, std::uint32_t limit) -> Result<std::vector<int>> {
    const int from = after.empty() ? 0 : std::stoi(after);
    std::vector<int> rows;
    for (int i = from; i < static_cast<int>(all.size()) && rows.size() < limit; ++i)
      rows.push_back(all[static_cast<std::size_t>(i)]);
    return rows;
  };
  const auto key = [](int row) { return std::to_string(row); };
  for (const std::uint32_t size : {1U, 7U, 50U, 1000U}) {
    for (const int every : {1, 97}) {
      Page page;
      page.size = size;
      std::vector<int> seen;
      for (int pages = 0; pages < 4'000; ++pages) {
        const auto rows = Must(CollectPage<int>(page, fetch, key, [every](int row) { return row % every == 0; }));
        CHECK(rows.rows.size() <= size);
        seen.insert(seen.end(), rows.rows.begin(), rows.rows.end());
        page.cursor = rows.next;
        if (rows.next.empty()) break;
      }
      CHECK(seen.size() == static_cast<std::size_t>(3'000 / every));
      CHECK(std::is_sorted(seen.begin(), seen.end()));
    }
  }
}
