// SPDX-License-Identifier: GPL-2.0-only
/* A folder for a test's files. */
#ifndef RECOVERY_GATE_TEST_FOLDER_H
#define RECOVERY_GATE_TEST_FOLDER_H

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace recovery_gate {

/* It is gone with the test. */
class TestFolder {
 public:
  TestFolder() {
    std::string folder = testing::TempDir() + "/recovery_gate_XXXXXX";
    if (mkdtemp(folder.data()) == nullptr)
      throw std::runtime_error("no folder for the test's files");
    path_ = folder;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder &) = delete;
  TestFolder &operator=(const TestFolder &) = delete;

  std::string path() const { return path_; }
  std::string file(const std::string &name) const { return path_ / name; }

  /* Returns the file's path. */
  std::string write(const std::string &name, const std::string &content) const {
    // A new file each time: some file systems flush one that is overwritten.
    std::filesystem::remove(file(name));
    std::ofstream(file(name), std::ios::binary) << content;
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_TEST_FOLDER_H
