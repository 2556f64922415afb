// SPDX-License-Identifier: GPL-2.0-only
/*
  Feeds files, and all files in folders, to a fuzz target: the regression test
  of what the fuzzer has been through, for any compiler.
*/
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path &path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto &entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void feed(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  // Of exactly that size, so that AddressSanitizer sees its end.
  const std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[content.size()]);
  std::copy(content.begin(), content.end(), bytes.get());
  std::fprintf(stderr, "%s\n", path.c_str());
  LLVMFuzzerTestOneInput(bytes.get(), content.size());
}

}  // namespace

int main(int argc, char **argv) {
  int fed = 0;
  for (int i = 1; i < argc; ++i)
    for (const fs::path &path : files_in(argv[i])) {
      feed(path);
      ++fed;
    }
  std::printf("%d inputs\n", fed);
  return fed == 0;
}
