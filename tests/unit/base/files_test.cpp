#include "libs/base/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

namespace meshplay {
namespace {

TemporaryDirectory NewFolder() {
  auto folder = TemporaryDirectory::Create("meshplay-files-");
  REQUIRE(folder);
  return std::move(*folder);
}

unsigned ModeOf(const std::string& path) {
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 0777U;
}

}  // namespace

TEST_CASE("a file is replaced in one step with the asked permissions and nothing is left beside it") {
  const TemporaryDirectory folder = NewFolder();
  const std::string path = folder.path() + "/f";
  REQUIRE(WriteFileAtomically(path, "one"));
  REQUIRE(WriteFileAtomically(path, std::string(300'000, 'x'), 0640));
  CHECK(ModeOf(path) == 0640);
  const auto content = ReadFile(path);
  REQUIRE(content);
  CHECK(content->size() == 300'000);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("reading tells what is wrong and never shows the path") {
  const TemporaryDirectory folder = NewFolder();
  const auto missing = ReadFile(folder.path() + "/none");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().reason() == "FILE_NOT_FOUND");
  CHECK(missing.error().message().find(folder.path()) == std::string::npos);
  CHECK(ReadFile(folder.path()).error().reason() == "FILE_IO_FAILED");
  REQUIRE(WriteFileAtomically(folder.path() + "/f", "12345"));
  CHECK(ReadFile(folder.path() + "/f", 5));
  CHECK(ReadFile(folder.path() + "/f", 4).error().reason() == "FILE_TOO_LARGE");
  CHECK(WriteFileAtomically(folder.path() + "/no/f", "").error().reason() == "FILE_IO_FAILED");
}

TEST_CASE("folders are made with their parents and a file in the way is an error") {
  const TemporaryDirectory folder = NewFolder();
  REQUIRE(MakeDirectory(folder.path() + "/a/b/c"));
  REQUIRE(MakeDirectory(folder.path() + "/a/b/c/"));
  CHECK(ModeOf(folder.path() + "/a/b") == 0700);
  REQUIRE(WriteFileAtomically(folder.path() + "/f", ""));
  CHECK(MakeDirectory(folder.path() + "/f/x").error().reason() == "FILE_IO_FAILED");
}

TEST_CASE("a lock is exclusive while it lives") {
  const TemporaryDirectory folder = NewFolder();
  const std::string path = folder.path() + "/lock";
  {
    auto first = FileLock::Acquire(path);
    REQUIRE(first);
    CHECK(FileLock::Acquire(path).error().reason() == "FILE_LOCKED");
    const FileLock moved = std::move(*first);
    CHECK(FileLock::Acquire(path).error().reason() == "FILE_LOCKED");
  }
  CHECK(FileLock::Acquire(path));
}

TEST_CASE("a temporary folder is private and goes away with its content") {
  std::string path;
  {
    const TemporaryDirectory folder = NewFolder();
    path = folder.path();
    CHECK(ModeOf(path) == 0700);
    REQUIRE(WriteFileAtomically(path + "/f", "x"));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

}  // namespace meshplay
