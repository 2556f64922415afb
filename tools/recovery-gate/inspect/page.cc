// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/page.h"

#include <fmt/format.h>

#include <cctype>

#include "inspect/start_command.h"

namespace recovery_gate::tool {
namespace {

std::string gtid_text(const Transaction &transaction) {
  return transaction.gtid ? to_string(*transaction.gtid) : "-";
}

class Page {
 public:
  void title(const std::string &text) {
    text_ += (text_.empty() ? "" : "\n") + text + "\n";
  }
  void line(const std::string &name, const std::string &value) {
    text_ += fmt::format("  {:<15}  {}\n", name, value);
  }
  void item(const std::string &value) { text_ += "  - " + value + "\n"; }
  void raw(const std::string &value) { text_ += value; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string log_text(const LogFacts &log) {
  std::string text = fmt::format("{} bytes", log.size);
  if (!log.error.empty() && !log.encrypted) return text + ", " + log.error;
  text += fmt::format(", {}", log.in_use ? "not closed" : "closed");
  if (log.encrypted)
    text += ", encrypted";
  else
    text += fmt::format(", {} transactions", log.transactions);
  if (log.end_of_events != log.size)
    text += fmt::format(", complete events end at {}", log.end_of_events);
  if (log.tail != Tail::CLEAN)
    text += fmt::format(", {}: {}", to_string(log.tail), log.tail_reason);
  if (log.has_unfinished) text += ", the last transaction has no end";
  if (log.recovery_reads) text += "; crash recovery reads it";
  return text;
}

void add_logs(const Findings &f, Page *page) {
  page->title("The binary log");
  page->line("ended by", f.survey.crashed ? "a crash: it was not closed"
                                          : "a proper shutdown");
  page->line("index",
             fmt::format("{}, {} log{}; those that matter:",
                         f.directory.index_path, f.survey.logs_in_index,
                         f.survey.logs_in_index == 1 ? "" : "s"));
  for (const LogFacts &log : f.survey.logs) page->line(log.name, log_text(log));
  page->line("ends at", to_string(f.survey.end));
  if (f.survey.gtids) page->line("GTID position", f.survey.gtid_position);
}

void add_state(const Findings &f, Page *page) {
  page->title("recovery_gate.state");
  if (!f.state.trouble.empty()) page->line("cannot be used", f.state.trouble);
  if (!f.state.record) {
    if (f.state.trouble.empty())
      page->line("missing",
                 "this server has not run with the gate yet, or the "
                 "file was deleted");
    return;
  }
  const Record &record = *f.state.record;
  const Obligation &owed = record.obligation;
  page->line("obligation",
             owed.open()
                 ? fmt::format("{}, up to {}{}", to_string(owed.debt),
                               to_string(owed.recovered_end),
                               owed.provable ? "" : ", cannot be proven")
                 : "none");
  page->line("acknowledged", to_string(record.acknowledged));
  page->line("settled", !record.settled ? "nothing"
                        : record.settled->gtids.empty()
                            ? to_string(record.settled->position)
                            : to_string(record.settled->position) + ", GTID " +
                                  to_string(record.settled->gtids));
}

void add_forecast(const Findings &f, Page *page) {
  const Forecast &forecast = f.forecast;
  page->title("The gate at the next start, as a primary");
  if (!forecast.closed) {
    page->line("not known", forecast.unknown);
    return;
  }
  page->line("will be", *forecast.closed
                            ? fmt::format("CLOSED, reason {}",
                                          reason_name(forecast.reason))
                            : std::string("OPEN"));
  if (*forecast.closed)
    page->line("will wait for",
               forecast.provable
                   ? to_string(forecast.waits_for) +
                         " (the header of the log that the start opens)"
                   : "an administrator: nothing can prove who has what is in "
                     "doubt");
  page->line("it will say", forecast.why);
}

std::string stretch_text(const Stretch &stretch) {
  if (stretch.count == 0) return "none";
  return fmt::format(
      "{}, {} bytes, {} at {} to {} at {}", stretch.count, stretch.bytes,
      gtid_text(stretch.first->transaction), to_string(stretch.first->begin()),
      gtid_text(stretch.last->transaction), to_string(stretch.last->end()));
}

void add_transactions(const Findings &f, Page *page) {
  const Doubt &doubt = f.doubt;
  page->title("Transactions");
  if (!f.survey.trouble.empty()) {
    page->line("not known", f.survey.trouble);
    return;
  }
  page->line("in doubt", stretch_text(doubt.in_doubt));
  page->line("unacknowledged", stretch_text(doubt.unacknowledged));
  page->line("for recovery", stretch_text(doubt.recovery));
  if (f.survey.crashed) {
    page->line("could be cut", stretch_text(doubt.at_most));
    page->line("  acknowledged", stretch_text(doubt.cut_acknowledged));
    if (!f.replicas.empty())
      page->line("  only here", stretch_text(doubt.cut_for_good));
  }
  if (doubt.shown.empty()) return;
  page->raw("\n");
  if (doubt.not_shown != 0)
    page->raw(fmt::format("  ... {} earlier ones (--all)\n", doubt.not_shown));
  for (const ListedTransaction &listed : doubt.shown) {
    const Transaction &t = listed.transaction;
    std::string text =
        fmt::format("  {:<14} {:<24} {:>8} bytes  {}", gtid_text(t),
                    to_string(listed.begin()), t.size(), to_string(t.kind));
    if (!listed.after_settled) text += listed.own ? "  settled" : "  received";
    for (std::size_t i = 0; i < listed.has.size(); ++i)
      text +=
          fmt::format("  {}: {}", f.replicas[i].name, to_string(listed.has[i]));
    if (!listed.has.empty() && !f.options.replicas.is_any())
      text += fmt::format("  {} of {} that count", f.how_many_have(listed),
                          f.options.replicas.count);
    page->raw(text + "\n");
  }
}

std::string standing_text(const Replica &replica, const Findings &f) {
  if (!f.is_comparable()) return "cannot be compared";
  const Standing standing = standing_of(replica, f.server);
  return standing == Standing::TAKEN_OVER ? "has taken over"
                                          : to_string(standing);
}

void add_replicas(const Findings &f, Page *page) {
  if (f.replicas.empty()) return;
  page->title("Other servers");
  for (std::size_t i = 0; i < f.replicas.size(); ++i) {
    const Replica &r = f.replicas[i];
    if (!r.error.empty()) {
      page->line(r.name, r.error);
      continue;
    }
    page->line(r.name, fmt::format("server id {}, {}{}{}{}", r.server_id,
                                   standing_text(r, f),
                                   r.read_only ? ", read-only" : "",
                                   r.semisync_replica ? ", semi-sync" : "",
                                   f.counts(i) ? "" : ", does not count"));
    page->line("  applied",
               to_string(r.slave_pos.empty() ? r.binlog_pos : r.slave_pos));
    for (const ReplicaLink &link : r.links) {
      page->line("  from",
                 fmt::format("{}:{}, server id {}, I/O {}, SQL {}", link.host,
                             link.port, link.master_server_id, link.io_state,
                             link.sql_state));
      page->line("  received", link.uses_gtid ? to_string(link.received)
                                              : to_string(link.received_file));
    }
    const GtidState more = beyond(r, f.server);
    if (!more.empty()) page->line("  only there", to_string(more));
    const ReplicaCount &count = f.doubt.replicas[i];
    if (f.doubt.in_doubt.count != 0)
      page->line("  in doubt",
                 fmt::format("{} applied, {} received, {} lacking, {} unknown",
                             count.applied, count.received, count.lacking,
                             count.unknown));
  }
}

void add_advice(const Findings &f, const Advice &advice, Page *page) {
  std::string headline = advice.headline;
  if (!headline.empty())
    headline[0] = static_cast<char>(std::toupper(headline[0]));
  page->title("Verdict: " + headline + ".");
  for (const std::string &reason : advice.reasons) page->item(reason);
  if (!advice.command.empty()) {
    page->title(f.options.file ? "Start it with"
                               : "Start it with this, and the options that it "
                                 "always had");
    page->raw("  " + shell_line(advice.command) + "\n");
  }
  if (!advice.steps.empty()) {
    page->title(advice.command.empty() ? "What to do" : "Then");
    for (const std::string &step : advice.steps) page->item(step);
  }
  if (!advice.caveats.empty()) {
    page->title("Note");
    for (const std::string &caveat : advice.caveats) page->item(caveat);
  }
}

}  // namespace

std::string inspect_page(const Findings &findings, const Advice &advice) {
  Page page;
  page.title(findings.directory.path);
  add_logs(findings, &page);
  add_state(findings, &page);
  add_forecast(findings, &page);
  add_transactions(findings, &page);
  add_replicas(findings, &page);
  add_advice(findings, advice, &page);
  return page.take();
}

}  // namespace recovery_gate::tool
