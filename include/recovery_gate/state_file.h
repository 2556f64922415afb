/*
  What must survive a restart: recovery_gate.state in the data directory.

  docs/state-file.md describes the bytes. The file is replaced as a whole: the
  new content is written to a file beside it, synced, renamed over the old one,
  and the folder is synced. A crash at any moment leaves the old content or the
  new one.
*/
#ifndef RECOVERY_GATE_STATE_FILE_H
#define RECOVERY_GATE_STATE_FILE_H

#include <string>

#include "recovery_gate/binlog_position.h"

namespace recovery_gate {

/* Something was recovered that no replica is known to have. */
struct Obligation {
  bool open = false;
  /* End of what is owed, for people to read; the next start waits for the end
     of all that it finds. */
  BinlogPosition recovered_end;
  std::string recovered_gtid;
};

bool operator==(const Obligation &a, const Obligation &b);

/*
  The file operations that the state file needs. Each returns 0 or an errno.
  Tests pass in one that fails at any call and forgets what was not synced.
*/
class FileLayer {
 public:
  virtual ~FileLayer() = default;

  /* ENOENT when there is no such file. Not more than 64 KiB are read; a longer
     file is EFBIG. */
  virtual int read(const std::string &path, std::string *content) = 0;
  /* Creates or truncates the file, writes and syncs it. */
  virtual int write_synced(const std::string &path,
                           const std::string &content) = 0;
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

  /* What was saved last; no open obligation when nothing ever was. Returns an
     empty string, or why that cannot be known. */
  std::string load(Obligation *obligation);

  /*
    Returns an empty string once the content is safe on disk, or why it may not
    be; the old content is then still there, or the new one. What load() could
    not make sense of is kept beside it, with the ending ".damaged"; of an
    overlong file, its first 64 KiB.
  */
  std::string save(const Obligation &obligation);

 private:
  FileLayer &files_;
  const std::string folder_, path_;
  std::string damaged_;  // what load() could not make sense of
};

/* The bytes. decode() returns an empty string, or what is wrong with them. */
std::string encode(const Obligation &obligation);
std::string decode(const std::string &content, Obligation *obligation);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_STATE_FILE_H
