// SPDX-License-Identifier: GPL-2.0-only
/*
  One client connection, a thin layer over Connector/C.

    Connection connection(options);          after complete(&options)
    ServerError error = connection.connect();
    if (error) ...                            error.code, error.text
    Rows rows;
    error = connection.query("SHOW SLAVE STATUS", &rows);
    rows.value(0, "Gtid_IO_Pos")              by column name

  For one thread. No call takes longer than about connect_timeout without
  hearing from the server; the lookup of a host's name may, it is the system's.
*/
#ifndef RECOVERY_GATE_TOOL_CONNECTION_H
#define RECOVERY_GATE_TOOL_CONNECTION_H

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/connection_options.h"

namespace recovery_gate::tool {

/* The server's error, or the client library's (2000 to 2999); with the code 0
   it is none. */
struct ServerError {
  unsigned code = 0;
  std::string text;
  bool timed_out = false;  // the server was connected, and did not answer

  explicit operator bool() const { return code != 0; }
};

/* "error CODE: TEXT" */
std::string to_string(const ServerError &error);

/* The answer to a statement. */
struct Rows {
  using Value = std::optional<std::string>;  // nothing: NULL

  std::vector<std::string> columns;
  std::vector<std::vector<Value>> rows;

  std::size_t size() const { return rows.size(); }
  /* NULL also when there is no such row or column. */
  Value value(std::size_t row, const std::string &column) const;
};

/* What can be asked; tests have one that is no server. */
class Session {
 public:
  virtual ~Session() = default;

  /* Ends the connection that there is, and makes a new one. */
  virtual ServerError connect() = 0;

  /* Runs one statement. `rows` may be null when there is no answer to read.
     After an error of the client library the connection is gone. */
  virtual ServerError query(const std::string &sql, Rows *rows) = 0;
};

/* Makes a session, not connected yet, to a server named HOST or HOST:PORT. */
using Reach = std::function<std::unique_ptr<Session>(const std::string &name)>;

class Connection final : public Session {
 public:
  explicit Connection(ConnectionOptions options);
  ~Connection() override;

  ServerError connect() override;
  ServerError query(const std::string &sql, Rows *rows) override;

  /* "10.11.18-MariaDB-..." of the server that connect() reached. */
  std::string server_version() const;

 private:
  std::chrono::seconds timeout() const;

  struct Handle;  // keeps Connector/C's header out of this one

  const ConnectionOptions options_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_CONNECTION_H
