// SPDX-License-Identifier: GPL-2.0-only
#include "client/connection.h"

#include <errmsg.h>
#include <fmt/format.h>
#include <mysql.h>
#include <strings.h>

#include <algorithm>

namespace recovery_gate::tool {
namespace {

using std::chrono::steady_clock;

constexpr unsigned default_timeout = 10;  // seconds

const char *text_of(const std::optional<std::string> &value) {
  return value ? value->c_str() : nullptr;
}

ServerError error_of(MYSQL *handle) {
  const unsigned code = mysql_errno(handle);
  if (code == 0) return {CR_UNKNOWN_ERROR, "unknown error"};
  return {code, mysql_error(handle)};
}

}  // namespace

std::string to_string(const ServerError &error) {
  return fmt::format("error {}: {}", error.code, error.text);
}

Rows::Value Rows::value(std::size_t row, const std::string &column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  if (row >= rows.size() || found == columns.end()) return std::nullopt;
  return rows[row][static_cast<std::size_t>(found - columns.begin())];
}

struct Connection::Handle {
  ~Handle() { close(); }

  void close() {
    if (mysql != nullptr) mysql_close(mysql);
    mysql = nullptr;
  }

  MYSQL *mysql = nullptr;
};

Connection::Connection(ConnectionOptions options)
    : options_(std::move(options)), handle_(std::make_unique<Handle>()) {}

Connection::~Connection() = default;

ServerError Connection::connect() {
  handle_->close();
  MYSQL *mysql = handle_->mysql = mysql_init(nullptr);
  if (mysql == nullptr) return {CR_OUT_OF_MEMORY, "out of memory"};
  const ConnectionOptions &o = options_;
  const auto set = [mysql](mysql_option option,
                           const std::optional<std::string> &value) {
    if (value) mysql_optionsv(mysql, option, value->c_str());
  };
  const auto set_switch = [mysql](mysql_option option, bool on) {
    const my_bool value = on ? 1 : 0;
    mysql_optionsv(mysql, option, &value);
  };

  const auto timeout = static_cast<unsigned>(this->timeout().count());
  for (const mysql_option option :
       {MYSQL_OPT_CONNECT_TIMEOUT, MYSQL_OPT_READ_TIMEOUT,
        MYSQL_OPT_WRITE_TIMEOUT})
    mysql_optionsv(mysql, option, &timeout);
  mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const unsigned no_files = 0;
  mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &no_files);
  mysql_optionsv(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name",
                 "recovery-gate");

  unsigned protocol = MYSQL_PROTOCOL_DEFAULT;
  if (o.protocol)
    protocol = strcasecmp(o.protocol->c_str(), "tcp") == 0
                   ? MYSQL_PROTOCOL_TCP
                   : MYSQL_PROTOCOL_SOCKET;
  mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &protocol);

  if (o.ssl) set_switch(MYSQL_OPT_SSL_ENFORCE, *o.ssl);
  if (o.ssl_verify_server_cert)
    set_switch(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, *o.ssl_verify_server_cert);
  if (!o.ssl || *o.ssl) {
    set(MYSQL_OPT_SSL_CA, o.ssl_ca);
    set(MYSQL_OPT_SSL_CAPATH, o.ssl_capath);
    set(MYSQL_OPT_SSL_CERT, o.ssl_cert);
    set(MYSQL_OPT_SSL_KEY, o.ssl_key);
    set(MYSQL_OPT_SSL_CIPHER, o.ssl_cipher);
    set(MYSQL_OPT_SSL_CRL, o.ssl_crl);
    set(MYSQL_OPT_SSL_CRLPATH, o.ssl_crlpath);
    set(MARIADB_OPT_TLS_VERSION, o.tls_version);
  }
  set(MYSQL_DEFAULT_AUTH, o.default_auth);
  set(MYSQL_PLUGIN_DIR, o.plugin_dir);

  if (mysql_real_connect(mysql, text_of(o.host), text_of(o.user),
                         text_of(o.password), nullptr, o.port.value_or(0),
                         text_of(o.socket), 0) != nullptr)
    return {};
  const ServerError error = error_of(mysql);
  handle_->close();
  return error;
}

std::chrono::seconds Connection::timeout() const {
  return std::chrono::seconds(
      options_.connect_timeout.value_or(default_timeout));
}

ServerError Connection::query(const std::string &sql, Rows *rows) {
  MYSQL *mysql = handle_->mysql;
  if (mysql == nullptr) return {CR_SERVER_GONE_ERROR, "not connected"};
  if (rows != nullptr) *rows = {};
  // Connector/C has one error for a connection that has ended and for one on
  // which nothing comes.
  const auto begin = steady_clock::now();
  if (mysql_real_query(mysql, sql.data(), sql.size()) != 0) {
    ServerError error = error_of(mysql);
    error.timed_out = error.code == CR_SERVER_LOST &&
                      steady_clock::now() - begin >= timeout();
    return error;
  }
  MYSQL_RES *result = mysql_store_result(mysql);
  if (result == nullptr)
    return mysql_errno(mysql) != 0 ? error_of(mysql) : ServerError();
  const unsigned width = mysql_num_fields(result);
  if (rows != nullptr) {
    const MYSQL_FIELD *fields = mysql_fetch_fields(result);
    for (unsigned i = 0; i < width; ++i)
      rows->columns.push_back(fields[i].name);
    while (const MYSQL_ROW row = mysql_fetch_row(result)) {
      const unsigned long *lengths = mysql_fetch_lengths(result);
      std::vector<Rows::Value> &values = rows->rows.emplace_back();
      for (unsigned i = 0; i < width; ++i)
        values.push_back(row[i] == nullptr
                             ? Rows::Value()
                             : Rows::Value(std::in_place, row[i], lengths[i]));
    }
  }
  mysql_free_result(result);
  return {};
}

std::string Connection::server_version() const {
  const char *version = handle_->mysql != nullptr
                            ? mysql_get_server_info(handle_->mysql)
                            : nullptr;
  return version != nullptr ? version : "";
}

}  // namespace recovery_gate::tool
