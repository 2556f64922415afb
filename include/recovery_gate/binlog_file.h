/*
  The little that the gate reads from a binary log file: whether it was closed
  properly, and where its last complete event ends.

  Format: sql/log_event.h and sql/log_event.cc of the server. A file starts
  with four magic bytes, then events follow one another; each begins with a
  header of 19 bytes: time stamp (4), type (1), server id (4), length of the
  whole event (4), end position (4), flags (2), all little-endian. The first
  event is a format description event (type 15); flag 0x1 in it is set while
  the server has the log open and cleared when the server closes it. The
  length of an event is readable in an encrypted log too (sql/log_event.cc,
  decrypt_event).
*/
#ifndef RECOVERY_GATE_BINLOG_FILE_H
#define RECOVERY_GATE_BINLOG_FILE_H

#include <cstdint>
#include <string>

namespace recovery_gate {

struct BinlogFileFacts {
  /* Empty, or why the file could not be read as a binary log; the other
     members then mean nothing. */
  std::string error;
  /* The server that wrote it did not close it: it crashed. */
  bool in_use = false;
  /* Bytes in the file. */
  std::uint64_t size = 0;
  /* End of the last complete event. Less than `size` when the crash tore the
     last event apart. */
  std::uint64_t end_of_events = 0;
};

/* Reads the format description event only; end_of_events is left 0. */
BinlogFileFacts read_binlog_header(const std::string &path);

/* Walks over all events by their headers. Memory use does not depend on the
   file's size. */
BinlogFileFacts read_binlog_end(const std::string &path);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BINLOG_FILE_H
