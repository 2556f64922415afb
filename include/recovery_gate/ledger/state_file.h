// SPDX-License-Identifier: GPL-2.0-only
/*
  What must survive a restart: recovery_gate.state in the data directory.

  docs/state-file.md describes the bytes. The file is replaced as a whole: the
  new content is written to a file beside it, synced, renamed over the old one,
  and the folder is synced. A crash at any moment leaves the old content or the
  new one.
*/
#ifndef RECOVERY_GATE_STATE_FILE_H
#define RECOVERY_GATE_STATE_FILE_H

#include <optional>
#include <string>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/ledger/record.h"

namespace recovery_gate {

/* What can be in a file's place and is no file. To open a named pipe blocks, a
   device may do anything, and a link may lead anywhere: they are left alone. */
enum NoFile : int {
  IS_FOLDER = -1,
  IS_LINK = -2,
  IS_PIPE = -3,
  IS_SOCKET = -4,
  IS_DEVICE = -5,
};

/*
  The file operations that the state file needs. Each returns 0, an errno, or
  what is in the file's place. Tests pass in one that fails at any call and
  forgets what was not synced.
*/
class FileLayer {
 public:
  virtual ~FileLayer() = default;

  /* ENOENT when there is no such file. Not more than 1 MiB is read; a longer
     file is EFBIG. */
  virtual int read(const std::string &path, std::string *content) = 0;
  /* Creates the file, or another one in its place, writes and syncs it. */
  virtual int write_synced(const std::string &path,
                           const std::string &content) = 0;
  /* Replaces a file. */
  virtual int rename(const std::string &from, const std::string &to) = 0;
  virtual int sync_folder(const std::string &folder) = 0;
};

/* The file system. */
class PosixFiles final : public FileLayer {
 public:
  int read(const std::string &path, std::string *content) override;
  int write_synced(const std::string &path,
                   const std::string &content) override;
  int rename(const std::string &from, const std::string &to) override;
  int sync_folder(const std::string &folder) override;
};

class StateFile {
 public:
  /* `files` must outlive the object. Not for more than one thread at once. */
  StateFile(FileLayer &files, std::string folder);

  /* What was saved last; nothing when nothing ever was. Fails when that cannot
     be known. */
  Failure load(std::optional<Record> *record);

  /*
    Returns once the content is safe on disk. Fails when it may not be; the old
    content is then still there, or the new one. What load() could not make
    sense of is kept beside it, with the ending ".damaged"; of an overlong file,
    its first MiB. It stays where it is while there is something with that name
    that is no file.
  */
  Failure save(const Record &record);

 private:
  FileLayer &files_;
  const std::string folder_, path_;
  std::string damaged_;  // what load() could not make sense of
};

/* The bytes. decode() fails with what is wrong with them. */
std::string encode(const Record &record);
Failure decode(const std::string &content, Record *record);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_STATE_FILE_H
