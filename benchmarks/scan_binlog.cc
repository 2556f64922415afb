// SPDX-License-Identifier: GPL-2.0-only
/*
  scan-binlog WHAT FILE [--up-to OFFSET] [--time-reads]

  Does one thing with a binary log and prints, as one line of JSON, how much
  processor time it took and how much memory the process has used at most. WHAT
  is a rung of a ladder:

    open          nothing but opening it
    read          reads the blocks that a reader of all bytes would read
    headers       walks over the events by their headers
    checksums     and verifies those events that a scan has to trust
    transactions  scans for transactions: the thing itself
    verify-all    and verifies the checksums of all events

  With --up-to, transactions counts only those that begin before OFFSET. With
  --time-reads, the time that is spent in reads of the file is told apart; what
  the clock itself costs is subtracted.
*/
#include <time.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

#include "recovery_gate/binlog/binlog_reader.h"
#include "recovery_gate/binlog/byte_source.h"
#include "recovery_gate/binlog/transaction_scanner.h"

namespace {

using namespace recovery_gate;
/* Processor time that the process has used. */
double seconds_used() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

[[noreturn]] void fail(const std::string &what) {
  std::fprintf(stderr, "scan-binlog: %s\n", what.c_str());
  std::exit(1);
}

/* Passes reads on, and counts them. */
class CountingSource final : public ByteSource {
 public:
  CountingSource(ByteSource &source, bool time)
      : source_(source), time_(time) {}

  const std::string &name() const override { return source_.name(); }
  std::uint64_t size() const override { return source_.size(); }
  int read(std::uint64_t offset, void *to, std::size_t count,
           std::size_t *got) override {
    const double start = time_ ? seconds_used() : 0;
    const int error = source_.read(offset, to, count, got);
    if (time_) seconds += seconds_used() - start;
    ++reads;
    bytes += *got;
    return error;
  }

  std::uint64_t reads = 0, bytes = 0;
  double seconds = 0;

 private:
  ByteSource &source_;
  const bool time_;
};

struct Counts {
  std::uint64_t events = 0, transactions = 0;
};

void read_all(ByteSource &source) {
  // As cat has it: to copy to the middle of a page takes longer on some
  // machines.
  constexpr std::size_t page = 4096, size = BinlogReader::read_ahead;
  void *const block = std::aligned_alloc(page, size);
  std::size_t got = 0;
  for (std::uint64_t at = 0; at < source.size(); at += got)
    if (source.read(at, block, size, &got) != 0 || got == 0)
      fail("cannot read " + source.name());
  std::free(block);
}

bool is_scanned(EventType type) {
  return type == EventType::GTID || type == EventType::XID ||
         type == EventType::QUERY;
}

Counts walk(ByteSource &source, bool verify) {
  BinlogReader reader(source);
  Failure failure = reader.open();
  Counts counts;
  for (Event event; !failure && reader.next(&event);) {
    ++counts.events;
    counts.transactions += event.header.type == EventType::GTID;
    if (verify && is_scanned(event.header.type)) failure = reader.verify(event);
  }
  if (!failure) failure = reader.error();
  if (failure) fail(failure.text());
  return counts;
}

Counts find_transactions(ByteSource &source, bool verify_all,
                         std::uint64_t up_to) {
  Counts counts;
  ScanOptions options;
  options.verify_all = verify_all;
  const ScanResult result =
      scan(source, options, [&](const Transaction &transaction) {
        if (transaction.begin >= up_to) return false;
        ++counts.transactions;
        return true;
      });
  if (result.error) fail(result.error.text());
  if (result.tail != Tail::CLEAN) fail(result.tail_reason);
  counts.events = result.events;
  return counts;
}

/* What it costs to look at the clock once. */
double clock_seconds() {
  constexpr int times = 10000;
  const double start = seconds_used();
  for (int i = 0; i < times; ++i) seconds_used();
  return (seconds_used() - start) / times;
}

long peak_memory_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return std::atol(line.c_str() + 6);
  return 0;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 3) fail("usage: scan-binlog WHAT FILE [--up-to N] [--time-reads]");
  const std::string_view what = argv[1];
  std::uint64_t up_to = UINT64_MAX;
  bool time_reads = false;
  for (int i = 3; i < argc; ++i) {
    if (std::strcmp(argv[i], "--time-reads") == 0)
      time_reads = true;
    else if (std::strcmp(argv[i], "--up-to") == 0 && i + 1 < argc)
      up_to = std::strtoull(argv[++i], nullptr, 10);
    else
      fail(std::string("what is ") + argv[i] + "?");
  }

  const double start = seconds_used();
  FileSource file;
  if (const Failure failure = file.open(argv[2])) fail(failure.text());
  CountingSource source(file, time_reads);
  Counts counts;
  if (what == "read")
    read_all(source);
  else if (what == "headers" || what == "checksums")
    counts = walk(source, what == "checksums");
  else if (what == "transactions" || what == "verify-all")
    counts = find_transactions(source, what == "verify-all", up_to);
  else if (what != "open")
    fail("there is no " + std::string(what));
  double seconds = seconds_used() - start;
  if (time_reads) {
    // Two looks at the clock for each read, and half of either is in its time.
    const double clock = clock_seconds() * static_cast<double>(source.reads);
    seconds -= 2 * clock;
    source.seconds -= clock;
  }
  std::printf("{\"seconds\": %.9f, \"events\": %" PRIu64
              ", \"transactions\": %" PRIu64 ", \"reads\": %" PRIu64
              ", \"bytes_read\": %" PRIu64
              ", \"seconds_in_reads\": %.9f, \"peak_memory_kib\": %ld}\n",
              seconds, counts.events, counts.transactions, source.reads,
              source.bytes, source.seconds, peak_memory_kib());
  return 0;
}
